"""What a peer can say of new rows of its tasks, from the common basis and its own data."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from peer.config import RunFailed, RunSpec
from peer.data.local import Array, LocalData
from peer.data.new_rows import Rows
from peer.data.store import problem_of
from peer.program import Facts

__all__ = ["Errors", "errors_of", "predict", "predict_alone", "predict_by_mean", "ridge_of"]


def ridge_of(spec: RunSpec) -> float:
    """The ridge of a specification's least squares; 0 where its algorithm has none."""
    coefficients = getattr(spec, "coefficients", None)
    return 0.0 if coefficients is None else float(coefficients.ridge)


def predict(local: LocalData, U: Array, ridge: float, rows: Rows) -> Array:
    """Predict the targets of rows.

    The coefficients of every task are fitted to the peer's own rows over the basis, as the run itself fits them:
    they need not be in its results.

    Parameters
    ----------
    local : LocalData
        The peer's own data.
    U : ndarray, shape (d, r), float64
        The peer's basis.
    ridge : float
        In the least squares, as in the run's specification.
    rows : Rows
        What to predict.

    Returns
    -------
    ndarray, shape (N,), float64
        ``x^T U b`` of each row with its task's coefficients b.

    Raises
    ------
    RunFailed
        If a task's least squares have no unique solution; with the names of all such tasks.
    """
    counts = np.diff(local.task_ptr)
    facts = Facts(
        num_peers=1,
        num_tasks=local.num_tasks,
        total_samples=len(local.y),
        num_samples=float(counts.mean()),
        equal_samples=bool((counts == counts[0]).all()),
        dim=local.dim,
    )
    try:
        B, _ = problem_of(local, facts).fit(U[np.newaxis], ridge)
    except RunFailed as error:
        # Others only hear a number; here, where the data are, their names may be told.
        short = [task.task_id for task in local.tasks() if np.linalg.matrix_rank(task.X @ U) < U.shape[1]]
        raise RunFailed(f"{error} (tasks of this kind: {', '.join(short)})") from None
    predicted: Array = np.einsum("nr,nr->n", rows.X @ U, B[rows.task])
    return predicted


def predict_alone(local: LocalData, rows: Rows) -> Array:
    """Predict every row from its own task alone: least squares over all features, without a common basis.

    Parameters
    ----------
    local : LocalData
        The peer's own data.
    rows : Rows
        What to predict.

    Returns
    -------
    ndarray, shape (N,), float64
        From the smallest coefficients, where a task has fewer rows than features.
    """
    predicted = np.empty(len(rows.task))
    for position, task in enumerate(local.tasks()):
        where = rows.task == position
        if where.any():
            predicted[where] = rows.X[where] @ np.linalg.lstsq(task.X, task.y)[0]
    return predicted


def predict_by_mean(local: LocalData, rows: Rows) -> Array:
    """Predict every row, shape (N,), by the mean target of its task's rows for learning."""
    means: Array = np.array([task.y.mean() for task in local.tasks()])
    return means[rows.task]


@dataclass(frozen=True)
class Errors:
    """Root mean square errors of a prediction; None where the targets are not known.

    Attributes
    ----------
    rmse : float or None
        Over all rows.
    tasks : mapping of int to (int, float or None)
        By the position of each task that has rows: how many, and their error.
    """

    rmse: float | None
    tasks: Mapping[int, tuple[int, float | None]]


def errors_of(rows: Rows, predicted: Array) -> Errors:
    """Compare predictions, shape (N,), with the targets of their rows."""
    squares = None if rows.y is None else (predicted - rows.y) ** 2
    counts = np.bincount(rows.task)
    return Errors(
        _root_mean(squares),
        {
            int(task): (
                int(counts[task]),
                _root_mean(None if squares is None else squares[rows.task == task]),
            )
            for task in np.flatnonzero(counts)
        },
    )


def _root_mean(squares: Array | None) -> float | None:
    return None if squares is None else float(np.sqrt(squares.mean()))
