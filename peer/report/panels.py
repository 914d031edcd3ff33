"""The figures of a report: which charts there are of a run's series, and what is said about them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from peer.measure.anatomy import PARTS
from peer.report.agreements import Theory
from peer.report.charts import Areas, Bars, Line, Lines, Matrix, Panel
from peer.report.learning import Learning
from peer.report.network_picture import network_picture
from peer.report.reading import Recorded
from peer.report.sentences import METRICS
from peer.report.series import RunSeries
from peer.report.time_panels import PART_COLOURS, time_panels
from peer.report.timing import Timing
from peer.report.traffic import LEVELS, Traffic
from peer.report.wording import ms, percent

__all__ = ["panels"]

Floats = NDArray[np.float64]

MOST_POINTS = 2000
"""Of a line over iterations: more than a screen has columns."""

_UNITS = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
_COLOURS = {"payload": "blue", "message": "orange", "socket": "green", "wire_estimate": "purple"}


def panels(run: Recorded, series: RunSeries) -> list[Panel]:
    """Make the figures of a run.

    Parameters
    ----------
    run : Recorded
        The run.
    series : RunSeries
        Its series.

    Returns
    -------
    list of Panel
        In the order of the page; without those of which nothing was measured.
    """
    made = []
    if series.learning is not None:
        made.append(_learning(series.learning))
    if series.traffic is not None and series.traffic.starts.size > 1:
        made.append(_levels(series.traffic))
    if series.theory is not None and series.theory.agreements.labels:
        made += _agreements(series.theory, run.summary.gamma)
    if series.timing is not None:
        made += [_latency(series.timing), _split(series.timing)]
    if series.anatomy is not None:
        made += time_panels(series.anatomy)
    if run.network is not None:
        picture = network_picture(run.network, series.traffic, series.timing)
        thick = "Thicker edges carried more bytes. " if series.traffic is not None else ""
        made.append(
            Panel(
                "network",
                "The network",
                f"{thick}Mixing weights: {run.network.mixing}.",
                {"network": picture},
            )
        )
    if series.traffic is not None and run.network is not None:
        made.append(_edges(series.traffic, run.network.names))
    return made


def _learning(learning: Learning) -> Panel:
    name = METRICS.get(learning.metric, learning.metric)
    learning = learning.thinned(MOST_POINTS)
    line = (Line(name, learning.values, "blue"),)
    log = bool((learning.values > 0).all())
    views = {}
    if learning.rounds is not None:
        views["rounds"] = Lines(learning.rounds.astype(float), line, "rounds", name, log)
    if learning.sent_bytes is not None:
        unit = _unit(learning.sent_bytes.max())
        sent = learning.sent_bytes / _UNITS[unit]
        views["bytes"] = Lines(sent, line, f"{unit} sent by all peers ({learning.level})", name, log)
    if learning.seconds is not None:
        views["seconds"] = Lines(learning.seconds, line, "seconds since the first round", name, log)
    if not views:
        views["iterations"] = Lines(learning.iterations.astype(float), line, "iterations", name, log)
    note = f"The {name}, after each iteration; the largest of any peer counts."
    if learning.metric not in METRICS:
        note = f"{name}, as the algorithm reports it, after each iteration; the largest of any peer."
    elif learning.metric == "moved":
        note = "How far the bases move in an iteration; the peer that moves furthest counts."
    if learning.rounds is not None and learning.rounds[0] > 0:
        note += f" The first point is where the initialisation ends, after {learning.rounds[0]} rounds."
    return Panel("learning", "Progress", note, views)


def _levels(traffic: Traffic) -> Panel:
    views = {"all": _over_rounds(traffic, traffic.per_round)}
    note = "Sent by all peers together, each level with everything inside it."
    above = {
        level: series - traffic.per_round["payload"]
        for level, series in traffic.per_round.items()
        if level != "payload"
    }
    if above:
        views["above the values"] = _over_rounds(traffic, above)
    if "socket" in traffic.per_round:
        note += (
            " The kernel's counters are read when an agreement ends; between, their growth is spread equally."
        )
    return Panel("bytes", "Bytes of a round", note, views)


def _agreements(theory: Theory, gamma: float) -> list[Panel]:
    """How much of the difference each agreement left, for each kind of them."""
    views = {}
    found = theory.agreements
    labels = np.array(found.labels)
    for kind in theory.kinds:
        own = np.flatnonzero((labels == kind.label) & (found.contraction > 0))
        if own.size < 2:
            continue
        own = own[np.unique(np.linspace(0, own.size - 1, min(own.size, MOST_POINTS)).round().astype(int))]
        lines = (
            Line("measured", found.contraction[own], "blue"),
            Line("predicted by gamma", gamma ** (found.rounds[own] - 1.0), "orange"),
        )
        views[kind.label] = Lines(
            found.starts[own].astype(float), lines, "round", "part of the difference left"
        )
    note = (
        "What an agreement leaves of the largest difference between neighbours. Gamma bounds the distance to the mean "
        "of all; differences between neighbours shrink at that rate in the long run."
    )
    # Without a drawing there is the table below still.
    return [Panel("agreements", "Agreements: theory beside measurement", note, views)] if views else []


def _over_rounds(traffic: Traffic, levels: Mapping[str, Floats]) -> Lines:
    unit = _unit(max(float(series.max()) for series in levels.values()))
    lines = tuple(
        Line(name, levels[level] / _UNITS[unit], _COLOURS[level])
        for level, name in LEVELS.items()
        if level in levels
    )
    return Lines(_middles(traffic.starts), lines, "round", f"{unit} a round", steps=True)


def _latency(timing: Timing) -> Panel:
    names = {
        "p50": ("half within (p50)", "blue"),
        "p95": ("95 of 100 (p95)", "orange"),
        "p99": ("99 of 100 (p99)", "red"),
    }
    lines = tuple(Line(names[key][0], values, names[key][1]) for key, values in timing.quantiles_ms.items())
    note = "From a program's request to its reply, over all peers and the rounds of a bucket."
    chart = Lines(_middles(timing.starts), lines, "round", "ms", log_y=True, steps=True)
    return Panel("latency", "Latency of a round", note, {"latency": chart})


def _split(timing: Timing) -> Panel:
    by_peer = Bars(
        timing.peers,
        tuple(Line(part, timing.peer_parts_ms[part], PART_COLOURS[part]) for part in PARTS),
        "ms a round, mean",
    )
    known = ~np.isnan(timing.parts_ms["wait"])
    totals = np.sum([timing.parts_ms[part][known] for part in PARTS], axis=0)
    # A first round waits until all links are up: beside it everything else would be flat.
    usual = float(np.quantile(totals, 0.95))
    top = 1.6 * usual if totals.max() > 3 * usual else None
    over_run = Areas(
        _middles(timing.starts)[known],
        tuple(Line(part, timing.parts_ms[part][known], PART_COLOURS[part]) for part in PARTS),
        "round",
        "ms a round, mean",
        top,
    )
    note = "Means. The program adapts before a round; encode, send, wait and decode are the round's latency."
    if top is not None:
        note += f" Over the run the axis is cut: single moments reach {ms(float(totals.max()))}."
    return Panel("split", "Where the time goes", note, {"by peer": by_peer, "over the run": over_run})


def _edges(traffic: Traffic, names: tuple[str, ...]) -> Panel:
    level = traffic.finest
    values = np.full((len(names), len(names)), np.nan)
    for (peer, neighbour), sizes in traffic.edges.items():
        if peer in names and neighbour in names:
            values[names.index(peer), names.index(neighbour)] = sizes.get(level, 0)
    unit = _unit(float(np.nanmax(values, initial=0)))
    note = f"Level: {LEVELS[level]}, {unit} in the whole run, from the peer on the left to the one below."
    least, most = np.nanmin(values, initial=np.inf), np.nanmax(values, initial=0)
    if least < np.inf and most < 1.02 * least:
        note += f" All edges carried the same within {percent(most / least - 1)}."
    return Panel("edges", "Bytes by edge", note, {"edges": Matrix(names, values / _UNITS[unit], unit)})


def _middles(starts: NDArray[np.int64]) -> Floats:
    return (starts[:-1] + starts[1:] - 1) / 2


def _unit(largest: float) -> str:
    return next((unit for unit, size in reversed(_UNITS.items()) if largest >= size), "B")
