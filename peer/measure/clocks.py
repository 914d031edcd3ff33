"""Clocks of machines that know nothing of each other, brought onto one axis by the messages between them.

All that is used is that no message arrives before it was sent. With the clocks' readings at both ends, B's minus A's
is at most what the quickest message from A to B seems to take, and at least the negative of the quickest one back. So
each direction of each edge is an upper bound,

    offset(B) - offset(A) <= least apparent transit from A to B,

and bounds add up along paths: the shortest path from A to B, by apparent transits, is the tightest bound there is. The
offset is taken to be in the middle of its two bounds; half of what is between them is its uncertainty, at most half
of the least round trip over any one edge between the two. Where rates are equal, offsets made this way leave no
message with a negative delay. A link that is slow in one direction spoils nothing where another path exists: the
direct bound is then longer than the path around, and by that much, at least, the direction is slow.

Clocks also run at different rates, by some millionths. An edge's bounds are then lines over time, and what holds at
both ends of the run holds between.

References
----------
Moon, Skelly, Towsley: Estimation and removal of clock skew from network delay measurements, INFOCOM 1999.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from peer.measure.boots import Boots
from peer.measure.skew import BINS, bounds_of_lines, least_in_bins
from peer.measure.transits import Transits

__all__ = ["Clocks", "Slower", "estimate_clocks", "one_clock"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Slower:
    """A direction of an edge that is proven to be slower than the other one.

    Attributes
    ----------
    sender, receiver : int
        Places of the peers in the names.
    by_ns : float
        How much longer than its own way back it takes, at least.
    around : tuple of int
        The quicker path from the sender to the receiver, both included.
    """

    sender: int
    receiver: int
    by_ns: float
    around: tuple[int, ...]


@dataclass(frozen=True)
class Clocks:
    """All clocks of a run against the axis, which is one of them.

    Attributes
    ----------
    boots : Boots
        Which clock each start of a peer had; c clocks in all.
    reference : int
        The clock that is the axis.
    base_ns : ndarray
        Shape (c,), int64: what is taken off a clock first, so that small numbers are left.
    span_ns : ndarray
        Shape (2,), float64: begin and end of the run on the axis.
    offset_ns : ndarray
        Shape (c, 2), float64: what a clock shows beyond ``base_ns`` and the axis at both moments of the span; a line
        between them and beyond. NaN where no message ties the clock to the reference in both directions.
    transit_ns : ndarray
        Shape (c, c, 2), float64: the least apparent transit from each clock to each other, ``base_ns`` taken off,
        at both moments; inf where nothing was sent.
    path_ns : ndarray
        Shape (c, c, 2), float64: the same along the shortest path.
    least_ns, most_ns : ndarray
        Shape (c, c), float64: what the quickest message from each clock to each other has taken, at least and at
        most, whatever the true offsets are; inf where nothing was sent.
    consistent : bool
        False where no offsets at all explain the messages: then some clock has jumped or changed its rate.
    """

    boots: Boots
    reference: int
    base_ns: Ints
    span_ns: Floats
    offset_ns: Floats
    transit_ns: Floats
    path_ns: Floats
    least_ns: Floats
    most_ns: Floats
    consistent: bool

    @cached_property
    def uncertainty_ns(self) -> Floats:
        """Shape (c, c): of the difference between two clocks, the larger of both ends of the run."""
        there_and_back: Floats = (self.path_ns + self.path_ns.swapaxes(0, 1)).max(axis=2) / 2
        return there_and_back

    @cached_property
    def skew_ppm(self) -> Floats:
        """Shape (c,): how much faster than the axis each clock runs, in millionths."""
        lasted = self.span_ns[1] - self.span_ns[0]
        drift: Floats = (self.offset_ns[:, 1] - self.offset_ns[:, 0]) / (lasted or 1.0)
        return drift * 1e6

    @cached_property
    def total_offset_ns(self) -> Floats:
        """Shape (c,): what each clock shows beyond the axis, in the middle of the run."""
        total: Floats = (self.base_ns - self.base_ns[self.reference]) + self.offset_ns.mean(axis=1)
        return total

    @cached_property
    def closure_ns(self) -> Floats:
        """Shape (c, c): by how much an edge's own offset (half its least transit less half that of the way back) is
        beyond that of all edges together, in the middle of the run; NaN where there is no edge.

        Along a cycle of edges the sum is what the cycle fails to close by: 0 where all links are alike in both
        directions.
        """
        with np.errstate(invalid="ignore"):
            own = (self.transit_ns - self.transit_ns.swapaxes(0, 1)).mean(axis=2) / 2
        offset = self.offset_ns.mean(axis=1)
        closure: Floats = own - (offset[np.newaxis] - offset[:, np.newaxis])
        return np.where(np.isfinite(own), closure, np.nan)

    def known(self, peer: Ints, start: Ints) -> NDArray[np.bool_]:
        """Which clocks are on the axis: those of others show times that nothing can be compared with.

        Parameters
        ----------
        peer, start : ndarray
            Shape (k,), int64: whose clocks, and of which incarnation.

        Returns
        -------
        ndarray
            Shape (k,), bool.
        """
        # One that is not tied to the reference has NaN at both moments.
        tied: NDArray[np.bool_] = np.isfinite(self.offset_ns[:, 0])
        return tied[self.boots.clock[peer, start]]

    def to_axis(self, peer: Ints, start: Ints, at_ns: Ints) -> Ints:
        """Move moments onto the axis.

        Parameters
        ----------
        peer, start : ndarray
            Shape (k,), int64: whose moments, and of which incarnation.
        at_ns : ndarray
            Shape (k,) or (k, moments), int64: on the peers' own clocks.

        Returns
        -------
        ndarray
            Like ``at_ns``; of a clock whose offset is not known with its base taken off only.
        """
        clock = self.boots.clock[peer, start]
        shape = (len(clock), *(1,) * (at_ns.ndim - 1))
        based = at_ns - self.base_ns[clock].reshape(shape)
        at_begin, at_end = np.nan_to_num(self.offset_ns)[clock].T
        rate = (at_end - at_begin) / ((self.span_ns[1] - self.span_ns[0]) or 1.0)
        offset = at_begin.reshape(shape) + rate.reshape(shape) * (based - self.span_ns[0])
        on_axis: Ints = based - np.rint(offset).astype(np.int64)
        return on_axis

    def slower(self) -> list[Slower]:
        """Directions that are slower than their way back, whatever the true offsets are.

        Returns
        -------
        list of Slower
            The slowest first; none without another path around an edge, and none where clocks are inconsistent.
        """
        if not self.consistent:
            return []
        with np.errstate(invalid="ignore"):
            by = self.least_ns - self.most_ns.T
        found = np.argwhere(np.isfinite(by) & (by > 0))
        named = []
        for a, b in found.tolist():
            path = _path(self.transit_ns[..., 0], self.path_ns[..., 0], a, b)
            owners = tuple(self.boots.owner[path].tolist())
            named.append(Slower(owners[0], owners[-1], float(by[a, b]), owners))
        return sorted(named, key=lambda one: -one.by_ns)


def one_clock(boots: Boots) -> Clocks:
    """Take all peers to have the same clock, as on one machine.

    Parameters
    ----------
    boots : Boots
        Of the run.

    Returns
    -------
    Clocks
        Without uncertainty: the axis is the machine's clock.
    """
    peers, starts = boots.clock.shape
    same = Boots(np.zeros((peers, starts), np.int64), np.zeros(1, np.int64))
    nothing = np.zeros((1, 1, 2))
    zero = np.zeros(1, np.int64)
    alone = np.zeros((1, 1))
    return Clocks(same, 0, zero, np.array([0.0, 1.0]), np.zeros((1, 2)), nothing, nothing, alone, alone, True)


def estimate_clocks(boots: Boots, messages: Transits) -> Clocks:
    """Estimate every clock's offset and rate from the messages of a run.

    Parameters
    ----------
    boots : Boots
        Which clock each start of a peer had.
    messages : Transits
        Both ends of messages.

    Returns
    -------
    Clocks
        On the axis of the clock that all others are known best against.

    Notes
    -----
    Rates are taken as equal, and the bounds of an edge as the least transits of the whole run, unless that cannot be,
    or many messages show that lines of another slope leave half as much room again between the two directions.
    """
    a = boots.clock[messages.sender, messages.sender_start]
    b = boots.clock[messages.receiver, messages.receiver_start]
    crossing = a != b  # two peers may be on one clock only where the caller says so
    a, b = a[crossing], b[crossing]
    sent, received = messages.sent_ns[crossing], messages.received_ns[crossing]
    count = len(boots.owner)
    base = _coarse(a, b, received - sent, count)
    sent, received = sent - base[a], received - base[b]
    begin, end = (int(sent.min()), int(received.max())) if sent.size else (0, 1)
    span = np.array([begin, max(end, begin + 1)], float)
    at, least = least_in_bins(a * count + b, sent, received - sent, span, count * count)
    transit = bounds_of_lines(at, least, span, count, lines=False)
    path = _shortest(transit)
    if _impossible(path):
        # An edge alone did not show it, a cycle of edges does: some clocks run at other rates.
        transit = bounds_of_lines(at, least, span, count, lines=True)
        path = _shortest(transit)
    consistent = not _impossible(path)
    reference = _best_known(path)
    with np.errstate(invalid="ignore"):
        offset = (path[reference] - path[:, reference]) / 2 if consistent else np.zeros((count, 2))
    offset = np.where(np.isfinite(offset), offset, np.nan)
    delays = _quickest(at, least, path, count)
    # From here on the axis is the reference's own clock.
    span, base = span + base[reference], base - base[reference]
    return Clocks(boots, reference, base, span, offset, transit, path, *delays, consistent)


def _quickest(at: Floats, least: Floats, path: Floats, count: int) -> tuple[Floats, Floats]:
    """What the quickest message of each direction has taken: the bounds of the offset taken off both ways."""
    begin, end = path.reshape(-1, 2, 1).swapaxes(0, 1)
    back_begin, back_end = path.swapaxes(0, 1).reshape(-1, 2, 1).swapaxes(0, 1)
    with np.errstate(invalid="ignore"):
        # A message that is not the quickest of its part of the run may be that of the bound's drift there.
        drift = np.abs(end - begin)[:, 0] / BINS
        shortest = (least - (begin + at * (end - begin))).min(axis=1) - drift
        longest = (least + (back_begin + at * (back_end - back_begin))).min(axis=1)
    sent = np.isfinite(least).any(axis=1)
    least_ns, most_ns = (np.where(sent, ns, np.inf).reshape(count, count) for ns in (shortest, longest))
    return least_ns, most_ns


def _coarse(a: Ints, b: Ints, apparent: Ints, count: int) -> Ints:
    """Offsets along a tree of edges, by the least transits: within a drift and a delay of the truth, so that times
    of different clocks can stand for each other where only rates matter.
    """
    least = np.full((count, count), np.iinfo(np.int64).max)
    np.minimum.at(least, (a, b), apparent)
    tied = least < np.iinfo(np.int64).max
    base = np.zeros(count, np.int64)
    left = set(range(count))
    while left:
        ahead = [min(left)]
        left -= set(ahead)
        while ahead:
            here = ahead.pop()
            for there in sorted(left):
                if tied[here, there] or tied[there, here]:
                    ways = [least[here, there]] if tied[here, there] else []
                    ways += [-least[there, here]] if tied[there, here] else []
                    base[there] = base[here] + sum(map(int, ways)) // len(ways)
                    left.remove(there)
                    ahead.append(there)
    return base


def _shortest(transit: Floats) -> Floats:
    """Shortest paths between all clocks (Floyd and Warshall), for both moments at once."""
    path = transit.copy()
    places = np.arange(len(path))
    path[places, places] = 0.0
    for over in places:
        np.minimum(path, path[:, over, np.newaxis] + path[np.newaxis, over], out=path)
        if _impossible(path):
            break  # around such a cycle paths would become ever shorter
    return path


def _impossible(path: Floats) -> bool:
    """Whether some cycle is shorter than nothing: then no offsets leave every delay at least 0."""
    places = np.arange(len(path))
    # Half a nanosecond: lines are computed in floating point.
    return bool((path[places, places] < -0.5).any())


def _best_known(path: Floats) -> int:
    """The clock that most others are tied to, and among these the one with the least worst uncertainty."""
    there_and_back = (path + path.swapaxes(0, 1)).max(axis=2)
    known = np.isfinite(there_and_back)
    worst = np.where(known, there_and_back, 0).max(axis=1)
    return int(np.lexsort((worst, -known.sum(axis=1)))[0])


def _path(transit: Floats, path: Floats, a: int, b: int) -> list[int]:
    """The clocks of the shortest path from one to another, both included."""
    here, passed = a, [a]
    while here != b and len(passed) <= len(path):
        rest = transit[here] + path[:, b]
        rest[passed] = np.inf
        here = int(rest.argmin())
        passed.append(here)
    return passed
