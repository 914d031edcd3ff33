"""The framing model beside what the kernel counted: by edge and direction."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from peer.measure.columns import read_columns
from peer.measure.framing import (
    LONG_BYTES,
    OPENING_ACCEPTED_BYTES,
    OPENING_DIALLED_BYTES,
    TLS_OPENING_ACCEPTED_BYTES,
    TLS_OPENING_DIALLED_BYTES,
    Carried,
    records,
    socket_bytes,
)
from topology.network import Network

__all__ = ["Framing", "read_framing"]

# What a connection's counters grew by in the run, and when; of a connection that could not be read once nothing is
# known.
_SPANS = """
SELECT peer, neighbour, incarnation, min(at_ns), max(at_ns),
  max(bytes_sent) - min(bytes_sent) - max(bytes_retrans) + min(bytes_retrans), min(bytes_sent) = 0
FROM sockets GROUP BY peer, incarnation, neighbour, connection
HAVING count(*) = count(bytes_sent + bytes_retrans) AND max(bytes_sent) > min(bytes_sent)
"""
_MESSAGES = """
SELECT peer, neighbour, incarnation, at_ns, message_bytes, direction = 'sent' FROM messages
WHERE at_ns + message_bytes IS NOT NULL
"""


@dataclass(frozen=True)
class Framing:
    """One direction of an edge, on connections whose counters are known.

    Attributes
    ----------
    messages : int
        Sent, of every kind.
    message_bytes : int
        Theirs, as handed to gRPC.
    measured_bytes : int
        What TCP sent, retransmissions apart.
    explained_bytes : int
        What `peer.measure.framing.socket_bytes` and the connections' openings say it should be.
    """

    messages: int
    message_bytes: int
    measured_bytes: int
    explained_bytes: int

    @property
    def residual_bytes(self) -> float:
        """What the model does not explain, per message; below zero where it explains too much."""
        return (self.measured_bytes - self.explained_bytes) / max(self.messages, 1)

    def __add__(self, other: "Framing") -> "Framing":
        """Both together."""
        return Framing(
            self.messages + other.messages,
            self.message_bytes + other.message_bytes,
            self.measured_bytes + other.measured_bytes,
            self.explained_bytes + other.explained_bytes,
        )


def read_framing(
    books: sqlite3.Connection, network: Network, *, tls: bool
) -> Mapping[tuple[str, str], Framing]:
    """Read it out of a ledger.

    Parameters
    ----------
    books : sqlite3.Connection
        The ledger.
    network : Network
        Says who dials, which is the longer opening.
    tls : bool
        Whether the peers talked TLS.

    Returns
    -------
    mapping of (str, str) to Framing
        From the first peer to the second; without edges of which no connection could be read.
    """
    messages = _Messages(books, network.names, tls=tls)
    dialling = TLS_OPENING_DIALLED_BYTES if tls else OPENING_DIALLED_BYTES
    accepting = TLS_OPENING_ACCEPTED_BYTES if tls else OPENING_ACCEPTED_BYTES
    found: dict[tuple[str, str], Framing] = {}
    for peer, neighbour, incarnation, since_ns, until_ns, sent, opened in books.execute(_SPANS):
        carried = messages.between(peer, neighbour, incarnation, since_ns, until_ns)
        if not carried.messages + carried.received:
            continue
        explained = socket_bytes(carried)
        if opened:
            dialled = network.edge(peer, neighbour).dialler == peer
            explained += dialling if dialled else accepting
        before = found.get((peer, neighbour), Framing(0, 0, 0, 0))
        found[peer, neighbour] = before + Framing(carried.messages, carried.message_bytes, sent, explained)
    return dict(sorted(found.items()))


class _Messages:
    """All messages, in order of edge and time: each connection's are found without looking at the others'."""

    def __init__(self, books: sqlite3.Connection, names: Sequence[str], *, tls: bool) -> None:
        self._places = {name: i for i, name in enumerate(names)}
        columns = read_columns(books, _MESSAGES, 6, names=self._places, named=(0, 1))
        peer, neighbour, incarnation, at_ns, size, sent = columns[:, (columns[:2] >= 0).all(axis=0)]
        self._starts = 1 + int(incarnation.max(initial=0))
        key = self._key(peer, neighbour, incarnation)
        order = np.lexsort((at_ns, key))
        self._keys, self._at_ns = key[order], at_ns[order]
        cut = records(size) if tls else np.zeros_like(size)
        counted = np.stack([sent, sent * size, sent * (size > LONG_BYTES), 1 - sent, sent * cut])[:, order]
        self._before = np.concatenate([np.zeros((5, 1), np.int64), np.cumsum(counted, axis=1)], axis=1)

    def between(self, peer: str, neighbour: str, incarnation: int, since_ns: int, until_ns: int) -> Carried:
        """Sum up what one start of a peer exchanged with a neighbour, after one moment and up to another."""
        key = self._key(self._places[peer], self._places[neighbour], incarnation)
        begin, end = np.searchsorted(self._keys, (key, key + 1))
        first, last = begin + np.searchsorted(self._at_ns[begin:end], (since_ns, until_ns), side="right")
        sent, sent_bytes, long, received, cut = (self._before[:, last] - self._before[:, first]).tolist()
        return Carried(sent, sent_bytes, long, received, (until_ns - since_ns) / 1e9, cut)

    def _key(self, peer: Any, neighbour: Any, incarnation: Any) -> Any:  # noqa: ANN401 - numbers, or arrays of them
        return (peer * len(self._places) + neighbour) * self._starts + incarnation
