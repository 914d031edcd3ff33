"""What bounds a run: everybody's computing, one peer's, or the network; read off its critical path."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from peer.measure.anatomy import PARTS, Rounds
from peer.measure.critical_path import OWN, CriticalPath

__all__ = ["Bound", "what_bounds"]

Floats = NDArray[np.float64]

MOST = 0.5
"""Of the edges' or the peers' time, from which on one of them is named; and of the path, which has to be known."""

SLOWER = 1.5
"""Times the computing of the other peers' median, from which on a peer is a straggler."""

ONE_WAY = 2 / 3
"""Of a link's time, from which on it is one direction's."""


@dataclass(frozen=True)
class Bound:
    """The answer with its figures.

    Attributes
    ----------
    kind : {"compute", "network", "straggler"}
        Where most of the critical path's time is: with all peers, on edges, or with one peer that computes for
        clearly longer than the others.
    peer : int or None
        The straggler, as a place in the names; of a run that computing bounds, a peer that would be one if it had most
        of the path.
    edge : (int, int) or None
        The link with most of the edges' time, the slower direction first, where one has.
    one_way : bool
        Whether the link's time is one direction's.
    computing, exchanging : float
        The peers' and the edges' part of the path's length, from 0 to 1, without pauses.
    named : float
        The part of the path's length that the named peer or link has; 0 where none is named.
    times_others : float
        The computing of ``peer``, in the mean of its rounds, against the median of the other peers'.
    paused : float
        The part of the path's length in which a peer was between two rounds, or had not begun; what is then missing
        to 1 is lost.
    """

    kind: Literal["compute", "network", "straggler"]
    peer: int | None
    edge: tuple[int, int] | None
    one_way: bool
    computing: float
    exchanging: float
    named: float
    times_others: float
    paused: float


def what_bounds(path: CriticalPath, rounds: Rounds) -> Bound | None:
    """Say what a run's length is made of.

    Parameters
    ----------
    path : CriticalPath
        Of the run.
    rounds : Rounds
        All its rounds.

    Returns
    -------
    Bound or None
        None of a run without length, where most of it was lost or a pause, or with rows of one of several peers only.
    """
    paused_ns = path.peer_ns[:, OWN.index("pause")]
    own, edges = path.peer_ns.sum(axis=1) - paused_ns, sum(path.edge_ns.values())
    if path.length_ns <= 0 or own.sum() + edges < MOST * path.length_ns:
        return None
    computing, exchanging, paused = (
        float(part / path.length_ns) for part in (own.sum(), edges, paused_ns.sum())
    )
    if edges > own.sum():
        edge, one_way, named = _link(path)
        return Bound("network", None, edge, one_way, computing, exchanging, named, 0.0, paused)
    if len(rounds.names) > 1 and np.unique(rounds.peer).size == 1:
        return None
    times = _times_others(rounds)
    most, slowest = int(own.argmax()), int(times.argmax())
    if own[most] >= MOST * own.sum() and times[most] >= SLOWER:
        named = float(own[most] / path.length_ns)
        return Bound("straggler", most, None, False, computing, exchanging, named, float(times[most]), paused)
    if times[slowest] >= SLOWER:
        return Bound(
            "compute", slowest, None, False, computing, exchanging, 0.0, float(times[slowest]), paused
        )
    return Bound("compute", None, None, False, computing, exchanging, 0.0, 0.0, paused)


def _link(path: CriticalPath) -> tuple[tuple[int, int] | None, bool, float]:
    """The link that has most of the edges' time, both directions together."""
    links: dict[tuple[int, int], int] = {}
    for (a, b), ns in path.edge_ns.items():
        links[min(a, b), max(a, b)] = links.get((min(a, b), max(a, b)), 0) + ns
    (a, b), most = max(links.items(), key=lambda item: item[1])
    if most < MOST * sum(links.values()):
        return None, False, 0.0
    there, back = (path.edge_ns.get(way, 0) for way in ((a, b), (b, a)))
    edge = (a, b) if there >= back else (b, a)
    return edge, max(there, back) >= ONE_WAY * most, most / path.length_ns


def _times_others(rounds: Rounds) -> Floats:
    """The computing of each peer, in the mean of its rounds, against the median of the others'; 0 without others."""
    computing = rounds.parts_ns.sum(axis=1) - rounds.parts_ns[:, PARTS.index("wait")]
    peers, place, counts = np.unique(rounds.peer, return_inverse=True, return_counts=True)
    means = np.bincount(place, computing) / counts
    times = np.zeros(len(rounds.names))
    if len(peers) > 1:
        usual = [np.median(np.delete(means, i)) for i in range(len(peers))]
        # What the others do in no time at all takes any times as long.
        times[peers] = np.divide(means, usual, out=np.full(len(peers), np.inf), where=np.array(usual) > 0)
    return times
