"""Figures of where the time went: the critical path, delays of edges, single rounds."""

from math import isfinite
from types import MappingProxyType

import numpy as np

from peer.measure.anatomy import PARTS
from peer.measure.critical_path import OWN
from peer.report.anatomy import Anatomy, PathTold
from peer.report.charts import Bars, Line, Mark, Matrix, Panel, Timeline
from peer.report.wording import ms, percent, seconds

__all__ = ["PART_COLOURS", "time_panels"]

PART_COLOURS = MappingProxyType(
    {"adapt": "green", "encode": "purple", "send": "orange", "wait": "blue", "decode": "red"}
)

_SHARES = {**{part: PART_COLOURS.get(part, "soft") for part in OWN}, "on the way": "blue"}

MOST_BARS = 16
"""Of the critical path: what is below the largest of so many is not worth looking at."""


def time_panels(anatomy: Anatomy) -> list[Panel]:
    """Make the figures of where the time went.

    Parameters
    ----------
    anatomy : Anatomy
        Of the run.

    Returns
    -------
    list of Panel
        Without those of which nothing is known.
    """
    made = []
    if anatomy.path is not None and anatomy.path.length_s > 0:
        made.append(_path(anatomy.path, anatomy.names))
    if anatomy.timelines:
        made.append(_rounds(anatomy))
    if anatomy.delays:
        made.append(_delays(anatomy))
    return made


def _path(path: PathTold, names: tuple[str, ...]) -> Panel:
    shares = {name: [*own, 0.0] for name, own in zip(names, path.peers_s.tolist(), strict=True)}
    for sender, receiver, length_s, _ in path.edges:
        shares[f"{sender} → {receiver}"] = [0.0] * len(OWN) + [length_s]
    largest = sorted((name for name in shares if sum(shares[name]) > 0), key=lambda name: -sum(shares[name]))
    shown = tuple(largest[:MOST_BARS])
    table = 100 * np.array([shares[name] for name in shown]) / path.length_s
    lines = tuple(Line(part, table[:, i], colour) for i, (part, colour) in enumerate(_SHARES.items()))
    note = (
        f"Of the {seconds(path.length_s)} from the first moment to the last: which peer computed, or which message was "
        "on its way, while all that came later waited for it. All shares together are the whole."
    )
    if len(largest) > len(shown):
        rest = sum(sum(shares[name]) for name in largest[MOST_BARS:]) / path.length_s
        note += f" The {len(largest) - len(shown)} smaller ones, {percent(rest)} in all, are not drawn."
    if path.lost_s > 0:
        note += f" Of {percent(path.lost_s / path.length_s)} there are no rows that tell whose they were."
    return Panel("path", "Critical path", note, {"path": Bars(shown, lines, "% of the run", "%")})


def _rounds(anatomy: Anatomy) -> Panel:
    views = {}
    for line in anatomy.timelines:
        marks = tuple(
            Mark(arrival.peer, arrival.at_ms, f"{arrival.neighbour}'s message, at {ms(arrival.at_ms)}")
            for arrival in line.arrivals
        )
        views[line.what] = Timeline(
            anatomy.names,
            PARTS,
            tuple(PART_COLOURS.values()),
            line.moments_ms,
            marks,
            "a message arrives",
            f"ms since the first peer began with round {line.number}",
        )
    note = "All peers on one axis: what each did, and when each of its neighbours' messages arrived."
    if len(anatomy.clocks) > 1:
        known = [clock.uncertainty_ms for clock in anatomy.clocks if isfinite(clock.uncertainty_ms)]
        note += (
            f" Their clocks were compared by the messages themselves, to at most {ms(max(known))}."
            if len(known) == len(anatomy.clocks)
            else " Not all of their clocks could be compared: peers are left out."
        )
    return Panel("rounds", "Anatomy of a round", note, views)


def _delays(anatomy: Anatomy) -> Panel:
    place = {name: i for i, name in enumerate(anatomy.names)}
    values = np.full((len(place), len(place)), np.nan)
    for delay in anatomy.delays:
        values[place[delay.sender], place[delay.receiver]] = delay.p50_ms
    note = (
        "From handing a message over to its arrival: the median, from the peer on the left to the one below."
    )
    if not anatomy.shared_clock:
        worst = max(delay.uncertainty_ms for delay in anatomy.delays)
        note += (
            f" The peers' clocks are known to at most {ms(worst)}: what one direction may have too much, the other has "
            "too little."
        )
    return Panel("delays", "One-way delays", note, {"delays": Matrix(anatomy.names, values, "ms")})
