"""The critical path of a run: what it would have had to do quicker to be over sooner.

Walked back from the peer that finished last. A round that waited for a neighbour was held up by that neighbour's
message: the path goes over the edge to the moment at which it was handed over, and on at the neighbour. A round that
did not wait was held up by the peer itself. So each moment of the run belongs to one peer or to one direction of an
edge, and the shares of all of them add up to the run's whole length.
"""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peer.measure.anatomy import ARRIVED, BEGUN, DELIVERED, SENT, Rounds
from peer.measure.clocks import Clocks
from peer.measure.transits import Ends

__all__ = ["OWN", "CriticalPath", "Handed", "critical_path", "handed"]

Ints = NDArray[np.int64]

OWN = ("adapt", "encode", "send", "decode", "pause")
"""What a peer's share is made of. In a pause it is between two rounds and does not compute: it waits for its disk or
for another thread, or has not begun yet."""

_ADAPT, _ENCODE, _SEND, _DECODE, _PAUSE = range(5)


@dataclass(frozen=True)
class Handed:
    """When each value was handed over for the first time by each start of its sender, on the axis of all clocks.

    All arrays are of shape (values,), int64, ordered by ``key``, then by time.

    Attributes
    ----------
    key : ndarray
        Sender, receiver and round in one number.
    incarnation : ndarray
        Of the sender.
    at_ns : ndarray
        When.
    peers, rounds : int
        What the key is made with.
    unsure_ns : int
        How much later than its arrival a sending may seem to be, since clocks are not known better.
    """

    key: Ints
    incarnation: Ints
    at_ns: Ints
    peers: int
    rounds: int
    unsure_ns: int

    def before(self, sender: int, receiver: int, number: int, arrived_ns: int) -> tuple[int, int] | None:
        """Find the sending that arrived at some moment.

        Parameters
        ----------
        sender, receiver, number : int
            Which value.
        arrived_ns : int
            When it arrived, on the axis.

        Returns
        -------
        (int, int) or None
            Incarnation of the sender, and when it handed the value over: the last before the arrival, or the first
            where clocks are not known well enough to have one before. None where no row tells: also where all
            sendings came later, since the row of the one that arrived was lost.
        """
        key = (sender * self.peers + receiver) * self.rounds + number
        first, end = (int(np.searchsorted(self.key, key, side)) for side in ("left", "right"))
        if first == end:
            return None
        while first + 1 < end and self.at_ns[first + 1] <= arrived_ns:
            first += 1
        if self.at_ns[first] > arrived_ns + self.unsure_ns:
            return None
        return int(self.incarnation[first]), int(self.at_ns[first])


@dataclass(frozen=True)
class CriticalPath:
    """Whose time a run's length was.

    Attributes
    ----------
    length_ns : int
        From the first moment of any peer's first round to the end of the last round of the last.
    peer_ns : ndarray
        Shape (peers, 5), int64: the share of each peer, by `OWN`.
    edge_ns : mapping of (int, int) to int
        The share of each direction of an edge, from the sender's handing over to the receiver's arrival.
    edge_rounds : mapping of (int, int) to int
        How many rounds of the path waited for it.
    lost_ns : int
        Time whose rows were lost when a peer was killed, and until it was there again; and time in which others waited
        for a peer that has no rows.
    rounds : int
        How many rows the path has passed.
    """

    length_ns: int
    peer_ns: Ints
    edge_ns: Mapping[tuple[int, int], int]
    edge_rounds: Mapping[tuple[int, int], int]
    lost_ns: int
    rounds: int


def handed(sent: Ends, clocks: Clocks, rounds: int) -> Handed:
    """Order the first sendings of all values for `critical_path`.

    Parameters
    ----------
    sent : Ends
        Of `peer.measure.transits.read_ends`.
    clocks : Clocks
        Brings them onto the axis.
    rounds : int
        Above the largest number of a round.

    Returns
    -------
    Handed
        One entry for each value and each start of its sender that sent it. What is sent again after a connection was
        lost is the loss's delay, and so the edge's.
    """
    peers = len(clocks.boots.clock)
    at_ns = clocks.to_axis(sent.sender, sent.incarnation, sent.at_ns)
    key = (sent.sender * peers + sent.receiver) * rounds + sent.number
    order = np.lexsort((at_ns, sent.incarnation, key))
    key, start, at_ns = key[order], sent.incarnation[order], at_ns[order]
    first = np.ones(len(key), bool)
    first[1:] = (key[1:] != key[:-1]) | (start[1:] != start[:-1])
    known = clocks.uncertainty_ns[np.isfinite(clocks.uncertainty_ns)]
    # Times are rounded to nanoseconds at both ends.
    unsure_ns = 2 + math.ceil(known.max(initial=0.0))
    return Handed(key[first], start[first], at_ns[first], peers, rounds, unsure_ns)


def critical_path(rounds: Rounds, sendings: Handed) -> CriticalPath | None:
    """Walk the critical path of a run.

    Parameters
    ----------
    rounds : Rounds
        All rounds, on the axis of all clocks.
    sendings : Handed
        Of `handed`, on the same axis.

    Returns
    -------
    CriticalPath or None
        None without rounds.
    """
    if not rounds.number.size:
        return None
    walk = _Walk(rounds, sendings)
    row = int(rounds.moments_ns[:, DELIVERED].argmax())
    begin_ns, end_ns = int(rounds.moments_ns[:, BEGUN].min()), int(rounds.moments_ns[row, DELIVERED])
    passed = 0
    while row >= 0 and passed < len(rounds.number):
        passed += 1
        row = walk.step(row, begin_ns)
    if row >= 0:
        # Clocks that contradict each other can lead in a circle.
        walk.lost_ns += int(rounds.moments_ns[row, DELIVERED]) - begin_ns
    lengths = walk.peer_ns, dict(walk.edge_ns), dict(walk.edge_rounds), walk.lost_ns
    return CriticalPath(end_ns - begin_ns, *lengths, passed)


class _Walk:
    """Where the path is, and what it has passed; each step takes the time from a row's end to another row's end."""

    def __init__(self, rounds: Rounds, sendings: Handed) -> None:
        self.peer_ns = np.zeros((len(rounds.names), len(OWN)), np.int64)
        self.edge_ns: dict[tuple[int, int], int] = defaultdict(int)
        self.edge_rounds: dict[tuple[int, int], int] = defaultdict(int)
        self.lost_ns = 0
        self._rounds = rounds
        self._sendings = sendings
        self._waited = rounds.waited
        self._ends = rounds.moments_ns[:, DELIVERED].copy()
        self._starts = 1 + int(rounds.incarnation.max())
        self._keys = (rounds.peer * self._starts + rounds.incarnation) * sendings.rounds + rounds.number

    def step(self, row: int, begin_ns: int) -> int:
        """Charge the time before a row's end, back to the end of the row that the path goes on with; -1 at its end."""
        rounds = self._rounds
        peer = int(rounds.peer[row])
        moments = rounds.moments_ns[row].tolist()
        if not self._waited[row]:
            self._own(peer, _DECODE, moments[DELIVERED] - moments[SENT])
            return self._to_before(row, moments[SENT], begin_ns)
        self._own(peer, _DECODE, moments[DELIVERED] - moments[ARRIVED])
        gate, number = int(rounds.gated_by[row]), int(rounds.number[row])
        sending = self._sendings.before(gate, peer, number, moments[ARRIVED])
        there = -1 if sending is None else self._find(gate, sending[0], number)
        if sending is None or there < 0:
            return self._over_a_gap(row, gate, begin_ns)
        first = self._first_of_start(row)
        if first and rounds.peer[first - 1] == peer and sending[1] < rounds.moments_ns[first, BEGUN]:
            # The message was there before the peer was there again to take it.
            self.lost_ns += moments[ARRIVED] - int(rounds.moments_ns[first - 1, DELIVERED])
            return first - 1
        self.edge_ns[gate, peer] += moments[ARRIVED] - sending[1]
        self.edge_rounds[gate, peer] += 1
        return self._to_before(there, sending[1], begin_ns)

    def _to_before(self, row: int, handed_ns: int, begin_ns: int) -> int:
        """Charge a peer's own time up to the moment at which it handed a value over."""
        rounds = self._rounds
        peer = int(rounds.peer[row])
        begun, requested, encoded, *_ = rounds.moments_ns[row].tolist()
        self._own(peer, _SEND, handed_ns - encoded)
        self._own(peer, _ENCODE, encoded - requested)
        self._own(peer, _ADAPT, requested - begun)
        if row == 0 or rounds.peer[row - 1] != peer:
            self._own(peer, _PAUSE, begun - begin_ns)
            return -1
        before = row - 1
        gap_ns = begun - int(rounds.moments_ns[before, DELIVERED])
        follows = (
            rounds.incarnation[before] == rounds.incarnation[row]
            and rounds.number[before] + 1 == rounds.number[row]
        )
        if follows:
            self._own(peer, _PAUSE, gap_ns)
        else:
            self.lost_ns += gap_ns
        return before

    def _over_a_gap(self, row: int, gate: int, begin_ns: int) -> int:
        """Go on where the peer that was waited for has no row of the round: at its last row before, where this costs
        less than the wait, and else at the peer that waited.
        """
        sent_ns, arrived_ns = self._rounds.moments_ns[row, [SENT, ARRIVED]].tolist()
        first, end = np.searchsorted(self._rounds.peer, (gate, gate + 1)).tolist()
        before: int = first + int(np.searchsorted(self._ends[first:end], arrived_ns, "right")) - 1
        if before >= first and sent_ns < self._ends[before] <= arrived_ns:
            self.lost_ns += arrived_ns - int(self._ends[before])
            return before
        self.lost_ns += arrived_ns - sent_ns
        return self._to_before(row, sent_ns, begin_ns)

    def _find(self, peer: int, start: int, number: int) -> int:
        key = (peer * self._starts + start) * self._sendings.rounds + number
        place = int(np.searchsorted(self._keys, key))
        return place if place < len(self._keys) and self._keys[place] == key else -1

    def _first_of_start(self, row: int) -> int:
        rounds = self._rounds
        start = int(rounds.peer[row]) * self._starts + int(rounds.incarnation[row])
        return int(np.searchsorted(self._keys, start * self._sendings.rounds))

    def _own(self, peer: int, part: int, length_ns: int) -> None:
        self.peer_ns[peer, part] += length_ns
