"""Double entry: what one end of an edge says it sent is what the other end says it received, value by value."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from peer.measure.entries import Entries, Flags, Ints

__all__ = ["MOST_OPEN", "Balance", "EdgeBalance", "OpenEntries", "balance"]

MOST_OPEN = 100
"""Of the places where the books do not close, as many are told one by one."""

Lacks = Literal["sender", "receiver", "both", "neither"]


@dataclass(frozen=True)
class EdgeBalance:
    """One direction of an edge in whole: values as each of its ends wrote them down."""

    sender: str
    receiver: str
    values_sent: int
    values_received: int
    payload_sent: int
    payload_received: int
    closes: bool


@dataclass(frozen=True)
class OpenEntries:
    """Entries of one direction of an edge, one after the other, whose books do not close, for one reason.

    Attributes
    ----------
    sender, receiver : str
        The ends.
    kind : {"value", "confirm"}
        What was sent.
    first_round, last_round : int
        Rounds of the first and the last of them.
    messages : int
        How many.
    lacks : {"sender", "receiver", "both", "neither"}
        Which end has no row; ``neither``: both have one, and the sizes differ.
    why : str
        Why, as far as it is known; empty where it is not.
    """

    sender: str
    receiver: str
    kind: str
    first_round: int
    last_round: int
    messages: int
    lacks: Lacks
    why: str


@dataclass(frozen=True)
class Balance:
    """Whether the books close.

    Attributes
    ----------
    values, confirmations : int
        Entries of either kind.
    resent : int
        Copies beyond a value's first, and confirmations.
    not_arrived : int
        Copies that only the sender tells of, of what arrived by another copy: they were lost with a connection, or
        with the receiver's rows. The books close without them.
    one_end : int
        Entries of which one end has no row, or fewer than arrived.
    no_end : int
        Values of which neither end has a row, as the numbers on either side of them tell.
    unequal : int
        Entries that both ends wrote down, with different sizes.
    edges : tuple of EdgeBalance
        Every direction of every edge.
    open : tuple of OpenEntries
        Where the books do not close; at most `MOST_OPEN`.
    more_open : int
        How many there are beyond those.
    unknown_edges : tuple of (str, str)
        Edges of which neither end's ledger is here: nothing is known of what they carried.
    """

    values: int
    confirmations: int
    resent: int
    not_arrived: int
    one_end: int
    no_end: int
    unequal: int
    edges: tuple[EdgeBalance, ...]
    open: tuple[OpenEntries, ...]
    more_open: int
    unknown_edges: tuple[tuple[str, str], ...]

    @property
    def closes(self) -> bool:
        """Whether both ends wrote down the same, everywhere."""
        return not (self.one_end or self.no_end or self.unequal or self.unknown_edges)


def balance(entries: Entries, restarted: frozenset[str], unheard: Iterable[tuple[str, str]]) -> Balance:
    """Compare the two ends.

    Parameters
    ----------
    entries : Entries
        Of `peer.measure.entries.read_entries`.
    restarted : frozenset of str
        Of `peer.measure.entries.read_restarted`: a peer that was killed has lost what was not on disk yet.
    unheard : iterable of (str, str)
        Edges of which neither end's ledger is here.

    Returns
    -------
    Balance
        Of the whole run.
    """
    sent, received, value = entries.sent, entries.received, entries.value
    no_sending = received > sent
    # A confirmation, or a second copy, may be lost on its way; a value that never arrived would have stopped the run.
    no_receipt = value & (received == 0)
    both = (sent > 0) & (received > 0)
    unequal = both & (entries.sent_payload_bytes * received != entries.received_payload_bytes * sent)
    # Envelopes of copies differ, for each tells how far the sender's disk was; and of several copies one may be lost
    # with the sender's row and another on its way.
    unequal |= (sent == 1) & (received == 1) & (entries.sent_bytes != entries.received_bytes)
    gaps = list(_gaps(entries))
    found = [
        *_open(entries, no_sending, "sender", restarted),
        *_open(entries, no_receipt, "receiver", restarted),
        *_open(entries, unequal & ~no_sending, "neither", restarted),
        *(_gap(entries, gap, restarted) for gap in gaps),
    ]
    found.sort(key=lambda one: (one.sender, one.receiver, one.first_round))
    closed = ~(no_sending | no_receipt | unequal)
    return Balance(
        values=int(value.sum()),
        confirmations=int((~value).sum()),
        resent=int((np.maximum(sent, received) - value).sum()),
        not_arrived=int(np.where(no_receipt, 0, np.maximum(sent - received, 0)).sum()),
        one_end=int((no_sending | no_receipt).sum()),
        no_end=sum(last - first - 1 for _, first, last in gaps),
        unequal=int((unequal & ~no_sending).sum()),
        edges=tuple(_edges(entries, closed, gaps)),
        open=tuple(found[:MOST_OPEN]),
        more_open=max(len(found) - MOST_OPEN, 0),
        unknown_edges=tuple(unheard),
    )


def _edge_starts(entries: Entries) -> Ints:
    """Where the entries of each direction of an edge begin, and behind the last one."""
    edge = entries.sender * len(entries.peers) + entries.receiver
    return (
        np.concatenate([[0], np.flatnonzero(np.diff(edge)) + 1, [len(edge)]])
        if len(edge)
        else np.zeros(1, np.int64)
    )


def _edges(entries: Entries, closed: Flags, gaps: list[tuple[int, int, int]]) -> Iterator[EdgeBalance]:
    starts = _edge_starts(entries)
    incomplete = {(int(entries.sender[at]), int(entries.receiver[at])) for at, _, _ in gaps}
    for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        value = entries.value[begin:end]
        sender, receiver = int(entries.sender[begin]), int(entries.receiver[begin])
        yield EdgeBalance(
            entries.peers[sender],
            entries.peers[receiver],
            int((entries.sent[begin:end] * value).sum()),
            int((entries.received[begin:end] * value).sum()),
            int((entries.sent_payload_bytes[begin:end] * value).sum()),
            int((entries.received_payload_bytes[begin:end] * value).sum()),
            bool(closed[begin:end].all()) and (sender, receiver) not in incomplete,
        )


def _gaps(entries: Entries) -> Iterator[tuple[int, int, int]]:
    """Numbers that no value has: the place of the entry behind them, and the numbers at either side."""
    places = np.flatnonzero(entries.value)
    if not len(places):
        return
    edge = (entries.sender * len(entries.peers) + entries.receiver)[places]
    seq = entries.seq[places]
    before = np.concatenate([[-1], seq[:-1]])
    before[np.flatnonzero(np.diff(edge)) + 1] = -1
    for i in np.flatnonzero(seq - before > 1).tolist():
        yield int(places[i]), int(before[i]), int(seq[i])


def _gap(entries: Entries, gap: tuple[int, int, int], restarted: frozenset[str]) -> OpenEntries:
    at, before, behind = gap
    last = int(entries.round[at]) - 1
    first = 0 if before < 0 else int(entries.round[at - 1]) + 1
    sender, receiver = entries.peers[int(entries.sender[at])], entries.peers[int(entries.receiver[at])]
    why = " ".join(filter(None, (_why(name, entries.told, restarted) for name in (sender, receiver))))
    return OpenEntries(sender, receiver, "value", first, last, behind - before - 1, "both", why)


def _open(entries: Entries, where: Flags, lacks: Lacks, restarted: frozenset[str]) -> Iterator[OpenEntries]:
    """Neighbouring entries of one direction and kind as one."""
    places = np.flatnonzero(where)
    if not len(places):
        return
    kind = (entries.sender * len(entries.peers) + entries.receiver) * 2 + entries.value
    apart = (np.diff(kind[places]) != 0) | (np.diff(entries.seq[places]) > 1)
    for group in np.split(places, np.flatnonzero(apart) + 1):
        first, last = int(group[0]), int(group[-1])
        sender, receiver = (
            entries.peers[int(entries.sender[first])],
            entries.peers[int(entries.receiver[first])],
        )
        lacking = {"sender": sender, "receiver": receiver}.get(lacks)
        yield OpenEntries(
            sender,
            receiver,
            "value" if entries.value[first] else "confirm",
            int(entries.round[first]),
            int(entries.round[last]),
            len(group),
            lacks,
            "" if lacking is None else _why(lacking, entries.told, restarted),
        )


def _why(peer: str, told: frozenset[str], restarted: frozenset[str]) -> str:
    if peer not in told:
        return f"nothing of {peer} is here"
    return f"{peer} was killed or stopped, and started again" if peer in restarted else ""
