"""Bytes of a run at their four levels: by round, and by edge and direction."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from peer.measure.compact import STORED, require_stored
from peer.report.sent import Sent

__all__ = ["LEVELS", "Traffic", "read_traffic"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVELS = {
    "payload": "values",
    "message": "messages",
    "socket": "socket (TCP)",
    "wire_estimate": "wire (estimate)",
}
"""From the inside out, each contains the one before; with what people call them."""

_COUNTERS = f"""
SELECT peer, incarnation, neighbour, connection, at_ns, coalesce(round + 1, 0),
  coalesce(bytes_sent - bytes_retrans, -1), coalesce(bytes_sent, -1), coalesce(segs_out, -1), header_bytes
FROM {STORED}sockets
"""  # noqa: S608
_COLUMNS = 10


@dataclass(frozen=True)
class Traffic:
    """Bytes sent by all peers.

    Attributes
    ----------
    starts : ndarray
        Shape (buckets + 1,), int64: of `peer.report.buckets.bucket_starts`.
    per_round : mapping of str to ndarray
        By level, shape (buckets,), float64: bytes a round, the mean of a bucket. The kernel's counters are read when
        agreements end; what they grew by is divided equally among the rounds between. Only measured levels.
    edges : mapping of (str, str) to mapping
        Bytes by level, from the first peer to the second.
    sent_before : mapping of str to ndarray
        By level, shape (rounds + 1,), float64: bytes sent before each round, and in the end.
    """

    starts: Ints
    per_round: Mapping[str, Floats]
    edges: Mapping[tuple[str, str], Mapping[str, int]]
    sent_before: Mapping[str, Floats]

    @property
    def finest(self) -> str:
        """The outermost level that is counted and not estimated."""
        return next(level for level in ("socket", "message", "payload") if level in self.per_round)


def read_traffic(books: sqlite3.Connection, sent: Sent, starts: Ints, *, sockets: bool) -> Traffic:
    """Read the bytes out of a ledger.

    Parameters
    ----------
    books : sqlite3.Connection
        The ledger.
    sent : Sent
        Of `peer.report.sent.first_sendings`.
    starts : ndarray
        Of `peer.report.buckets.bucket_starts`.
    sockets : bool
        Whether every connection of every peer was measured; else socket and wire are left out, rather than told
        too small.

    Returns
    -------
    Traffic
        Of all peers.
    """
    series = {level: values.astype(np.float64) for level, values in sent.rounds.items()}
    edges = {edge: dict(sizes) for edge, sizes in sent.edges.items()}
    if sockets:
        series["socket"], series["wire_estimate"] = _add_sockets(books, int(starts[-1]), edges)
    return Traffic(
        starts,
        {level: _means(series[level], starts) for level in LEVELS if level in series},
        {
            edge: {level: sizes[level] for level in LEVELS if level in sizes}
            for edge, sizes in sorted(edges.items())
        },
        {level: np.concatenate([[0.0], np.cumsum(series[level])]) for level in LEVELS if level in series},
    )


def _means(series: Floats, starts: Ints) -> Floats:
    if not series.size:
        return series
    sums: Floats = np.add.reduceat(series, starts[:-1])
    return sums / np.diff(starts)


def _add_sockets(
    books: sqlite3.Connection, rounds: int, edges: dict[tuple[str, str], dict[str, int]]
) -> tuple[Floats, Floats]:
    """Spread what the counters grew by over the rounds; add the sums to the edges."""
    peer, neighbour, since, until, grown = _growth(books)
    names = dict(books.execute("SELECT id, name FROM names").fetchall())
    ends, place = np.unique(np.stack([peer, neighbour]), axis=1, return_inverse=True)
    sums = [np.bincount(place.reshape(-1), level, ends.shape[1]).astype(np.int64).tolist() for level in grown]
    for i, (sender, receiver) in enumerate(ends.T.tolist()):
        sizes = edges.setdefault((names[sender], names[receiver]), {"payload": 0})
        sizes["socket"], sizes["wire_estimate"] = sums[0][i], sums[1][i]
    # Counters that were read twice after the same round grew at its end.
    last = np.clip(until, 1, max(rounds, 1))
    first = np.minimum(since, last - 1)
    per_round = []
    for level in grown:
        each = level / (last - first)
        # One entry more than rounds: growth that ends with the last round is taken off behind it.
        steps = np.bincount(first, each, rounds + 2) - np.bincount(last, each, rounds + 2)
        per_round.append(np.cumsum(steps)[:rounds])
    return per_round[0], per_round[1]


def _growth(books: sqlite3.Connection) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """What the counters of each connection grew by from one reading to the next.

    A connection that could not be read once is left out whole, as in the summary.

    Returns
    -------
    peer, neighbour, since, until : ndarray
        Shape (k,): numbers of names, and rounds that were over at the two readings.
    grown : ndarray
        Shape (2, k): socket and wire.
    """
    require_stored(books, "sockets")
    rows = np.fromiter(chain.from_iterable(books.execute(_COUNTERS)), np.int64).reshape(-1, _COLUMNS).T
    rows = rows[:, np.lexsort((rows[6], *rows[4::-1]))]
    if not rows.shape[1]:
        return (*np.zeros((4, 0), np.int64), np.zeros((2, 0), np.int64))
    same = (np.diff(rows[:4]) == 0).all(axis=0)
    starts = np.concatenate([[0], np.flatnonzero(~same) + 1])
    lengths = np.diff(np.append(starts, rows.shape[1]))
    read = np.repeat(np.minimum.reduceat(rows[6:9].min(axis=0), starts) >= 0, lengths)
    headers = np.repeat(np.maximum.reduceat(rows[9], starts), lengths)
    counted = np.stack([rows[6], rows[7] + rows[8] * headers])
    kept = np.flatnonzero(same & read[1:])
    return rows[0, kept], rows[2, kept], rows[5, kept], rows[5, kept + 1], np.diff(counted)[:, kept]
