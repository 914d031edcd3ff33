"""Tables made into peers' local tasks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peer.algorithms.subspace import orthonormalize
from peer.data.dealing import check_fraction, check_seed, deal, held_out
from peer.data.features import Features
from peer.data.local import Preparation, Task, check_peer_name, from_tasks, task_order
from peer.data.npz_table import NpzTable
from peer.data.roles import ImportOptions, Roles, open_for_import
from peer.data.store import PeerData
from peer.data.tables import Array, Labels, Table
from topology.errors import InputError
from topology.spelling import peer_name_of

__all__ = ["ImportOptions", "import_table"]


def import_table(
    file: str | Path, options: ImportOptions, tell: Callable[[str], None] | None = None
) -> PeerData:
    """Make peers' local tasks out of one table.

    Parameters
    ----------
    file : str or Path
        CSV, Parquet or NPZ. An array ``U_true`` of an NPZ file becomes every peer's truth; only its span
        counts, so columns that are not orthonormal are made so.
    options : ImportOptions
        What its columns mean.
    tell : callable, optional
        Is called with a line for people, where something is called otherwise than in the table.

    Returns
    -------
    mapping
        By peer: its tasks, and the truth or None.

    Raises
    ------
    InputError
        For everything that cannot be used, naming column and line.
    """
    check_fraction(options.holdout)
    check_seed(options.seed)
    table, roles = open_for_import(Path(file), options)
    tasks = table.tasks(roles.task)
    y = _target(table, roles.target)
    made = Features(table, roles.features, options.one_hot)
    rows = _rows_by_task(tasks)
    if roles.peer is not None:
        shares = _owners(table, roles, rows, tell)
    else:
        shares = deal(list(rows), options.peers or (), options.seed)
    held = _held_rows(rows, table.rows, options)
    _refuse_constant_target(table, roles.target, y[~held])
    made.refuse_constant(~held)
    if options.standardize:
        made.standardize(~held)
    if options.intercept:
        made.add_intercept()
    truth = _truth(table, options, len(made.names))

    def task(task_id: str) -> Task:
        where = rows[task_id]
        learn, rest = where[~held[where]], where[held[where]]
        if not options.holdout:
            return Task(task_id, made.X[learn], y[learn])
        return Task(task_id, made.X[learn], y[learn], made.X[rest], y[rest])

    how = _preparation(roles, made, options.intercept)
    return {
        name: (from_tasks([task(task_id) for task_id in share], tuple(made.names), how), truth)
        for name, share in shares.items()
    }


def _target(table: Table, name: str) -> Array:
    y = table.numbers(name)
    if y.shape[1] != 1:
        raise InputError(
            f"has {y.shape[1]} columns",
            file=table.file,
            field=f"array {name!r}",
            mend="give one target per row",
        )
    return y[:, 0]


def _refuse_constant_target(table: Table, name: str, y: Array) -> None:
    if y.min() == y.max():
        raise InputError(
            f"is {y[0]:g} in all rows for learning",
            file=table.file,
            field=f"column {name!r}",
            mend="there is nothing to learn: name another --target",
        )


def _rows_by_task(tasks: Labels) -> dict[str, NDArray[np.intp]]:
    """Rows of each task in the order of the file, tasks in ascending order."""
    ids, codes = np.unique(tasks, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    runs = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    rows = dict(zip(ids.tolist(), runs, strict=True))
    return {task_id: rows[task_id] for task_id in sorted(rows, key=task_order)}


def _held_rows(rows: dict[str, NDArray[np.intp]], num_rows: int, options: ImportOptions) -> NDArray[np.bool_]:
    held = np.zeros(num_rows, dtype=np.bool_)
    for task_id, where in rows.items():
        held[where] = held_out(task_id, len(where), options.holdout, options.seed)
    return held


def _owners(
    table: Table, roles: Roles, rows: dict[str, NDArray[np.intp]], tell: Callable[[str], None] | None
) -> dict[str, tuple[str, ...]]:
    """Tasks of each peer as a column says; ``Bad Homburg`` becomes bad-homburg."""
    column = roles.peer
    assert column is not None
    labels = table.labels(column)
    names = _peer_names(table, column, labels)
    peers = np.array([names[label] for label in labels.tolist()])
    for label, name in names.items():
        if tell is not None and label.lower() != name:
            tell(f"{label!r} is the peer {name}")
    shares: dict[str, list[str]] = {name: [] for name in sorted(names.values())}
    for task_id, where in rows.items():
        owner = str(peers[where[0]])
        strays = where[peers[where] != owner]
        if strays.size:
            raise table.refusal(
                column,
                int(strays[0]),
                f"task {task_id!r} is at {str(peers[strays[0]])!r}, but at {owner!r} in {table.where(int(where[0]))}",
                f"keep each task at one peer, or make one task per peer of it: --task {column},{roles.task}",
            )
        shares[owner].append(task_id)
    return {name: tuple(share) for name, share in shares.items()}


def _peer_names(table: Table, column: str, labels: Labels) -> dict[str, str]:
    """Name of the peer by what the table calls it; capitals make no other peer."""
    names: dict[str, str] = {}
    spelled: dict[str, str] = {}
    found, first = np.unique(labels, return_index=True)
    for label, row in sorted(zip(found.tolist(), first.tolist(), strict=True), key=lambda pair: pair[1]):
        name = peer_name_of(label)
        try:
            check_peer_name(name)
        except InputError as error:
            raise table.refusal(column, row, f"{label!r} cannot be a name", error.mend or "") from None
        if spelled.setdefault(name, label).casefold() != label.casefold():
            problem = f"{label!r} and {spelled[name]!r} would both be the peer {name!r}"
            raise table.refusal(column, row, problem, "write them alike if they are one, else rename one")
        names[label] = name
    return names


def _truth(table: Table, options: ImportOptions, dim: int) -> Array | None:
    """The true basis of an NPZ file, orthonormal."""
    if not isinstance(table, NpzTable) or "U_true" not in table.names:
        return None
    U = table.array("U_true")

    def refusal(problem: str, mend: str) -> InputError:
        return InputError(problem, file=table.file, field="array 'U_true'", mend=mend)

    if U.ndim != 2 or U.shape[0] != dim or not 1 <= U.shape[1] <= dim or U.dtype.kind not in "iuf":
        raise refusal(
            f"is {U.dtype} of shape {U.shape}, with {dim} features",
            f"give numbers of shape ({dim}, r), r from 1 to {dim}: one row per feature, the intercept's last",
        )
    if options.standardize:
        raise refusal(
            "the truth does not hold for standardised features", "leave out --standardize or U_true"
        )
    U = U.astype(np.float64)
    if not np.isfinite(U).all():
        raise refusal("holds NaN or infinite numbers", "mend them, or leave U_true out")
    if np.abs(U.T @ U - np.eye(U.shape[1])).max() < 1e-8:
        return U
    if np.linalg.matrix_rank(U) < U.shape[1]:
        raise refusal(f"its {U.shape[1]} columns are linearly dependent", "give a basis")
    return orthonormalize(U)[0]


def _preparation(roles: Roles, made: Features, intercept: bool) -> Preparation:
    return Preparation(
        task=roles.task,
        target=roles.target,
        one_hot=made.levels,
        intercept=intercept,
        mean=tuple(made.mean.tolist()),
        scale=tuple(made.scale.tolist()),
    )
