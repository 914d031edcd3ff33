"""The report as one page: everything is inside, and nothing is fetched."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from peer.report.books import balance_card
from peer.report.charts import Panel
from peer.report.clocks import clocks_table
from peer.report.commands import commands
from peer.report.completeness import Completeness
from peer.report.frame import NO_SCRIPT, framed, panel_card, write_html
from peer.report.html import card, items, paragraphs, table, tiles
from peer.report.levels import levels
from peer.report.panels import panels
from peer.report.reading import Recorded
from peer.report.sentences import METRICS, headline, story
from peer.report.series import RunSeries
from peer.report.theory import cost_card, theory_card
from peer.report.traffic import LEVELS
from peer.report.unknowns import unknown
from peer.report.wording import amount, count, ms, percent, power, seconds

__all__ = ["REPORT", "page", "write_page"]

REPORT = "report.html"
"""The report's name in a run folder."""

_ROWS = {**LEVELS, "resent": "after lost connections", "predicted_payload": "values, predicted"}
_ABOVE = ("message", "socket", "wire_estimate")


def write_page(run: Recorded, series: RunSeries, path: Path) -> None:
    """Write the page, in the place of an older one.

    Parameters
    ----------
    run : Recorded
        The run.
    series : RunSeries
        Its series.
    path : Path
        The file to write; it is there whole or not at all.

    Raises
    ------
    ImportError
        If plotly is not installed.
    InputError
        If the file cannot be written.
    """
    write_html(page(run, series), path)


def page(run: Recorded, series: RunSeries) -> str:
    """Make the page.

    Parameters
    ----------
    run : Recorded
        The run.
    series : RunSeries
        Its series.

    Returns
    -------
    str
        HTML with plotly's script, about 5 MB.

    Raises
    ------
    ImportError
        If plotly is not installed.
    """
    made = panels(run, series)
    return framed(run.summary.run_id, _body(run, series, made), made)


def _body(run: Recorded, series: RunSeries, made: Sequence[Panel]) -> str:
    parts = [
        _header(run, series),
        tiles(_tiles(run)),
        f'<div class="story">{paragraphs(story(run, series))}</div>',
    ]
    missing = unknown(run, series)
    if missing:
        parts.append(card("What is not known", items(missing), "unknown"))
    parts.append(NO_SCRIPT)
    theory = series.theory
    for panel in made:
        parts.append(panel_card(panel, _below(panel.key, run, series)))
        if panel.key == "learning" and theory is not None and theory.costs:
            parts.append(cost_card(theory, METRICS.get(theory.metric or "", theory.metric or "")))
    if theory is not None and theory.kinds and "agreements" not in {panel.key for panel in made}:
        parts.append(card("Agreements: theory beside measurement", theory_card(theory)))
    if series.balance is not None:
        parts.append(balance_card(series.balance))
    if series.completeness is not None and series.completeness.events:
        parts.append(_events(series.completeness))
    parts.append(card("Environment", table((), _environment(run))))
    note = (
        "Data and network are made anew from the seed."
        if run.summary.command
        else "Run in the folder above the run's."
    )
    parts.append(
        card("Do it again", f"<p>{escape(note)}</p><pre>{escape(chr(10).join(commands(run)))}</pre>")
    )
    return "\n".join(parts)


def _below(key: str, run: Recorded, series: RunSeries) -> str:
    """The table under a figure."""
    if key == "bytes":
        return _bytes(run, series)
    if key == "delays" and series.anatomy is not None:
        return clocks_table(series.anatomy)
    return theory_card(series.theory) if key == "agreements" and series.theory is not None else ""


def _header(run: Recorded, series: RunSeries) -> str:
    begun = series.completeness.begun_utc if series.completeness is not None else None
    when = f" · {begun[:16].replace('T', ' ')} UTC" if begun else ""
    network = f" · network {run.network.name}" if run.network is not None else ""
    return (
        f'<header><p class="eyebrow"><b>difpeer</b> · run {escape(run.summary.run_id)}{escape(network + when)}</p>'
        f"<h1>{escape(headline(run, series))}</h1></header>"
    )


def _tiles(run: Recorded) -> list[tuple[str, str]]:
    summary, sizes = run.summary, run.summary.bytes
    distance = summary.subspace_distance
    told = []
    if distance is not None and distance.final is not None:
        told.append(("distance", power(distance.final)))
    if summary.consensus_error is not None:
        told.append(("consensus error", power(summary.consensus_error)))
    told.append(("rounds", count(summary.rounds)))
    level, size = (
        ("sent over TCP", sizes.socket) if sizes.socket is not None else ("sent, messages", sizes.message)
    )
    told.append((level, amount(size)) if size is not None else ("values to send", amount(sizes.payload)))
    told.append(("time", seconds(summary.wall_s)))
    if summary.round_latency_ms.p50 is not None:
        told.append(("median round", ms(summary.round_latency_ms.p50)))
    return told


def _bytes(run: Recorded, series: RunSeries) -> str:
    sizes = run.summary.bytes
    rounds = max(run.summary.rounds, 1)
    rows = []
    for level, name in _ROWS.items():
        size = getattr(sizes, level)
        if size is None:
            rows.append((name, "not known", "", ""))
            continue
        above = f"+{percent(size / sizes.payload - 1)}" if level in _ABOVE and sizes.payload else ""
        each = amount(size / rounds) if level != "resent" else ""
        rows.append((name, amount(size), each, above))
    whole = table(("", "whole run", "a round", "over the values"), rows, numbers=True)
    return whole if series.accounts is None else whole + levels(sizes, series.framing, series.accounts)


def _events(checks: Completeness) -> str:
    rows = [(f"{event.peer}, {event.at_utc[11:19]}", event.text) for event in checks.events]
    more = f"<p>And {checks.more_events} more, in the ledger.</p>" if checks.more_events else ""
    return card("What happened", table(("peer, UTC", "what"), rows) + more)


def _environment(run: Recorded) -> list[tuple[str, str]]:
    summary = run.summary
    rows = [("driver", summary.driver), ("algorithm", summary.algorithm)]
    if run.spec is not None:
        fields = {key: value for key, value in run.spec.items() if key not in ("algorithm", "version")}
        rows.append(("specification", ", ".join(_fields(fields))))
    rows.append(("gamma of the network", f"{summary.gamma:.4f}"))
    rows += sorted(summary.versions.items())
    profile = summary.profile
    if profile is None:
        return [*rows, ("profile", "not in the summary")]
    return rows + [
        (f"profile: {part}", value) for part, value in profile.items() if part not in summary.versions
    ]


def _fields(fields: Mapping[str, object], prefix: str = "") -> list[str]:
    told = []
    for key, value in fields.items():
        if isinstance(value, dict):
            told += _fields(value, f"{prefix}{key}.")
        else:
            told.append(f"{prefix}{key} {'none' if value is None else value}")
    return told
