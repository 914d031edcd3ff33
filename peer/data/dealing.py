"""Which task goes to which peer, and which rows are held out."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from peer.data.local import check_peer_name
from topology.errors import InputError

__all__ = ["check_fraction", "check_seed", "deal", "held_out"]

# Parts of seeds. numpy pads a seed with zeros, so each stream has its own first word after the
# user's seed, far from the purposes of programs.
DEAL, HOLDOUT = 2001, 2002


def deal(task_ids: Sequence[str], peers: Sequence[str], seed: int | None) -> dict[str, tuple[str, ...]]:
    """Give each peer its tasks: as many as any other peer, or one more.

    Parameters
    ----------
    task_ids : sequence of str
        All tasks.
    peers : sequence of str
        Names of the peers.
    seed : int or None
        Tasks are dealt in an order drawn from this seed; None keeps their order.

    Returns
    -------
    dict
        By peer, its tasks.

    Raises
    ------
    InputError
        If a name cannot be a peer's, or there are more peers than tasks.
    """
    for name in peers:
        check_peer_name(name)
        if peers.count(name) > 1:
            raise InputError(f"two peers are called {name!r}", field="peers", mend="give each its own name")
    if not 1 <= len(peers) <= len(task_ids):
        raise InputError(
            f"{len(peers)} peers for {len(task_ids)} tasks",
            field="peers",
            mend=f"every peer needs a task: give 1 to {len(task_ids)} peers",
        )
    order = np.arange(len(task_ids))
    if seed is not None:
        check_seed(seed)
        order = np.random.default_rng([seed, DEAL]).permutation(order)
    shares = np.array_split(order, len(peers))
    return {name: tuple(task_ids[i] for i in share) for name, share in zip(peers, shares, strict=True)}


def held_out(task_id: str, num_rows: int, fraction: float, seed: int) -> NDArray[np.bool_]:
    """Choose the rows of one task that no algorithm sees.

    Parameters
    ----------
    task_id : str
        The task; its draw depends on its name and the seed, on nothing else.
    num_rows : int
        Rows of the task, at least 1.
    fraction : float
        Of the rows, rounded to whole rows; one row at least stays.
    seed : int
        At least 0.

    Returns
    -------
    ndarray, shape (num_rows,), bool
        True where a row is held out.
    """
    held = min(round(fraction * num_rows), num_rows - 1)
    name = int.from_bytes(hashlib.sha256(task_id.encode()).digest()[:8], "little")
    chosen = np.random.default_rng([seed, HOLDOUT, name]).permutation(num_rows)[:held]
    mask = np.zeros(num_rows, dtype=np.bool_)
    mask[chosen] = True
    return mask


def check_fraction(fraction: float) -> None:
    """Refuse a fraction of held-out rows outside [0, 1).

    Parameters
    ----------
    fraction : float
        What was given.

    Raises
    ------
    InputError
        If nothing would be left to learn from.
    """
    if not 0 <= fraction < 1:
        raise InputError(f"{fraction} is no part of the rows", field="holdout", mend="give 0 ≤ fraction < 1")


def check_seed(seed: int) -> None:
    """Refuse a negative seed.

    Parameters
    ----------
    seed : int
        What was given.

    Raises
    ------
    InputError
        If it is negative.
    """
    if seed < 0:
        raise InputError(f"{seed} is negative", field="seed", mend="give a whole number from 0")
