"""Bytes of a run at their four levels: by round, and by edge and direction."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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

_ROUNDS = "SELECT round, sum(payload_bytes), sum(message_bytes) FROM first GROUP BY round"
_EDGES = "SELECT peer, neighbour, sum(payload_bytes), sum(message_bytes) FROM first GROUP BY peer, neighbour"
# What the counters of a connection grew by from one reading to the next; one that could not be read once is left out
# whole, as in the summary.
_GROWTH = """
WITH counted AS (
  SELECT peer, incarnation, neighbour, connection, rowid AS place, coalesce(round + 1, 0) AS done,
    bytes_sent - bytes_retrans AS socket,
    bytes_sent + segs_out * max(header_bytes) OVER (PARTITION BY peer, incarnation, neighbour, connection) AS wire
  FROM sockets AS whole WHERE NOT EXISTS (
    SELECT 1 FROM sockets WHERE (peer, incarnation, neighbour, connection)
      = (whole.peer, whole.incarnation, whole.neighbour, whole.connection)
      AND bytes_sent + bytes_retrans + segs_out IS NULL))
SELECT peer, neighbour, lag(done) OVER earlier, done, socket - lag(socket) OVER earlier, wire - lag(wire) OVER earlier
FROM counted WINDOW earlier AS (PARTITION BY peer, incarnation, neighbour, connection ORDER BY place)
"""


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
    """

    starts: Ints
    per_round: Mapping[str, Floats]
    edges: Mapping[tuple[str, str], Mapping[str, int]]

    @property
    def finest(self) -> str:
        """The outermost level that is counted and not estimated."""
        return next(level for level in ("socket", "message", "payload") if level in self.per_round)


def read_traffic(books: sqlite3.Connection, starts: Ints, *, sockets: bool) -> Traffic:
    """Read the bytes out of a ledger with the table of `peer.report.sent.first_sendings`.

    Parameters
    ----------
    books : sqlite3.Connection
        The ledger.
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
    rounds = int(starts[-1])
    series = {"payload": np.zeros(rounds), "message": np.zeros(rounds)}
    known = {"payload", "message"}
    for number, payload, message in books.execute(_ROUNDS):
        if 0 <= number < rounds:
            series["payload"][number] = payload
            series["message"][number] = message or 0
        if message is None:
            known.discard("message")
    edges: dict[tuple[str, str], dict[str, int]] = {}
    for peer, neighbour, payload, message in books.execute(_EDGES):
        edges[peer, neighbour] = {"payload": payload, "message": message or 0}
    if sockets:
        known |= {"socket", "wire_estimate"}
        series["socket"], series["wire_estimate"] = _add_sockets(books, rounds, edges)
    return Traffic(
        starts,
        {level: _means(series[level], starts) for level in LEVELS if level in known},
        {
            edge: {level: size for level, size in sizes.items() if level in known}
            for edge, sizes in sorted(edges.items())
        },
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
    # One entry more than rounds: growth that ends with the last round is taken off behind it.
    growth = np.zeros((2, rounds + 2))
    for peer, neighbour, since, until, socket, wire in books.execute(_GROWTH):
        if since is None:  # the first reading of a connection
            continue
        sizes = edges.setdefault((peer, neighbour), {"payload": 0, "message": 0})
        sizes["socket"] = sizes.get("socket", 0) + socket
        sizes["wire_estimate"] = sizes.get("wire_estimate", 0) + wire
        # Counters that were read twice after the same round grew at its end.
        last = max(min(until, rounds), 1)
        first = min(since, last - 1)
        grown = np.array([socket, wire]) / (last - first)
        growth[:, first] += grown
        growth[:, last] -= grown
    per_round = np.cumsum(growth, axis=1)[:, :rounds]
    return per_round[0], per_round[1]
