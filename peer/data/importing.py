"""Tables made into peers' local tasks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peer.algorithms.subspace import orthonormalize
from peer.data.dealing import check_fraction, check_seed, deal, held_out
from peer.data.features import Features
from peer.data.local import Preparation, Task, check_peer_name, from_tasks, task_order
from peer.data.npz_table import NpzTable
from peer.data.opening import open_table
from peer.data.store import PeerData
from peer.data.tables import Array, Labels, Table
from topology.errors import InputError

__all__ = ["ImportOptions", "import_table"]


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """What the columns of a table mean.

    Parameters
    ----------
    task : str, optional
        Column that names the task; for NPZ by default ``task``.
    target : str, optional
        Column of y; for NPZ by default ``y``.
    features : tuple of str, optional
        Columns that become features; by default all others, for NPZ ``X``.
    one_hot : tuple of str, optional
        Columns of which each level becomes a feature, after those of `features` unless named there.
    peer : str, optional
        Column that names the peer; for NPZ by default ``peer`` if it is there and `peers` is not given.
    peers : tuple of str, optional
        Names of peers to deal the tasks to.
    intercept : bool, optional
        Whether to add a last feature that is 1.
    standardize : bool, optional
        Whether to give each feature mean 0 and variance 1 over the rows for learning of the whole table.
    holdout : float, optional
        Part of each task's rows to hold out, in [0, 1).
    seed : int, optional
        Of the dealing and of the held-out rows, at least 0.
    """

    task: str | None = None
    target: str | None = None
    features: tuple[str, ...] | None = None
    one_hot: tuple[str, ...] = ()
    peer: str | None = None
    peers: tuple[str, ...] | None = None
    intercept: bool = False
    standardize: bool = False
    holdout: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class _Roles:
    """Columns by what they mean."""

    task: str
    target: str
    peer: str | None
    features: tuple[str, ...]


def import_table(file: str | Path, options: ImportOptions) -> PeerData:
    """Make peers' local tasks out of one table.

    Parameters
    ----------
    file : str or Path
        CSV, Parquet or NPZ. An array ``U_true`` of an NPZ file becomes every peer's truth; only its span
        counts, so columns that are not orthonormal are made so.
    options : ImportOptions
        What its columns mean.

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
    table, roles = _open(Path(file), options)
    tasks = table.labels(roles.task)
    y = _target(table, roles.target)
    made = Features(table, roles.features, options.one_hot)
    rows = _rows_by_task(tasks)
    if roles.peer is not None:
        shares = _owners(table, roles.peer, tasks, rows)
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


def _open(file: Path, options: ImportOptions) -> tuple[Table, _Roles]:
    """Open the table and find its columns."""
    defaults = ("task", "y") if file.suffix.lower() == ".npz" else (None, None)
    task, target = options.task or defaults[0], options.target or defaults[1]
    for name, option in ((task, "--task"), (target, "--target")):
        if name is None:
            raise InputError("no column is named", file=file, field=option, mend=f"add {option} COL")
    assert task is not None
    assert target is not None
    if options.peer is not None and options.peers is not None:
        problem = "--peer excludes --peers and --network"
        raise InputError(problem, file=file, field="--peer", mend="give one of them")
    named = {task, *options.one_hot} | ({options.peer} if options.peer else set())
    table = open_table(file, task, named)
    peer = options.peer
    if peer is None and options.peers is None:
        if defaults[0] is None or "peer" not in table.names:
            mend = "name the column of peers (--peer COL), or deal the tasks (--peers L or --network FILE)"
            raise InputError("nothing says which peer holds which task", file=file, field="--peer", mend=mend)
        peer = "peer"
    taken = {task: "--task", target: "--target"} | ({peer: "--peer"} if peer else {})
    if options.features is not None:
        features = options.features
    else:
        features = tuple(name for name in table.default_features() if name not in taken)
    features = (*features, *(name for name in options.one_hot if name not in features))
    _check_roles(table, [task, target, *([peer] if peer else [])], taken, features, options)
    return table, _Roles(task, target, peer, features)


def _check_roles(
    table: Table, named: list[str], taken: dict[str, str], features: tuple[str, ...], options: ImportOptions
) -> None:
    for name in named:
        table.require(name, taken[name])
    if len(taken) < len(named):
        raise InputError(
            f"one column as two of --task, --target, --peer: {', '.join(named)}",
            file=table.file,
            field=taken[named[-1]],
            mend="give each its own",
        )
    if not features:
        raise InputError(
            "there are no features", file=table.file, field="--features", mend="name some columns"
        )
    for position, name in enumerate(features):
        option = "--one-hot" if name in options.one_hot else "--features"
        table.require(name, option)
        if name in taken:
            raise InputError(
                f"column {name!r} is {taken[name]} already",
                file=table.file,
                field=option,
                mend="leave it out here",
            )
        if name in features[:position]:
            raise InputError(f"column {name!r} twice", file=table.file, field=option, mend="name it once")


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
    table: Table, column: str, tasks: Labels, rows: dict[str, NDArray[np.intp]]
) -> dict[str, tuple[str, ...]]:
    """Tasks of each peer as a column says."""
    peers = table.labels(column)
    names, first = np.unique(peers, return_index=True)
    for name, row in zip(names.tolist(), first.tolist(), strict=True):
        try:
            check_peer_name(name)
        except InputError as error:
            raise table.refusal(column, row, error.problem, error.mend or "") from None
    shares: dict[str, list[str]] = {name: [] for name in names.tolist()}
    for task_id, where in rows.items():
        owner = str(peers[where[0]])
        strays = where[peers[where] != owner]
        if strays.size:
            raise table.refusal(
                column,
                int(strays[0]),
                f"task {task_id!r} is at {str(peers[strays[0]])!r}, but at {owner!r} in {table.where(int(where[0]))}",
                "keep each task at one peer, or make one task per peer of it",
            )
        shares[owner].append(task_id)
    return {name: tuple(share) for name, share in shares.items()}


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


def _preparation(roles: _Roles, made: Features, intercept: bool) -> Preparation:
    return Preparation(
        task=roles.task,
        target=roles.target,
        one_hot=made.levels,
        intercept=intercept,
        mean=tuple(made.mean.tolist()),
        scale=tuple(made.scale.tolist()),
    )
