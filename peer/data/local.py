"""A peer's tasks in memory: flat rows, tasks in ascending order."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from topology.entries import PeerName
from topology.errors import InputError

__all__ = [
    "LocalData",
    "Preparation",
    "Task",
    "check",
    "check_peer_name",
    "from_tasks",
    "offsets",
    "task_order",
]

Array = NDArray[np.float64]
Named = tuple[str, NDArray[Any]]

_PEER_NAME: TypeAdapter[str] = TypeAdapter(PeerName)
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")


class Preparation(BaseModel):
    """How the columns of a table became features; what a prediction for new rows needs.

    A feature's value is ``(value in the table - mean) / scale``; a feature ``column=level`` of a
    one-hot column counts as 1 in the rows of its level and 0 elsewhere; the intercept is 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    task: str
    """Column that named the task."""
    target: str
    """Column of y, never rescaled."""
    one_hot: dict[str, tuple[str, ...]] = {}
    """Levels of each one-hot column, in the order of their features."""
    intercept: bool = False
    """Whether the last feature is constant 1."""
    mean: tuple[float, ...]
    """One per feature; 0 where nothing was standardised."""
    scale: tuple[Annotated[float, Field(gt=0)], ...]
    """One per feature; 1 where nothing was standardised."""


@dataclass(frozen=True, eq=False)
class Task:
    """One task: its rows for learning and, perhaps, rows held out.

    Parameters
    ----------
    task_id : str
        Its name, unique in the network.
    X : ndarray, shape (n, d), float64
        Rows for learning, n ≥ 1.
    y : ndarray, shape (n,), float64
        Targets.
    X_holdout : ndarray, shape (m, d), float64, optional
        Rows that no algorithm sees.
    y_holdout : ndarray, shape (m,), float64, optional
        Their targets.
    """

    task_id: str
    X: Array
    y: Array
    X_holdout: Array | None = None
    y_holdout: Array | None = None


@dataclass(frozen=True, eq=False)
class LocalData:
    """The tasks of one peer.

    Parameters
    ----------
    task_ids : tuple of str
        Names of the T tasks, ascending in the order of `task_order`.
    task_ptr : ndarray, shape (T + 1,), int64
        Task t has the rows ``task_ptr[t]:task_ptr[t + 1]``, one at least.
    X : ndarray, shape (N, d), float64
        Rows of all tasks, C order.
    y : ndarray, shape (N,), float64
        Targets.
    features : tuple of str
        Names of the d columns.
    X_holdout, y_holdout : ndarray, shapes (M, d) and (M,), float64, optional
        Rows held out, laid out alike.
    holdout_ptr : ndarray, shape (T + 1,), int64, optional
        Task t's held-out rows; a task may have none.
    preparation : Preparation, optional
        How the features were made from a table.
    """

    task_ids: tuple[str, ...]
    task_ptr: NDArray[np.int64]
    X: Array
    y: Array
    features: tuple[str, ...]
    X_holdout: Array | None = None
    y_holdout: Array | None = None
    holdout_ptr: NDArray[np.int64] | None = None
    preparation: Preparation | None = None

    @property
    def num_tasks(self) -> int:
        """T, the number of tasks."""
        return len(self.task_ids)

    @property
    def dim(self) -> int:
        """The number of features d."""
        return len(self.features)

    def tasks(self) -> Iterator[Task]:
        """Go through the tasks in order; the arrays are views."""
        for position, task_id in enumerate(self.task_ids):
            rows = slice(*self.task_ptr[position : position + 2])
            if self.X_holdout is None or self.y_holdout is None or self.holdout_ptr is None:
                yield Task(task_id, self.X[rows], self.y[rows])
            else:
                held = slice(*self.holdout_ptr[position : position + 2])
                yield Task(task_id, self.X[rows], self.y[rows], self.X_holdout[held], self.y_holdout[held])


def task_order(task_id: str) -> tuple[int, int, str]:
    """Sort key of task names: whole numbers by value, then text by code points.

    Parameters
    ----------
    task_id : str
        A task's name.

    Returns
    -------
    tuple
        So that 2 comes before 10, and both before ``a``.

    Examples
    --------
    >>> sorted(["b", "10", "2", "a"], key=task_order)
    ['2', '10', 'a', 'b']
    """
    return (0, int(task_id), "") if _WHOLE_NUMBER.fullmatch(task_id) else (1, 0, task_id)


def from_tasks(
    tasks: Sequence[Task], features: tuple[str, ...], preparation: Preparation | None = None
) -> LocalData:
    """Lay tasks out as one peer's data.

    Parameters
    ----------
    tasks : sequence of Task
        At least one, in any order.
    features : tuple of str
        Names of the d columns.
    preparation : Preparation, optional
        How the features were made.

    Returns
    -------
    LocalData
        With copies of the rows; held-out rows are there if any task has them.
    """
    tasks = sorted(tasks, key=lambda task: task_order(task.task_id))
    held = [(task.X_holdout, task.y_holdout) for task in tasks]
    X_held = [np.empty((0, len(features))) if X is None else X for X, _ in held]
    y_held = [np.empty(0) if y is None else y for _, y in held]
    some_held = any(X is not None for X, _ in held)
    return LocalData(
        task_ids=tuple(task.task_id for task in tasks),
        task_ptr=offsets([len(task.y) for task in tasks]),
        X=np.concatenate([task.X for task in tasks]),
        y=np.concatenate([task.y for task in tasks]),
        features=features,
        X_holdout=np.concatenate(X_held) if some_held else None,
        y_holdout=np.concatenate(y_held) if some_held else None,
        holdout_ptr=offsets([len(y) for y in y_held]) if some_held else None,
        preparation=preparation,
    )


def offsets(counts: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Turn counts into the places where runs of that length begin, and the end of the last.

    Parameters
    ----------
    counts : sequence of int, length k
        Lengths of the runs.

    Returns
    -------
    ndarray, shape (k + 1,), int64
        From 0 to the sum of `counts`.
    """
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def check_peer_name(name: str) -> None:
    """Refuse what cannot be the name of a peer, and so of its folder.

    Parameters
    ----------
    name : str
        What shall be a name.

    Raises
    ------
    InputError
        If it is none; a path, for example.
    """
    try:
        _PEER_NAME.validate_python(name)
    except ValidationError as error:
        raise error.errors()[0]["ctx"]["error"] from None


def check(local: LocalData, file: str | Path | None = None) -> None:
    """Refuse data that no algorithm could use.

    Parameters
    ----------
    local : LocalData
        One peer's tasks.
    file : str or Path, optional
        Where they came from, for the message.

    Raises
    ------
    InputError
        For a shape, an order, a name or a number that is not as `LocalData` says.
    """
    for field, problem in _problems(local):
        raise InputError(problem, file=file, field=field, mend="make the data again: `difpeer data --help`")


def _problems(local: LocalData) -> Iterator[tuple[str, str]]:
    """Find what is wrong, as (field, problem); what comes later relies on what comes first."""
    keys = [task_order(task_id) for task_id in local.task_ids]
    if not keys:
        yield "task_ids", "there are no tasks"
    if not all(local.task_ids):
        yield "task_ids", "a task without a name"
    if any(after <= before for before, after in pairwise(keys)):
        yield "task_ids", "the tasks are not in ascending order"
    if not local.features:
        yield "features", "there are no features"
    if len(set(local.features)) < local.dim:
        yield "features", "two features have the same name"
    yield from _row_problems(local, ("task_ptr", local.task_ptr), ("X", local.X), ("y", local.y), 1)
    held = (local.holdout_ptr, local.X_holdout, local.y_holdout)
    if any(part is not None for part in held):
        names = ("holdout_ptr", "X_holdout", "y_holdout")
        for name, part in zip(names, held, strict=True):
            if part is None:
                yield name, "this array is missing"
        pointers, X, y = ((name, part) for name, part in zip(names, held, strict=True) if part is not None)
        yield from _row_problems(local, pointers, X, y, 0)
    if local.preparation is not None:
        for name in ("mean", "scale"):
            width = len(getattr(local.preparation, name))
            if width != local.dim:
                yield f"preparation.{name}", f"{width} values for {local.dim} features"


def _row_problems(
    local: LocalData, pointers: Named, X: Named, y: Named, fewest: int
) -> Iterator[tuple[str, str]]:
    name, offsets = pointers
    if offsets.dtype != np.int64 or offsets.shape != (local.num_tasks + 1,):
        yield name, f"is {_kind(offsets)}, not int64 of shape ({local.num_tasks + 1},)"
    short = np.flatnonzero(np.diff(offsets) < fewest)
    if offsets[0] != 0 or short.size:
        task_id = local.task_ids[short[0] if short.size else 0]
        yield name, f"task {task_id!r} has fewer rows than {fewest}, or they begin elsewhere than they should"
    shapes = ((X, (int(offsets[-1]), local.dim)), (y, (int(offsets[-1]),)))
    for (name, values), shape in shapes:
        if values.dtype != np.float64 or values.shape != shape:
            yield name, f"is {_kind(values)}, not float64 of shape {shape}"
        if not np.isfinite(values).all():
            row = int(np.argwhere(~np.isfinite(values))[0, 0])
            yield name, f"row {row + 1} holds {values[row][~np.isfinite(values[row])].flat[0]}, not a number"


def _kind(values: NDArray[Any]) -> str:
    return f"{values.dtype} of shape {values.shape}"
