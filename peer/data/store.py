"""One folder per peer: rows in NPZ without pickle, a manifest with digests, the truth apart.

``DIR/<peer>/`` holds ``manifest.json``, ``rows.npz`` (`task_ptr`, `X`, `y`, and `X_holdout`,
`y_holdout`, `holdout_ptr` where rows are held out) and, for measuring only, ``truth.npz``
(`U_true`). A serving peer reads its own folder: nothing here may load pyarrow, pandas or scipy.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peer.algorithms.problem import Problem
from peer.data.folder import new_folder
from peer.data.local import LocalData, check, check_peer_name, offsets
from peer.data.manifest import Manifest, digest_of, read_manifest, verified, write_manifest
from peer.data.npz import npz_array, npz_names
from peer.program import Facts
from topology.errors import InputError, name_hint

__all__ = [
    "LocalData",
    "PeerData",
    "holders",
    "peers_of",
    "read_all",
    "read_peer",
    "read_truth",
    "write_all",
    "write_peer",
]

Array = NDArray[np.float64]
PeerData = Mapping[str, tuple[LocalData, Array | None]]
"""By peer: its tasks, and the truth where it is known."""

ROWS = "rows.npz"
TRUTH = "truth.npz"
_LEARN = ("task_ptr", "X", "y")
_HOLDOUT = ("holdout_ptr", "X_holdout", "y_holdout")
_MEND = "make the data again: `difpeer data --help`"


def write_peer(folder: str | Path, local: LocalData, U_true: Array | None = None) -> None:
    """Write one peer's folder, whole or not at all.

    Parameters
    ----------
    folder : str or Path
        ``DIR/<peer>``; it must not exist.
    local : LocalData
        The peer's tasks.
    U_true : ndarray, shape (d, r), float64, optional
        The true basis, orthonormal columns; read by measurement only.

    Raises
    ------
    InputError
        If the folder exists or cannot be written, or the data are not as `LocalData` says.
    """
    folder = Path(folder)
    check(local, folder)
    _check_truth(U_true, local.dim, folder)
    with new_folder(folder) as partial:
        _fill(partial, local, U_true)


def write_all(data_dir: str | Path, peers: PeerData) -> None:
    """Write the folders of all peers below a new folder, all of them or none.

    Parameters
    ----------
    data_dir : str or Path
        ``DIR``; it must not exist.
    peers : mapping
        By peer: its tasks, and the truth or None.

    Raises
    ------
    InputError
        As `write_peer` does.
    """
    data_dir = Path(data_dir)
    for name, (local, U_true) in peers.items():
        check(local, data_dir / name)
        _check_truth(U_true, local.dim, data_dir / name)
    with new_folder(data_dir) as partial:
        for name, (local, U_true) in peers.items():
            (partial / name).mkdir()
            _fill(partial / name, local, U_true)


def _fill(folder: Path, local: LocalData, U_true: Array | None) -> None:
    names = _LEARN if local.X_holdout is None else (*_LEARN, *_HOLDOUT)
    arrays: dict[str, Any] = {name: np.ascontiguousarray(getattr(local, name)) for name in names}
    np.savez(folder / ROWS, **arrays)
    if U_true is not None:
        np.savez(folder / TRUTH, U_true=np.ascontiguousarray(U_true))
    manifest = Manifest(
        task_ids=local.task_ids,
        features=local.features,
        files={path.name: digest_of(path) for path in sorted(folder.iterdir())},
        preparation=local.preparation,
    )
    write_manifest(folder, manifest)


def read_peer(folder: str | Path) -> LocalData:
    """Read one peer's tasks and check them.

    Parameters
    ----------
    folder : str or Path
        ``DIR/<peer>``.

    Returns
    -------
    LocalData
        Bit for bit what was written.

    Raises
    ------
    InputError
        If anything is missing, damaged, of another version, foreign or not a number.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    path = verified(folder, manifest, ROWS)
    arrays = {name: npz_array(path, name) for name in npz_names(path)}
    for name in _LEARN:
        if name not in arrays:
            raise InputError("this array is missing", file=path, field=name, mend=_MEND)
    for name in arrays:
        if name not in (*_LEARN, *_HOLDOUT):
            hint = name_hint(name, (*_LEARN, *_HOLDOUT))
            raise InputError("an unknown array", file=path, field=name, mend=hint)
    local = LocalData(
        task_ids=manifest.task_ids, features=manifest.features, preparation=manifest.preparation, **arrays
    )
    check(local, path)
    return local


def read_truth(folder: str | Path) -> Array | None:
    """Read the true basis that belongs to a peer's folder.

    Parameters
    ----------
    folder : str or Path
        ``DIR/<peer>``.

    Returns
    -------
    ndarray, shape (d, r), float64, or None
        None where no truth is known.

    Raises
    ------
    InputError
        If it is missing although the manifest names it, damaged, or of the wrong shape.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if TRUTH not in manifest.files and not (folder / TRUTH).exists():
        return None
    path = verified(folder, manifest, TRUTH)
    arrays = {name: npz_array(path, name) for name in npz_names(path)}
    if set(arrays) != {"U_true"}:
        raise InputError(
            f"holds {sorted(arrays)}, not one array U_true", file=path, field="U_true", mend=_MEND
        )
    _check_truth(arrays["U_true"], len(manifest.features), path)
    return arrays["U_true"]


def _check_truth(U_true: Array | None, dim: int, file: Path) -> None:
    if U_true is None:
        return
    if U_true.dtype != np.float64 or U_true.ndim != 2 or not (U_true.shape[0] == dim >= U_true.shape[1] >= 1):
        raise InputError(
            f"is {U_true.dtype} of shape {U_true.shape}, not float64 of shape (d, r), d = {dim}, r ≤ d",
            file=file,
            field="U_true",
            mend="give one row per feature, one column per direction",
        )
    # Also catches NaN: a comparison with it is false.
    if not np.abs(U_true.T @ U_true - np.eye(U_true.shape[1])).max() < 1e-8:
        raise InputError(
            "the columns are not orthonormal", file=file, field="U_true", mend="orthonormalise it"
        )


def peers_of(data_dir: str | Path) -> tuple[str, ...]:
    """Names of the peers that have data below a folder.

    Parameters
    ----------
    data_dir : str or Path
        ``DIR``, with one folder per peer; files in it, and names that begin with a dot, do not count.

    Returns
    -------
    tuple of str
        In ascending order.

    Raises
    ------
    InputError
        If there is no such folder, or no peer in it, or a folder that cannot be a peer's.
    """
    data_dir = Path(data_dir)
    if not data_dir.is_dir():
        raise InputError("no such folder", file=data_dir, mend="give a folder written by `difpeer data`")
    names = sorted(
        path.name for path in data_dir.iterdir() if path.is_dir() and not path.name.startswith(".")
    )
    if not names:
        one_peer = (data_dir / "manifest.json").exists()
        raise InputError(
            "holds no peer's folder",
            file=data_dir,
            mend=f"give the folder above: {data_dir.parent}"
            if one_peer
            else "give one written by `difpeer data`",
        )
    for name in names:
        try:
            check_peer_name(name)
        except InputError as error:
            raise InputError(error.problem, file=data_dir / name, mend="move this folder elsewhere") from None
    return tuple(names)


def read_all(data_dir: str | Path, names: Iterable[str]) -> dict[str, LocalData]:
    """Read the tasks of several peers, and check that they belong together.

    Parameters
    ----------
    data_dir : str or Path
        ``DIR``, with one folder per peer.
    names : iterable of str
        Peers to read.

    Returns
    -------
    dict
        By peer, in the order of `names`.

    Raises
    ------
    InputError
        If a peer has no folder, or one that cannot be read, or if two peers differ in their features
        or share a task.
    """
    data_dir = Path(data_dir)
    there = peers_of(data_dir)
    peers: dict[str, LocalData] = {}
    owner: dict[str, str] = {}
    for name in names:
        if name not in there:
            hint = f"{name_hint(name, there)} (or divide the data anew: `difpeer data split`)"
            raise InputError(f"peer {name} has no data", file=data_dir / name, mend=hint)
        peers[name] = local = read_peer(data_dir / name)
        first = next(iter(peers))
        if local.features != peers[first].features:
            raise InputError(
                f"peer {name} has {local.dim} features, {_differing(local, peers[first])} those of {first}",
                file=data_dir / name,
                field="features",
                mend="give all peers the same features, in the same order",
            )
        for task_id in local.task_ids:
            if task_id in owner:
                raise InputError(
                    f"task {task_id!r} is at {owner[task_id]} too",
                    file=data_dir / name,
                    field="task_ids",
                    mend="keep it at one of the two",
                )
            owner[task_id] = name
    return peers


def holders(data_dir: str | Path, *, but: str) -> dict[str, str]:
    """Tell who has which task, as far as other peers' folders are here.

    Parameters
    ----------
    data_dir : str or Path
        ``DIR``, with one folder per peer.
    but : str
        The peer to leave out.

    Returns
    -------
    dict of str to str
        Peer by task; without folders that cannot be read.
    """
    known: dict[str, str] = {}
    for name in peers_of(data_dir):
        with suppress(InputError):
            if name != but:
                known.update(dict.fromkeys(read_manifest(Path(data_dir) / name).task_ids, name))
    return known


def problem_of(local: LocalData, facts: Facts) -> Problem:
    """Make the problem of one peer, a block of one.

    Parameters
    ----------
    local : LocalData
        The peer's tasks.
    facts : Facts
        Of the whole network.

    Returns
    -------
    Problem
        On the same rows, without the held-out ones.
    """
    return block_problem([local], facts)


def block_problem(peers: Sequence[LocalData], facts: Facts) -> Problem:
    """Make the problem of a block of peers.

    Parameters
    ----------
    peers : sequence of LocalData
        In the order of the block.
    facts : Facts
        Of the whole network.

    Returns
    -------
    Problem
        With the rows of all of them, one peer after the other.
    """
    if len(peers) == 1:
        X, y = peers[0].X, peers[0].y
    else:
        X = np.concatenate([local.X for local in peers])
        y = np.concatenate([local.y for local in peers])
    counts = np.concatenate([np.diff(local.task_ptr) for local in peers])
    return Problem(X, y, offsets(counts), offsets([local.num_tasks for local in peers]), facts)


def _differing(local: LocalData, other: LocalData) -> str:
    missing = sorted(set(other.features) - set(local.features))
    return f"without {missing[0]!r} of" if missing else "in another order than"
