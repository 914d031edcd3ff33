"""Where a run's time went, peer by peer and edge by edge: clocks on one axis, delays, critical path, single rounds."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from peer.measure.anatomy import ARRIVED, BEGUN, SENT, Rounds
from peer.measure.boots import read_boots
from peer.measure.bound import Bound, what_bounds
from peer.measure.clocks import Clocks, estimate_clocks, one_clock
from peer.measure.critical_path import CriticalPath, critical_path, handed
from peer.measure.transits import Transits, read_ends, transits

__all__ = [
    "Anatomy",
    "Arrival",
    "ClockTold",
    "Delay",
    "Direction",
    "Gate",
    "PathTold",
    "Timeline",
    "read_anatomy",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_RTT = "SELECT peer, neighbour, rtt_us FROM sockets WHERE rtt_us > 0"


@dataclass(frozen=True)
class ClockTold:
    """A clock of a peer against the axis.

    ``starts`` are the peer's incarnations that had this clock. ``offset_s`` is what it shows beyond the axis in the
    middle of the run, NaN where no message tells; ``uncertainty_ms`` how far off that is at most, NaN where the
    messages allow no clocks at all, and the offset is a guess.
    """

    peer: str
    starts: tuple[int, ...]
    offset_s: float
    skew_ppm: float
    uncertainty_ms: float


@dataclass(frozen=True)
class Delay:
    """From handing over to arrival, on one direction of an edge: quantiles of its messages.

    ``uncertainty_ms`` is that of the two clocks' difference, the same for all messages and with the opposite sign on
    the way back. ``at_least_ms`` is what the quickest message has taken whatever the clocks show. ``closure_ms`` is by
    how much the edge alone would make the receiver's clock differ otherwise than all edges together do: around a
    cycle of edges the sum is what the cycle fails to close by.
    """

    sender: str
    receiver: str
    messages: int
    least_ms: float
    p50_ms: float
    p95_ms: float
    uncertainty_ms: float
    at_least_ms: float
    closure_ms: float


@dataclass(frozen=True)
class Direction:
    """A direction that is proven to be slower than its way back, by at least so much, and the path that proves it."""

    sender: str
    receiver: str
    by_ms: float
    around: tuple[str, ...]


@dataclass(frozen=True)
class Gate:
    """In how many of a peer's rounds a neighbour's message came last, and how long the peer waited in these."""

    peer: str
    neighbour: str
    rounds: int
    of_rounds: int
    waited_s: float


@dataclass(frozen=True)
class PathTold:
    """The critical path: shares of the run's length, in seconds.

    ``peers_s`` has a row for each peer, its columns are `peer.measure.critical_path.OWN`; ``edges`` are sender,
    receiver, seconds and rounds, the largest first.
    """

    length_s: float
    peers_s: Floats
    edges: tuple[tuple[str, str, float, int], ...]
    lost_s: float


@dataclass(frozen=True)
class Arrival:
    """When a neighbour's message arrived at a peer."""

    peer: str
    neighbour: str
    at_ms: float


@dataclass(frozen=True)
class Timeline:
    """One round of all peers on one axis.

    ``moments_ms`` has a row for each peer and the columns of `peer.measure.anatomy.Rounds.moments_ns`, from the first
    of all; NaN for a peer without a row.
    """

    what: str
    number: int
    moments_ms: Floats
    arrivals: tuple[Arrival, ...]


@dataclass(frozen=True)
class Anatomy:
    """Times of a run beyond its quantiles.

    Attributes
    ----------
    names : tuple of str
        All peers.
    shared_clock : bool
        Whether all peers are known to have had one clock; otherwise clocks were estimated.
    consistent : bool
        Whether the messages allow any clocks at all; where not there is no path, no delay and no timeline.
    clocks : tuple of ClockTold
        The axis is the one without uncertainty; empty where the clock is shared.
    delays : tuple of Delay
        Each direction of each edge whose clocks are known.
    slower : tuple of Direction
        The slowest first.
    gates : tuple of Gate
        Of each peer and neighbour.
    path : PathTold or None
        The critical path.
    bound : Bound or None
        What bounds the run; its places are those of ``names``.
    kernel_rtt_ms : float or None
        Median of TCP's own round-trip times: of the link that bounds the run, else of all.
    timelines : tuple of Timeline
        The slowest round and a usual one.
    """

    names: tuple[str, ...]
    shared_clock: bool
    consistent: bool
    clocks: tuple[ClockTold, ...]
    delays: tuple[Delay, ...]
    slower: tuple[Direction, ...]
    gates: tuple[Gate, ...]
    path: PathTold | None
    bound: Bound | None
    kernel_rtt_ms: float | None
    timelines: tuple[Timeline, ...]

    @property
    def offsets_ns(self) -> dict[str, int | None]:
        """By peer, what its newest clock shows beyond the axis, None where nothing tells; empty where all have one."""
        told = {one.peer: one.offset_s for one in sorted(self.clocks, key=lambda one: one.starts)}
        return {peer: round(offset * 1e9) if np.isfinite(offset) else None for peer, offset in told.items()}


def read_anatomy(books: sqlite3.Connection, rounds: Rounds, *, shared_clock: bool) -> Anatomy | None:
    """Read where the time went out of a ledger.

    Parameters
    ----------
    books : sqlite3.Connection
        The ledger.
    rounds : Rounds
        Its rounds, on the peers' own clocks.
    shared_clock : bool
        Whether all peers ran on one machine, and so with one clock.

    Returns
    -------
    Anatomy or None
        None where no round was timed.
    """
    if not rounds.number.size:
        return None
    names = rounds.names
    sent, received = read_ends(books, names)
    boots = read_boots(
        books,
        names,
        np.concatenate([rounds.peer, sent.sender, received.receiver]),
        np.concatenate([rounds.incarnation, sent.incarnation, received.incarnation]),
        np.concatenate([rounds.moments_ns[:, BEGUN], sent.at_ns, received.at_ns]),
    )
    messages = transits(sent, received)
    clocks = one_clock(boots) if shared_clock else estimate_clocks(boots, messages)
    gates = _gates(rounds)
    if not clocks.consistent:
        return Anatomy(names, False, False, _clocks(clocks, names), (), (), gates, None, None, None, ())
    rounds = rounds.only(clocks.known(rounds.peer, rounds.incarnation))
    sent = sent.only(clocks.known(sent.sender, sent.incarnation))
    on_axis = replace(rounds, moments_ns=clocks.to_axis(rounds.peer, rounds.incarnation, rounds.moments_ns))
    most = 1 + max(int(rounds.number.max(initial=0)), int(sent.number.max(initial=0)))
    path = critical_path(on_axis, handed(sent, clocks, most))
    bound = None if path is None else what_bounds(path, on_axis)
    return Anatomy(
        names,
        shared_clock,
        consistent=True,
        clocks=() if shared_clock else _clocks(clocks, names),
        delays=_delays(messages, clocks, names),
        slower=tuple(
            Direction(
                names[one.sender], names[one.receiver], one.by_ns / 1e6, tuple(names[i] for i in one.around)
            )
            for one in clocks.slower()
        ),
        gates=gates,
        path=None if path is None else _path(path, names),
        bound=bound,
        kernel_rtt_ms=_kernel_rtt(books, names, bound),
        timelines=_timelines(on_axis, messages, clocks),
    )


def _clocks(clocks: Clocks, names: Sequence[str]) -> tuple[ClockTold, ...]:
    of = clocks.boots.clock
    return tuple(
        ClockTold(
            names[peer],
            tuple(start for start in range(1, of.shape[1]) if of[peer, start] == clock),
            float(clocks.total_offset_ns[clock] / 1e9),
            float(clocks.skew_ppm[clock]),
            float(clocks.uncertainty_ns[clocks.reference, clock] / 1e6) if clocks.consistent else np.nan,
        )
        for clock, peer in enumerate(clocks.boots.owner.tolist())
    )


def _delays(messages: Transits, clocks: Clocks, names: Sequence[str]) -> tuple[Delay, ...]:
    sent = clocks.to_axis(messages.sender, messages.sender_start, messages.sent_ns)
    received = clocks.to_axis(messages.receiver, messages.receiver_start, messages.received_ns)
    a = clocks.boots.clock[messages.sender, messages.sender_start]
    b = clocks.boots.clock[messages.receiver, messages.receiver_start]
    known = np.isfinite(clocks.uncertainty_ns[a, b])
    direction = messages.sender * len(names) + messages.receiver
    cuts = np.flatnonzero(np.diff(direction)) + 1
    told = []
    for begin, end in pairwise([0, *cuts.tolist(), len(direction)] if direction.size else []):
        some = np.arange(begin, end)[known[begin:end]]
        if some.size:
            delay_ms = (received[some] - sent[some]) / 1e6
            middle, high = np.quantile(delay_ms, (0.5, 0.95))
            here, there = a[some[-1]], b[some[-1]]
            proven_ms = clocks.least_ns[here, there] / 1e6 if here != there else delay_ms.min()
            told.append(
                Delay(
                    names[messages.sender[begin]],
                    names[messages.receiver[begin]],
                    len(some),
                    float(delay_ms.min()),
                    float(middle),
                    float(high),
                    float(clocks.uncertainty_ns[here, there] / 1e6),
                    float(proven_ms),
                    float(clocks.closure_ns[here, there] / 1e6),
                )
            )
    return tuple(told)


def _gates(rounds: Rounds) -> tuple[Gate, ...]:
    waits_ns = np.where(rounds.waited, rounds.moments_ns[:, ARRIVED] - rounds.moments_ns[:, SENT], 0)
    told = []
    for peer, name in enumerate(rounds.names):
        own = (rounds.peer == peer) & (rounds.gated_by >= 0)
        counts = np.bincount(rounds.gated_by[own], minlength=len(rounds.names))
        waited = np.bincount(rounds.gated_by[own], waits_ns[own], minlength=len(rounds.names))
        told += [
            Gate(name, rounds.names[other], int(counts[other]), int(own.sum()), float(waited[other] / 1e9))
            for other in np.flatnonzero(counts)
        ]
    return tuple(told)


def _path(path: CriticalPath, names: Sequence[str]) -> PathTold:
    edges = sorted(path.edge_ns.items(), key=lambda item: -item[1])
    return PathTold(
        path.length_ns / 1e9,
        path.peer_ns / 1e9,
        tuple((names[a], names[b], ns / 1e9, path.edge_rounds[a, b]) for (a, b), ns in edges),
        path.lost_ns / 1e9,
    )


def _kernel_rtt(books: sqlite3.Connection, names: Sequence[str], bound: Bound | None) -> float | None:
    link = None if bound is None or bound.edge is None else {names[place] for place in bound.edge}
    rtts = [rtt for peer, other, rtt in books.execute(_RTT) if link is None or {peer, other} == link]
    return float(np.median(rtts)) / 1e3 if rtts else None


def _timelines(rounds: Rounds, messages: Transits, clocks: Clocks) -> tuple[Timeline, ...]:
    chosen = rounds.slowest()
    if chosen is None:
        return ()
    return tuple(
        _timeline(what, number, rounds, messages, clocks)
        for what, number in zip(("the slowest", "a usual one"), chosen, strict=True)
    )


def _timeline(what: str, number: int, rounds: Rounds, messages: Transits, clocks: Clocks) -> Timeline:
    rows = [rounds.last(peer, number) for peer in range(len(rounds.names))]
    moments = np.full((len(rows), rounds.moments_ns.shape[1]), np.nan)
    begin_ns = min(int(rounds.moments_ns[row, BEGUN]) for row in rows if row >= 0)
    for peer, row in enumerate(rows):
        if row >= 0:
            moments[peer] = (rounds.moments_ns[row] - begin_ns) / 1e6
    known = clocks.known(messages.receiver, messages.receiver_start)
    (these,) = np.nonzero((messages.number == number) & known)
    at_ns = clocks.to_axis(
        messages.receiver[these], messages.receiver_start[these], messages.received_ns[these]
    )
    arrivals = tuple(
        Arrival(rounds.names[receiver], rounds.names[sender], (at - begin_ns) / 1e6)
        for receiver, sender, at in zip(
            messages.receiver[these].tolist(), messages.sender[these].tolist(), at_ns.tolist(), strict=True
        )
    )
    return Timeline(what, number, moments, arrivals)
