"""Messages at both of their ends: when a value was handed over by its sender, and when it arrived at its receiver."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peer.measure.columns import read_columns

__all__ = ["Ends", "Transits", "read_ends", "transits"]

Ints = NDArray[np.int64]

_VALUES = """
SELECT peer, neighbour, incarnation, round, seq, at_ns, direction = 'sent' FROM messages
WHERE kind = 'value' AND at_ns IS NOT NULL
"""


@dataclass(frozen=True)
class Ends:
    """One end of messages with a value: those that were sent, or those that were received.

    All arrays are of shape (rows,), int64.

    Attributes
    ----------
    sender, receiver : ndarray
        Places of the two in the names.
    incarnation : ndarray
        Start of the peer whose row it is.
    number, seq : ndarray
        Round, and number on this edge and direction.
    at_ns : ndarray
        When, on that peer's clock.
    """

    sender: Ints
    receiver: Ints
    incarnation: Ints
    number: Ints
    seq: Ints
    at_ns: Ints

    def only(self, kept: NDArray[np.bool_]) -> "Ends":
        """Some of the rows."""
        columns = (self.sender, self.receiver, self.incarnation, self.number, self.seq, self.at_ns)
        return Ends(*(column[kept] for column in columns))


@dataclass(frozen=True)
class Transits:
    """Messages that went out once and arrived once, with both of their times.

    All arrays are of shape (messages,), int64.

    Attributes
    ----------
    sender, receiver : ndarray
        Places of the two in the names.
    sender_start, receiver_start : ndarray
        Incarnation of either.
    number : ndarray
        Round.
    sent_ns, received_ns : ndarray
        Each on the clock of its own end.
    """

    sender: Ints
    receiver: Ints
    sender_start: Ints
    receiver_start: Ints
    number: Ints
    sent_ns: Ints
    received_ns: Ints


def read_ends(books: sqlite3.Connection, names: Sequence[str]) -> tuple[Ends, Ends]:
    """Read the messages with values out of a ledger.

    Parameters
    ----------
    books : sqlite3.Connection
        A ledger of one run.
    names : sequence of str
        All peers of the network; rows of others are left out.

    Returns
    -------
    (Ends, Ends)
        Sent, and received.
    """
    index = {name: i for i, name in enumerate(names)}
    columns = read_columns(books, _VALUES, 7, names=index, named=(0, 1))
    columns = columns[:, (columns[0] >= 0) & (columns[1] >= 0)]
    out = columns[:, columns[6] == 1]
    back = columns[:, columns[6] == 0]
    return Ends(*out[:6]), Ends(back[1], back[0], *back[2:6])


def transits(sent: Ends, received: Ends) -> Transits:
    """Bring the two ends of each message together.

    What went out or came more than once, after a connection or a peer was lost, is left out: which of the sendings
    arrived is not known.

    Parameters
    ----------
    sent, received : Ends
        Of `read_ends`.

    Returns
    -------
    Transits
        Ordered by sender, receiver and the number on their edge.
    """
    peers, longest = (
        1 + max(int(end.max(initial=0)) for end in ends)
        for ends in (
            (sent.sender, sent.receiver, received.sender, received.receiver),
            (sent.seq, received.seq),
        )
    )

    def once(ends: Ends) -> tuple[Ints, Ints]:
        keys = (ends.sender * peers + ends.receiver) * longest + ends.seq
        found, first, counts = np.unique(keys, return_index=True, return_counts=True)
        return found[counts == 1], first[counts == 1]

    (out, out_rows), (back, back_rows) = once(sent), once(received)
    _, i, j = np.intersect1d(out, back, assume_unique=True, return_indices=True)
    out_rows, back_rows = out_rows[i], back_rows[j]
    return Transits(
        sent.sender[out_rows],
        sent.receiver[out_rows],
        sent.incarnation[out_rows],
        received.incarnation[back_rows],
        sent.number[out_rows],
        sent.at_ns[out_rows],
        received.at_ns[back_rows],
    )
