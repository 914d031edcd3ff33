"""The same tasks at other peers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from peer.data.dealing import deal
from peer.data.local import from_tasks, task_order
from peer.data.store import Array, PeerData, peers_of, read_all, read_truth
from topology.errors import InputError

__all__ = ["split"]


def split(data_dir: str | Path, peers: Sequence[str], seed: int = 0) -> PeerData:
    """Deal the tasks of a data folder to other peers.

    Parameters
    ----------
    data_dir : str or Path
        ``DIR``, with one folder per peer.
    peers : sequence of str
        Names of the new peers.
    seed : int, optional
        Of the order in which the tasks are dealt; it depends on the tasks, not on who had them.

    Returns
    -------
    mapping
        By new peer: its tasks with their rows, held-out rows and preparation, and the truth.

    Raises
    ------
    InputError
        If the folder cannot be read, if peers of it differ in features, preparation or truth, or if
        there are more new peers than tasks.
    """
    data_dir = Path(data_dir)
    old = read_all(data_dir, peers_of(data_dir))
    first, *others = old
    truths = {name: read_truth(data_dir / name) for name in old}
    truth = truths[first]
    for name in others:
        if old[name].preparation != old[first].preparation:
            raise InputError(
                f"peers {first} and {name} were prepared in different ways",
                file=data_dir / name,
                field="preparation",
                mend="import the tables again as one",
            )
        if not _equal(truth, truths[name]):
            raise InputError(
                f"peers {first} and {name} have different truths",
                file=data_dir / name,
                field="U_true",
                mend="give all peers the same truth, or none",
            )
    tasks = {task.task_id: task for local in old.values() for task in local.tasks()}
    shares = deal(sorted(tasks, key=task_order), peers, seed)
    features, preparation = old[first].features, old[first].preparation
    return {
        name: (from_tasks([tasks[task_id] for task_id in share], features, preparation), truth)
        for name, share in shares.items()
    }


def _equal(one: Array | None, other: Array | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)
