"""The multi-task regression problem on a block of peers."""

import numpy as np

from peer.algorithms.peer_problem import PeerProblem
from peer.algorithms.rows import PeerRows, runs
from peer.config import RunFailed
from peer.program import Array, Facts

__all__ = ["Problem"]


class Problem:
    """Linear regression tasks that share a subspace, with the rows of all tasks one after the other.

    The objective is ``sum over tasks ||y_t - X_t U b_t||^2``, a sum over *all rows*: a task with more rows
    weighs more. Where the numbers of rows n_t differ, the moments of the initialisation are scaled by 1/n_t
    (each task's moment estimates its own parameter, on one scale), the truncation threshold is a multiple of
    the mean square of all responses of the network, and the step size uses the network's mean of n_t.

    Parameters
    ----------
    X : array, shape (N, d)
        Float64. Rows of one task lie together, tasks of one peer likewise.
    y : array, shape (N,)
        Float64.
    task_ptr : int array, shape (T + 1,)
        Task t has the rows ``task_ptr[t]:task_ptr[t + 1]``.
    peer_tasks : int array, shape (P + 1,)
        Peer p has the tasks ``peer_tasks[p]:peer_tasks[p + 1]``.
    facts : Facts
        Of the whole network.

    Notes
    -----
    Which way is computed follows from ``facts`` only, never from the block, and every task and every peer is
    a product of its own: one peer gets the same bits alone and in a block.
    """

    def __init__(self, X: Array, y: Array, task_ptr: Array, peer_tasks: Array, facts: Facts) -> None:
        self.facts = facts
        self.X = np.ascontiguousarray(X, dtype=np.float64)
        self.y = np.ascontiguousarray(y, dtype=np.float64)
        self._task_ptr = np.asarray(task_ptr)
        self._num_block_tasks = len(task_ptr) - 1
        self._counts = np.diff(task_ptr)
        self._tasks = runs(task_ptr)
        self._row_task = np.repeat(np.arange(self._num_block_tasks), self._counts)
        self._peer_tasks = np.asarray(peer_tasks)
        self._row_starts = np.asarray(task_ptr)[self._peer_tasks]
        self._row_peer = np.repeat(np.arange(len(self._peer_tasks) - 1), np.diff(self._row_starts))
        self._rows = PeerRows(self.X, self._row_starts)

    def peer(self, row: int) -> PeerProblem:
        """Return the problem of one peer of the block, for programs written for one peer; nothing is copied."""
        first, last = self._peer_tasks[row : row + 2]
        task_ptr = self._task_ptr[first : last + 1]
        part = slice(task_ptr[0], task_ptr[-1])
        own = task_ptr - task_ptr[0]
        block = Problem(self.X[part], self.y[part], own, np.array([0, last - first]), self.facts)
        return PeerProblem(block, own)

    def fit(self, U: Array, ridge: float = 0.0) -> tuple[Array, Array]:
        """Solve every task's least squares over the subspace: ``argmin ||y_t - X_t U b||^2 + ridge ||b||^2``.

        By the normal equations of the (n_t, r) matrix X_t U.

        Parameters
        ----------
        U : array, shape (P, d, r)
            Each peer's basis.
        ridge : float, optional
            Added to the diagonal of the normal equations.

        Returns
        -------
        B : array, shape (T, r)
            Coefficients of the block's tasks.
        residual : array, shape (N,)
            ``X_t U b_t - y_t``.

        Raises
        ------
        RunFailed
            If the equations of a task are singular.
        """
        A = self._rows.times(U)
        r = A.shape[1]
        gram, moment = self._normal_equations(A)
        if ridge:
            gram[:, range(r), range(r)] += ridge
        try:
            B = np.linalg.solve(gram, moment)
        except np.linalg.LinAlgError:
            sign, _ = np.linalg.slogdet(gram)
            raise RunFailed(_singular(int(np.argmin(np.abs(sign))), r)) from None
        return B[..., 0], self._predict(A, B) - self.y

    def require_unique_fit(self, U: Array) -> None:
        """Raise RunFailed where a task's rows have not the rank for a least squares without ridge.

        Rounding hides most such tasks from :meth:`fit`, whose solution would be large and meaningless.
        """
        gram, _ = self._normal_equations(self._rows.times(U))
        eigenvalues = np.linalg.eigvalsh(gram)
        rank = gram.shape[1]
        missing = eigenvalues[:, 0] <= rank * np.finfo(np.float64).eps * eigenvalues[:, -1]
        if missing.any():
            raise RunFailed(_singular(int(np.argmax(missing)), rank))

    def gradient(self, B: Array, residual: Array) -> Array:
        """Return ``sum over tasks X_t^T (X_t U b_t - y_t) b_t^T``, shape (P, d, r), without the factor 2.

        Parameters
        ----------
        B, residual
            As :meth:`fit` returns them.
        """
        r = B.shape[1]
        if self.facts.equal_samples:
            n = len(residual) // len(B)
            R = (residual.reshape(-1, n, 1) * B[:, np.newaxis]).reshape(-1, r)
        else:
            R = residual[:, np.newaxis] * B[self._row_task]
        return self._rows.transposed_times(R)

    def energy(self) -> Array:
        """Return the sum of squares of each peer's responses, shape (P,)."""
        squares = self.y * self.y
        return np.array([squares[part].sum() for part in runs(self._row_starts)])

    def moments(self, threshold: Array) -> PeerRows:
        """Return the truncated moments ``X_t^T y_t / n_t`` of all tasks as rows, (T, d).

        Parameters
        ----------
        threshold : array, shape (P,)
            Responses whose square is above their peer's threshold count as 0.
        """
        kept = np.where(self.y * self.y <= threshold[self._row_peer], self.y, 0.0)
        rows = np.empty((self._num_block_tasks, self.X.shape[1]))
        for t, part in enumerate(self._tasks):
            np.matmul(kept[part], self.X[part], out=rows[t])
        return PeerRows(rows / self._counts[:, np.newaxis], self._peer_tasks)

    def _normal_equations(self, A: Array) -> tuple[Array, Array]:
        """Return A_t^T A_t, (T, r, r), and A_t^T y_t, (T, r, 1), of every task."""
        r = A.shape[1]
        y = self.y[:, np.newaxis]
        if self.facts.equal_samples:
            parts = A.reshape(self._num_block_tasks, -1, r)
            turned = parts.transpose(0, 2, 1)
            return turned @ parts, turned @ y.reshape(self._num_block_tasks, -1, 1)
        gram = np.empty((self._num_block_tasks, r, r))
        moment = np.empty((self._num_block_tasks, r, 1))
        for t, part in enumerate(self._tasks):
            turned = A[part].T
            np.matmul(turned, A[part], out=gram[t])
            np.matmul(turned, y[part], out=moment[t])
        return gram, moment

    def _predict(self, A: Array, B: Array) -> Array:
        if self.facts.equal_samples:
            return (A.reshape(len(B), -1, A.shape[1]) @ B).reshape(-1)
        fitted = np.empty((len(A), 1))
        for t, part in enumerate(self._tasks):
            np.matmul(A[part], B[t], out=fitted[part])
        return fitted[:, 0]


def _singular(task: int, rank: int) -> str:
    return (
        f"the least squares of the peer's task {task + 1} (as `difpeer data describe --json` lists them) have no "
        f"unique solution: the task's rows do not reach all {rank} directions of the basis; set coefficients.ridge "
        "above 0, or lower rank"
    )
