"""Which clock each start of a peer had: a process that starts again keeps its machine's clock, a machine does not."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

__all__ = ["Boots", "read_boots"]

Ints = NDArray[np.int64]

SAME_NS = 1_000_000_000
"""UTC less the machine's clock stays the same from its start on; a machine that starts again takes longer than this."""

_BOTH_CLOCKS = "SELECT peer, incarnation, at_ns, at_utc FROM events ORDER BY peer, incarnation, at_ns"


@dataclass(frozen=True)
class Boots:
    """Which clock each start of a peer had.

    Attributes
    ----------
    clock : ndarray
        Shape (peers, incarnations + 1), int64: the clock of a peer's start; -1 of one without rows.
    owner : ndarray
        Shape (clocks,), int64: the peer of each clock.
    """

    clock: Ints
    owner: Ints


def read_boots(
    books: sqlite3.Connection, names: Sequence[str], peer: Ints, start: Ints, at_ns: Ints
) -> Boots:
    """Tell the clocks of a run apart.

    Parameters
    ----------
    books : sqlite3.Connection
        A ledger of one run.
    names : sequence of str
        All peers of the network.
    peer, start, at_ns : ndarray
        Shape (k,), int64: everything that has a time: whose it is, of which incarnation, and when on its own clock.

    Returns
    -------
    Boots
        A new clock for each peer, and for each start of it after which its clock showed less than before, or
        another difference to UTC, or for which nothing tells.
    """
    difference: dict[tuple[str, int], int] = {}
    for name, number, then_ns, then_utc in books.execute(_BOTH_CLOCKS):
        utc_ns = int(datetime.fromisoformat(then_utc).timestamp() * 1e9)
        difference.setdefault((name, number), utc_ns - then_ns)
    starts = 1 + int(start.max(initial=0))
    keys, place = np.unique(peer * starts + start, return_inverse=True)
    first, last = np.full(len(keys), np.iinfo(np.int64).max), np.zeros(len(keys), np.int64)
    np.minimum.at(first, place, at_ns)
    np.maximum.at(last, place, at_ns)
    clock = np.full((len(names), starts), -1)
    owner: list[int] = []
    for i, (whose, number) in enumerate(zip(*np.divmod(keys, starts), strict=True)):
        another_peer = not owner or owner[-1] != whose
        if not another_peer:
            before, now = (difference.get((names[whose], int(keys[j] % starts))) for j in (i - 1, i))
            told = before is not None and now is not None and abs(now - before) < SAME_NS
        if another_peer or first[i] < last[i - 1] or not told:
            owner.append(int(whose))
        clock[whose, number] = len(owner) - 1
    return Boots(clock, np.array(owner, np.int64))
