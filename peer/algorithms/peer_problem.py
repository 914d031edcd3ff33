"""The regression problem of one peer, without the axis of the peers."""

from typing import TYPE_CHECKING

import numpy as np

from peer.algorithms.rows import runs
from peer.program import Array, Facts

if TYPE_CHECKING:
    from peer.algorithms.problem import Problem

__all__ = ["PeerProblem"]


class PeerProblem:
    """One peer's tasks, for programs that are written for one peer.

    Parameters
    ----------
    block : Problem
        Of that peer: a block of one.
    task_ptr : int array, shape (T + 1,)
        Task t has the rows ``task_ptr[t]:task_ptr[t + 1]``.

    Attributes
    ----------
    facts : Facts
        Of the whole network.
    X, y : array, shape (N, d) and (N,)
        Float64: the rows of all own tasks, one task after the other. Read, do not change.
    tasks : list of slice
        The rows of each task: ``X[tasks[t]]``.
    """

    def __init__(self, block: "Problem", task_ptr: Array) -> None:
        self.facts: Facts = block.facts
        self.X = block.X
        self.y = block.y
        self.tasks = runs(task_ptr)
        self._block = block

    def fit(self, U: Array, ridge: float = 0.0) -> tuple[Array, Array]:
        """Solve every own task's least squares over the subspace.

        Parameters
        ----------
        U : array, shape (d, r)
            The peer's basis.
        ridge : float, optional
            Added to the diagonal of the normal equations.

        Returns
        -------
        B : array, shape (T, r)
            Coefficients of the own tasks.
        residual : array, shape (N,)
            ``X_t U b_t - y_t``.

        Raises
        ------
        RunFailed
            If the equations of a task are singular.
        """
        return self._block.fit(U[np.newaxis], ridge)

    def gradient(self, B: Array, residual: Array) -> Array:
        """Return ``sum over own tasks X_t^T (X_t U b_t - y_t) b_t^T``, shape (d, r), without the factor 2.

        Parameters
        ----------
        B, residual
            As :meth:`fit` returns them.
        """
        gradient: Array = self._block.gradient(B, residual)[0]
        return gradient
