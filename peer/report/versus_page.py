"""Two runs as one page: the same style as a run's own report, the curves of both in one figure."""

from html import escape
from pathlib import Path

import numpy as np

from peer.measure.figures import SUBSPACE_DISTANCE
from peer.report.charts import Line, Lines, Panel
from peer.report.frame import NO_SCRIPT, framed, panel_card, write_html
from peer.report.html import card, items, paragraphs, table
from peer.report.learning import Learning
from peer.report.panels import MOST_POINTS
from peer.report.reading import Recorded, open_books
from peer.report.sentences import METRICS
from peer.report.traffic import LEVELS
from peer.report.versus import Versus
from peer.report.versus_words import HEAD, doubts, figure_rows, sentence, story

__all__ = ["COMPARISON", "versus_page", "versus_panels", "write_versus"]

COMPARISON = "comparison.html"
"""The page's name in the second run's folder."""

_COLOURS = ("blue", "orange")
_LATENCIES = "SELECT latency_ns FROM rounds WHERE latency_ns IS NOT NULL"
_SHARES = np.concatenate([np.arange(0.01, 0.99, 0.01), np.arange(0.99, 0.9995, 0.001)])


def write_versus(versus: Versus, path: Path) -> None:
    """Write the page, in the place of an older one.

    Parameters
    ----------
    versus : Versus
        The runs.
    path : Path
        The file to write; it is there whole or not at all.

    Raises
    ------
    ImportError
        If plotly is not installed.
    InputError
        If the file cannot be written.
    """
    write_html(versus_page(versus), path)


def versus_page(versus: Versus) -> str:
    """Make the page.

    Parameters
    ----------
    versus : Versus
        The runs.

    Returns
    -------
    str
        HTML with plotly's script, about 5 MB.

    Raises
    ------
    ImportError
        If plotly is not installed.
    """
    made = versus_panels(versus)
    ids = [run.summary.run_id for run in (versus.first, versus.second)]
    parts = [
        f'<header><p class="eyebrow"><b>difpeer</b> · A is run {escape(ids[0])} · B is run {escape(ids[1])}</p>'
        f"<h1>{escape(sentence(versus))}</h1></header>",
        f'<div class="story">{paragraphs(story(versus))}</div>',
        card("What is not known", items(doubts(versus)), "unknown"),
        card("Figures", table(HEAD, figure_rows(versus), numbers=True)),
        NO_SCRIPT,
        *(panel_card(panel) for panel in made),
    ]
    if versus.differences:
        rows = [
            (f"{one.part}: {one.field}", one.first or "none", one.second or "none")
            for one in versus.differences
        ]
        parts.append(card("What is not the same", table(("", "A", "B"), rows)))
    return framed(" and ".join(ids), "\n".join(parts), made)


def versus_panels(versus: Versus) -> list[Panel]:
    """Make the figures of two runs.

    Parameters
    ----------
    versus : Versus
        The runs.

    Returns
    -------
    list of Panel
        Without those of which one run has nothing.
    """
    made = [_learning(versus), _latency(versus), _bytes(versus)]
    return [panel for panel in made if panel is not None]


def _learning(versus: Versus) -> Panel | None:
    both = [versus.first_series.learning, versus.second_series.learning]
    a, b = (one if one is None else one.thinned(MOST_POINTS) for one in both)
    if a is None or b is None or a.metric != b.metric:
        return None
    name = METRICS.get(a.metric, a.metric)
    log = bool((a.values > 0).all() and (b.values > 0).all())
    axes = {
        "rounds": ("rounds", 1.0),
        "sent_bytes": (f"MB sent by all peers ({a.level})", 1e6),
        "seconds": ("seconds since the first round", 1.0),
    }
    if a.level != b.level:
        del axes["sent_bytes"]
    views = {}
    for key, (title, unit) in axes.items():
        xs = [getattr(one, key) for one in (a, b)]
        if all(x is not None for x in xs):
            x = [np.asarray(x, np.float64) / unit for x in xs]
            views["bytes" if key == "sent_bytes" else key] = _two(x, (a, b), title, name, log)
    if not views:
        x = [one.iterations.astype(np.float64) for one in (a, b)]
        views["iterations"] = _two(x, (a, b), "iterations", name, log)
    kind = "" if a.metric == SUBSPACE_DISTANCE else ", as the algorithm reports it"
    return Panel(
        "learning", "Progress", f"The {name}{kind}, after each iteration; the largest of any peer.", views
    )


def _two(
    x: list[np.ndarray], both: tuple[Learning, Learning], x_title: str, y_title: str, log: bool
) -> Lines:
    lines = tuple(
        Line(run, one.values, colour, at)
        for run, one, colour, at in zip("AB", both, _COLOURS, x, strict=True)
    )
    return Lines(x[0], lines, x_title, y_title, log)


def _latency(versus: Versus) -> Panel | None:
    lines = []
    for run, recorded, colour in zip("AB", (versus.first, versus.second), _COLOURS, strict=True):
        latency_ms = _latencies(recorded)
        if not latency_ms.size:
            return None
        lines.append(Line(run, np.quantile(latency_ms, _SHARES), colour))
    chart = Lines(100 * _SHARES, tuple(lines), "% of the rounds of all peers", "ms", log_y=True)
    note = "How many of 100 rounds were over within which time."
    return Panel("latency", "Latency of a round", note, {"latency": chart})


def _latencies(run: Recorded) -> np.ndarray:
    if run.ledger is None:
        return np.empty(0)
    with open_books(run.ledger) as books:
        return np.array(books.execute(_LATENCIES).fetchall(), np.float64).ravel() / 1e6


def _bytes(versus: Versus) -> Panel | None:
    both = [versus.first_series.traffic, versus.second_series.traffic]
    a, b = both
    if a is None or b is None or min(a.starts.size, b.starts.size) < 2:
        return None
    level = next(
        level
        for level in (a.finest, b.finest, "message", "payload")
        if {level} <= a.per_round.keys() & b.per_round.keys()
    )
    lines = tuple(
        Line(run, one.per_round[level] / 1e3, colour, (one.starts[:-1] + one.starts[1:] - 1) / 2)
        for run, one, colour in zip("AB", (a, b), _COLOURS, strict=True)
    )
    assert lines[0].x is not None
    chart = Lines(lines[0].x, lines, "round", "kB a round", steps=True)
    return Panel(
        "bytes", "Bytes of a round", f"Sent by all peers together. Level: {LEVELS[level]}.", {"bytes": chart}
    )
