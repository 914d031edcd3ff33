"""Which columns of a table to import are what."""

from dataclasses import dataclass
from pathlib import Path

from peer.data.opening import open_table
from peer.data.tables import Table
from topology.errors import InputError

__all__ = ["ImportOptions", "Roles", "open_for_import"]


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """What the columns of a table mean.

    Parameters
    ----------
    task : str, optional
        Column that names the task, or several with commas between them; for NPZ by default ``task``.
    target : str, optional
        Column of y; for NPZ by default ``y``.
    features : tuple of str, optional
        Columns that become features; by default all others, for NPZ ``X``.
    without : tuple of str, optional
        Columns that are no features, where `features` names none.
    one_hot : tuple of str, optional
        Columns of which each level becomes a feature, after those of `features` unless named there.
    peer : str, optional
        Column that names the peer, written as :func:`topology.spelling.peer_name_of` does; for NPZ by default
        ``peer`` if it is there and `peers` is not given.
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
    without: tuple[str, ...] = ()
    one_hot: tuple[str, ...] = ()
    peer: str | None = None
    peers: tuple[str, ...] | None = None
    intercept: bool = False
    standardize: bool = False
    holdout: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Roles:
    """Columns by what they mean; see `Table.tasks` for that of the task."""

    task: str
    target: str
    peer: str | None
    features: tuple[str, ...]


def open_for_import(file: Path, options: ImportOptions) -> tuple[Table, Roles]:
    """Open a table and find its columns.

    Parameters
    ----------
    file : Path
        The table.
    options : ImportOptions
        What its columns mean.

    Returns
    -------
    table : Table
        With the columns that the roles name.
    roles : Roles
        Which is what.

    Raises
    ------
    InputError
        If a column is not there, or has two roles.
    """
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
    named = {*options.one_hot} | ({options.peer} if options.peer else set())
    table = open_table(file, task, named)
    peer = options.peer
    if peer is None and options.peers is None:
        if defaults[0] is None or "peer" not in table.names:
            mend = "name the column of peers (--peer COL), or deal the tasks (--peers L or --network FILE)"
            raise InputError("nothing says which peer holds which task", file=file, field="--peer", mend=mend)
        peer = "peer"
    of_task = table.task_columns(task)
    named_roles = [*((name, "--task") for name in of_task), (target, "--target")]
    if peer is not None and not (len(of_task) > 1 and peer in of_task):
        named_roles.append((peer, "--peer"))
    if options.features is not None:
        features = options.features
    else:
        others = {*dict(named_roles), *options.without}
        features = tuple(name for name in table.default_features() if name not in others)
    features = (*features, *(name for name in options.one_hot if name not in features))
    _check_without(table, options)
    _check_roles(table, named_roles, features, options)
    return table, Roles(",".join(of_task), target, peer, features)


def _check_without(table: Table, options: ImportOptions) -> None:
    if options.without and options.features is not None:
        raise InputError(
            "--without excludes --features", file=table.file, field="--without", mend="give one of them"
        )
    for name in options.without:
        table.require(name, "--without")
        if name in options.one_hot:
            raise InputError(
                f"column {name!r} is in --one-hot", file=table.file, field="--without", mend="name it once"
            )


def _check_roles(
    table: Table, named: list[tuple[str, str]], features: tuple[str, ...], options: ImportOptions
) -> None:
    taken = dict(named)
    for name, option in named:
        table.require(name, option)
    if len(taken) < len(named):
        raise InputError(
            f"one column as two of --task, --target, --peer: {', '.join(name for name, _ in named)}",
            file=table.file,
            field=taken[named[-1][0]],
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
