"""Anatomy of all rounds of a run: when each part of each round began at each peer, as arrays.

A round at a peer has six moments: the program begins to compute, asks for the round, its values are encoded, the
last of them is handed over, the last expected one has arrived, the program has its reply. What lies between two of
them is a part: adapt, encode, send, wait, decode.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from peer.measure.columns import read_columns

__all__ = ["ARRIVED", "BEGUN", "DELIVERED", "ENCODED", "PARTS", "REQUESTED", "SENT", "Rounds", "read_rounds"]

Ints = NDArray[np.int64]

PARTS = ("adapt", "encode", "send", "wait", "decode")
"""In the order in which they happen. The last four are the latency; adapt comes before it."""

BEGUN, REQUESTED, ENCODED, SENT, ARRIVED, DELIVERED = range(6)
"""Columns of `Rounds.moments_ns`."""

_ROUNDS = """
SELECT peer, incarnation, round, gated_by, coalesce(slack_ns, -1),
  adapt_ns, started_ns, encode_ns, send_ns, wait_ns, latency_ns
FROM rounds WHERE latency_ns IS NOT NULL
"""


@dataclass(frozen=True)
class Rounds:
    """All rounds that were timed, ordered by peer, incarnation and round: one entry for each row of the ledger.

    Attributes
    ----------
    names : tuple of str
        The peers; other arrays have their places in it.
    peer, incarnation, number : ndarray
        Shape (rows,), int64: whose row, of which start of the peer, of which round.
    gated_by : ndarray
        Shape (rows,), int64: the neighbour whose message arrived last; -1 where none was expected.
    slack_ns : ndarray
        Shape (rows,), int64: how much later than the one before it; -1 with fewer than two neighbours.
    moments_ns : ndarray
        Shape (rows, 6), int64, columns `BEGUN` to `DELIVERED`, each not before the one to its left. Of the peer's
        own clock, or of the axis of all peers (`on_axis`).
    """

    names: tuple[str, ...]
    peer: Ints
    incarnation: Ints
    number: Ints
    gated_by: Ints
    slack_ns: Ints
    moments_ns: Ints

    @cached_property
    def parts_ns(self) -> Ints:
        """Shape (rows, 5): how long each of `PARTS` took."""
        return np.diff(self.moments_ns, axis=1)

    @cached_property
    def latency_ns(self) -> Ints:
        """Shape (rows,): from the request to the reply."""
        return self.moments_ns[:, DELIVERED] - self.moments_ns[:, REQUESTED]

    @property
    def waited(self) -> NDArray[np.bool_]:
        """Shape (rows,): whether the peer waited for the neighbour that gates."""
        return (self.gated_by >= 0) & (self.moments_ns[:, ARRIVED] > self.moments_ns[:, SENT])

    def only(self, kept: NDArray[np.bool_]) -> "Rounds":
        """Some of the rows."""
        columns = (self.peer, self.incarnation, self.number, self.gated_by, self.slack_ns, self.moments_ns)
        return Rounds(self.names, *(column[kept] for column in columns))

    def last(self, peer: int, number: int) -> int:
        """The row of a peer's round, of its latest start where it did it again; -1 where there is none."""
        (rows,) = np.nonzero((self.peer == peer) & (self.number == number))
        return int(rows[-1]) if rows.size else -1

    def slowest(self) -> tuple[int, int] | None:
        """The slowest round and a usual one.

        A round is as slow as the peer with the longest latency in it; only rounds of which every peer with rows has
        exactly one count.

        Returns
        -------
        (int, int) or None
            Their numbers: that of the largest, and that of the median; None where no round is whole.
        """
        numbers, inverse, counts = np.unique(self.number, return_inverse=True, return_counts=True)
        peers = np.unique(self.peer).size
        # One row too many of one peer must not stand for the missing one of another.
        once = np.unique(inverse * len(self.names) + self.peer) // len(self.names)
        whole = (counts == peers) & (np.bincount(once, minlength=len(numbers)) == peers)
        if not whole.any():
            return None
        longest = np.zeros(len(numbers), np.int64)
        np.maximum.at(longest, inverse, self.latency_ns)
        order = np.flatnonzero(whole)[np.argsort(longest[whole], kind="stable")]
        return int(numbers[order[-1]]), int(numbers[order[(len(order) - 1) // 2]])


def read_rounds(books: sqlite3.Connection, names: Sequence[str]) -> Rounds:
    """Read the rounds out of a ledger.

    Parameters
    ----------
    books : sqlite3.Connection
        A ledger of one run.
    names : sequence of str
        All peers of the network; rows of others are left out.

    Returns
    -------
    Rounds
        On the peers' own clocks; without rows where none was timed, as in a simulation.
    """
    index = {name: i for i, name in enumerate(names)}
    columns = read_columns(books, _ROUNDS, 11, names=index, named=(0, 3))
    columns = columns[:, columns[0] >= 0]
    columns = columns[:, np.lexsort(columns[2::-1])]
    peer, incarnation, number, gated_by, slack, adapt, started, encode, send, wait, latency = columns
    sent = started + encode + send
    moments = (started - adapt, started, started + encode, sent, sent + wait, started + latency)
    return Rounds(tuple(names), peer, incarnation, number, gated_by, slack, np.stack(moments, axis=1))
