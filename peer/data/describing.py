"""What is in a data folder, in numbers."""

from pathlib import Path
from typing import Any

import numpy as np

from peer.data.local import LocalData
from peer.data.remarks import remarks_on
from peer.data.store import PeerData, peers_of, read_all, read_truth

__all__ = ["describe", "summarize"]


def describe(data_dir: str | Path) -> dict[str, Any]:
    """Read a data folder, check it, and say what is in it.

    Parameters
    ----------
    data_dir : str or Path
        ``DIR``, with one folder per peer.

    Returns
    -------
    dict
        As `summarize` gives it.

    Raises
    ------
    InputError
        If the folder is damaged, or its peers do not belong together.
    """
    data_dir = Path(data_dir)
    peers = read_all(data_dir, peers_of(data_dir))
    return summarize(data_dir, {name: (local, read_truth(data_dir / name)) for name, local in peers.items()})


def summarize(data_dir: str | Path, peers: PeerData) -> dict[str, Any]:
    """Say what is in the data of all peers.

    Parameters
    ----------
    data_dir : str or Path
        Where they are.
    peers : mapping
        By peer: its tasks, and the truth or None.

    Returns
    -------
    dict
        JSON values: numbers of peers, tasks, rows and held-out rows, dimension, features, fewest and
        most rows for learning per task, rank of the first peer's truth (null without one), remarks for people,
        and by peer.
    """
    locals_ = {name: local for name, (local, _) in peers.items()}
    truths = [truth for _, truth in peers.values()]
    first = next(iter(locals_.values()))
    counts = np.concatenate([np.diff(local.task_ptr) for local in locals_.values()])
    return {
        "data": str(data_dir),
        "num_peers": len(peers),
        "num_tasks": len(counts),
        "num_rows": int(counts.sum()),
        "num_holdout_rows": sum(_num_held(local) for local in locals_.values()),
        "num_samples": {"min": int(counts.min()), "max": int(counts.max()), "mean": float(counts.mean())},
        "dim": first.dim,
        "features": list(first.features),
        "preparation": first.preparation.model_dump(mode="json") if first.preparation else None,
        "truth_rank": None if truths[0] is None else truths[0].shape[1],
        "remarks": remarks_on(list(locals_.values())),
        "peers": {name: {**_peer(local), "truth": U is not None} for name, (local, U) in peers.items()},
    }


def _peer(local: LocalData) -> dict[str, Any]:
    counts = np.diff(local.task_ptr)
    return {
        "num_tasks": local.num_tasks,
        "task_ids": list(local.task_ids),
        "num_rows": len(local.y),
        "num_holdout_rows": _num_held(local),
        "num_samples": {"min": int(counts.min()), "max": int(counts.max())},
    }


def _num_held(local: LocalData) -> int:
    return 0 if local.y_holdout is None else len(local.y_holdout)
