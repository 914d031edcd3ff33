"""New rows of a table, with the features that a peer's own data have."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peer.data.local import Array, LocalData, Preparation
from peer.data.opening import open_table
from peer.data.tables import Table
from topology.errors import InputError, name_hint

__all__ = ["Rows", "held_out_rows", "read_new_rows"]

_IN_MATRIX = re.compile(r"(.*?)([0-9]+)")


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows to predict.

    Attributes
    ----------
    task : ndarray, shape (N,), int64
        Position of each row's task among the peer's tasks.
    X : ndarray, shape (N, d), float64
        Features as the peer's own rows have them.
    y : ndarray, shape (N,), float64, or None
        Targets, where they are known.
    """

    task: NDArray[np.int64]
    X: Array
    y: Array | None


def held_out_rows(local: LocalData) -> Rows | None:
    """Return the rows that the peer's data hold out; None where there are none."""
    if local.X_holdout is None or local.y_holdout is None or local.holdout_ptr is None:
        return None
    task = np.repeat(np.arange(local.num_tasks), np.diff(local.holdout_ptr))
    return Rows(task, local.X_holdout, local.y_holdout)


def read_new_rows(file: str | Path, local: LocalData, holders: Mapping[str, str] | None = None) -> Rows:
    """Read a table of new rows of tasks that the peer has.

    Columns have the names that they had in the table of the peer's own data; others are not looked at. The numbers
    are moved and scaled as those were.

    Parameters
    ----------
    file : str or Path
        CSV, Parquet or NPZ.
    local : LocalData
        The peer's own data.
    holders : mapping of str to str, optional
        Tasks that are known to be at other peers, for messages.

    Returns
    -------
    Rows
        In the order of the file; with targets where the table has their column, and not an empty one.

    Raises
    ------
    InputError
        If a column is missing, a task is not the peer's, or a value cannot be used.
    """
    how = local.preparation or _as_they_are(local)
    table = open_table(file, how.task, how.one_hot)
    for column in table.task_columns(how.task):
        _require(table, column)
    task = _positions(table, how.task, local.task_ids, holders or {})
    X = (_features(table, how, local.features) - np.array(how.mean)) / np.array(how.scale)
    known = how.target in table.names and not table.blank(how.target)
    y = table.numbers(how.target)[:, 0] if known else None
    return Rows(task, np.ascontiguousarray(X), y)


def _as_they_are(local: LocalData) -> Preparation:
    """What holds for data that were not made from a table: names as in an NPZ file."""
    return Preparation(task="task", target="y", mean=(0.0,) * local.dim, scale=(1.0,) * local.dim)


def _positions(
    table: Table, column: str, task_ids: tuple[str, ...], holders: Mapping[str, str]
) -> NDArray[np.int64]:
    labels = table.tasks(column)
    position = {task_id: number for number, task_id in enumerate(task_ids)}
    for task_id in dict.fromkeys(labels.tolist()):
        if task_id not in position:
            row = int(np.flatnonzero(labels == task_id)[0])
            mend = f"{name_hint(task_id, task_ids)} (a task is predicted by the peer that has learnt it)"
            if task_id in holders:
                mend = f"it is at {holders[task_id]}: predict it there, and leave its rows out here"
            raise table.refusal(column, row, f"this peer has no task {task_id!r}", mend)
    return np.array([position[task_id] for task_id in labels.tolist()], dtype=np.int64)


def _features(table: Table, how: Preparation, features: tuple[str, ...]) -> Array:
    """The columns of the features, not yet moved and scaled."""
    levels = {f"{column}={level}": column for column, of_it in how.one_hot.items() for level in of_it}
    coded = {column: _levels(table, column, of_it) for column, of_it in how.one_hot.items()}
    X = np.empty((table.rows, len(features)))
    for number, name in enumerate(features):
        if name in levels:
            column = levels[name]
            X[:, number] = coded[column] == name.removeprefix(f"{column}=")
        elif how.intercept and number == len(features) - 1:
            X[:, number] = 1.0
        else:
            X[:, number] = _numbers(table, name)
    return X


def _levels(table: Table, column: str, known: tuple[str, ...]) -> NDArray[np.str_]:
    _require(table, column)
    labels = table.labels(column)
    strange = np.flatnonzero(~np.isin(labels, known))
    if strange.size:
        row = int(strange[0])
        problem = f"the level {str(labels[row])!r} was not in the peer's own table"
        raise table.refusal(column, row, problem, name_hint(str(labels[row]), known))
    return labels


def _numbers(table: Table, name: str) -> Array:
    """One feature's column; an NPZ file may have it in a matrix, as ``X3`` is the fourth column of X."""
    if name not in table.names and (match := _IN_MATRIX.fullmatch(name)) is not None:
        matrix, column = match[1], int(match[2])
        if matrix in table.names or matrix.upper() in table.names:
            matrix = matrix if matrix in table.names else matrix.upper()
            values = table.numbers(matrix)
            if column < values.shape[1]:
                return values[:, column]
            problem = f"has {values.shape[1]} columns, and feature {name!r} is number {column}, from 0"
            raise InputError(
                problem, file=table.file, field=matrix, mend="give the columns that the peer's data have"
            )
    _require(table, name)
    return table.numbers(name)[:, 0]


def _require(table: Table, name: str) -> None:
    """Refuse a table without this column; what is nearly called so is to be renamed."""
    if name in table.names:
        return
    by_folded = {other.casefold(): other for other in table.names}
    alike = get_close_matches(name.casefold(), by_folded, n=1)
    if alike:
        mend = f"rename {by_folded[alike[0]]!r} to {name!r}"
    else:
        mend = "add it: new rows have every column that the peer's own table had, but for the target"
    raise InputError(f"there is no column {name!r}", file=table.file, field="--data", mend=mend)
