"""Values and confirmations of a run, each once, as both ends of their edge wrote them down.

An *entry* is one value, or one confirmation, on one direction of an edge; its number there is the same before and
after a restart. A row that one end has lost, killed before it was on disk, is known from the other end.
"""

import sqlite3
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from peer.measure.compact import STORED, require_stored

__all__ = ["Entries", "Flags", "Ints", "read_entries", "read_restarted"]

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Three numbers for each row, each of several: what SQLite hands over is what takes the time.
_ROWS = f"""
SELECT (peer << 40) | (neighbour << 20) | ((direction = :sent) << 1) | (kind = :value), (round << 32) | seq,
  (payload_bytes << 32) | coalesce(message_bytes + 1, 0)
FROM {STORED}messages WHERE kind <> :control
"""  # noqa: S608
# One whose first rounds have no row was killed before any of them was on disk.
_RESTARTED = "SELECT peer FROM rounds GROUP BY peer HAVING count(DISTINCT incarnation) > 1 OR min(round) > 0"
_NAME_BITS = 20
_SIZE_BITS = 32


@dataclass(frozen=True)
class Entries:
    """Values and confirmations of a run, each once, as both ends wrote them down.

    All arrays have shape (k,). Sums are over copies: a value may have gone out more than once.

    Attributes
    ----------
    peers : tuple of str
        Names, in their order.
    told : frozenset of str
        Those of whom there are rows; of the others the neighbours' rows tell.
    sender, receiver : ndarray
        int64, places in ``peers``.
    value : ndarray
        bool: a value, not the digest of one.
    round, seq : ndarray
        int64: the round it belongs to, and its number on this direction of the edge.
    payload_bytes, message_bytes : ndarray
        int64: of the first sending, as the sender has it, else the receiver; -1 where envelopes were not measured.
    sent, received : ndarray
        int64: how many copies either end wrote down.
    sent_bytes, received_bytes : ndarray
        int64: envelopes of those copies.
    sent_payload_bytes, received_payload_bytes : ndarray
        int64: their payloads.
    """

    peers: tuple[str, ...]
    told: frozenset[str]
    sender: Ints
    receiver: Ints
    value: Flags
    round: Ints
    seq: Ints
    payload_bytes: Ints
    message_bytes: Ints
    sent: Ints
    received: Ints
    sent_bytes: Ints
    received_bytes: Ints
    sent_payload_bytes: Ints
    received_payload_bytes: Ints

    @property
    def measured(self) -> bool:
        """Whether envelopes were measured."""
        return not (self.message_bytes < 0).any()

    @property
    def of_told(self) -> Flags:
        """Entries whose sender's rows are there, if not this one."""
        own: Flags = np.array([name in self.told for name in self.peers], np.bool_)[self.sender]
        return own

    @property
    def copies_bytes(self) -> Ints:
        """Envelopes of all copies, as the end has it that knows of more copies."""
        copies: Ints = np.where(self.sent >= self.received, self.sent_bytes, self.received_bytes)
        return copies

    @property
    def lost_sendings(self) -> Ints:
        """Copies that arrived and that the sender has no row of."""
        lost: Ints = np.maximum(self.received - self.sent, 0)
        return lost


def read_entries(books: sqlite3.Connection) -> Entries:
    """Read a ledger's messages and put the two ends together.

    Parameters
    ----------
    books : sqlite3.Connection
        The ledger of all peers; its file is not written to.

    Returns
    -------
    Entries
        Ascending by sender, receiver, kind (confirmations first) and number.

    Notes
    -----
    Some 2 µs and 100 bytes for each row of the ledger.
    """
    require_stored(books, "messages")
    names = dict(books.execute("SELECT id, name FROM names").fetchall())
    ids = {name: number for number, name in names.items()}
    kinds = {name: ids.get(name, -1) for name in ("sent", "value", "control")}
    rows = np.fromiter(chain.from_iterable(books.execute(_ROWS, kinds)), np.int64).reshape(-1, 3)
    return _entries(rows, names)


def read_restarted(books: sqlite3.Connection) -> frozenset[str]:
    """Tell which peers were started more than once in a run, as far as their rows show it.

    Parameters
    ----------
    books : sqlite3.Connection
        The ledger of all peers.

    Returns
    -------
    frozenset of str
        Names.
    """
    return frozenset(peer for (peer,) in books.execute(_RESTARTED))


def _entries(rows: Ints, names: dict[int, str]) -> Entries:
    key, place, size = rows.T
    peer, neighbour = key >> 2 * _NAME_BITS, (key >> _NAME_BITS) & ((1 << _NAME_BITS) - 1)
    sent, value = (key >> 1 & 1).astype(np.bool_), (key & 1).astype(np.bool_)
    numbers = np.unique(np.concatenate([peer, neighbour]))
    # Names in their order get places in that order.
    by_name = sorted(numbers.tolist(), key=lambda number: names[number])
    places = np.zeros(int(numbers.max(initial=0)) + 1, np.int64)
    places[by_name] = np.arange(len(by_name))
    sender, receiver = (places[np.where(sent, *ends)] for ends in ((peer, neighbour), (neighbour, peer)))
    seq = place & ((1 << _SIZE_BITS) - 1)
    # One number to sort by; of one entry the sender's rows come first, in the order in which they were written.
    edge = (sender * len(by_name) + receiver) * 2 + value
    order = np.lexsort((~sent, seq, edge)) if len(rows) else np.zeros(0, np.int64)
    edge, seq, sent = edge[order], seq[order], sent[order]
    begins = np.ones(len(order), np.bool_)
    begins[1:] = (np.diff(edge) != 0) | (np.diff(seq) != 0)
    starts = np.flatnonzero(begins)
    payload, message = size[order] >> _SIZE_BITS, (size[order] & ((1 << _SIZE_BITS) - 1)) - 1
    first = order[starts]

    def total(amounts: Ints, where: Flags) -> Ints:
        return np.add.reduceat(np.where(where, amounts, 0), starts) if len(starts) else np.zeros(0, np.int64)

    one = np.ones(len(order), np.int64)
    return Entries(
        peers=tuple(names[number] for number in by_name),
        told=frozenset(names[number] for number in np.unique(peer).tolist()),
        sender=sender[first],
        receiver=receiver[first],
        value=value[first],
        round=place[first] >> _SIZE_BITS,
        seq=seq[starts],
        payload_bytes=payload[starts],
        message_bytes=message[starts],
        sent=total(one, sent),
        received=total(one, ~sent),
        sent_bytes=total(message, sent),
        received_bytes=total(message, ~sent),
        sent_payload_bytes=total(payload, sent),
        received_payload_bytes=total(payload, ~sent),
    )
