"""What ``difpeer report A B`` writes and prints."""

from pathlib import Path
from typing import Any

from rich.table import Table

from peer.cli.output import console, emit, say
from peer.cli.reporting import INSTALL
from peer.report.prints import print_panels
from peer.report.reading import read_recorded
from peer.report.series import read_series
from peer.report.versus import Versus, compare_runs
from peer.report.versus_page import COMPARISON, versus_panels, write_versus
from peer.report.versus_words import HEAD, doubts, figure_rows, sentence, story
from topology.errors import InputError

__all__ = ["compare_pages"]


def compare_pages(
    first: Path,
    second: Path,
    distance: float | None,
    *,
    out: Path | None,
    figures: Path | None,
    as_json: bool,
) -> None:
    """Put two runs beside each other: a page, a table, sentences.

    Parameters
    ----------
    first, second : Path
        Their folders.
    distance : float or None
        The subspace distance to come to.
    out : Path or None
        The page; by default in the second folder.
    figures : Path or None
        Where figures go.
    as_json : bool
        Whether stdout belongs to a JSON document.
    """
    runs = [read_recorded(folder) for folder in (first, second)]
    (a, a_series), (b, b_series) = ((run, read_series(run)) for run in runs)
    versus = compare_runs((a, a_series), (b, b_series), distance)
    path = out if out is not None else second / COMPARISON
    try:
        write_versus(versus, path)
        drawn = [] if figures is None else print_panels(versus_panels(versus), figures)
    except ImportError as missing:
        raise InputError(
            f"the report needs {missing.name}, which is not installed", mend=INSTALL
        ) from missing
    document: dict[str, Any] = {
        "report": str(path),
        "figures_written": [str(file) for file in drawn],
        "headline": sentence(versus),
        "story": story(versus),
        "unknown": doubts(versus),
        **versus.document(),
    }
    emit(document, as_json, lambda: _print(versus, document))


def _print(versus: Versus, document: dict[str, Any]) -> None:
    say(document["headline"], console)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for place, heading in enumerate(HEAD):
        table.add_column(heading, justify="right" if place else "left")
    for row in figure_rows(versus):
        table.add_row(*row)
    console.print(table)
    for text in (*document["story"], *document["unknown"]):
        say(text, console)
    for file in (*document["figures_written"], document["report"]):
        say(f"written: {file}", console)
