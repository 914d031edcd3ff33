"""``difpeer report``: one page and figures of a run, or of two beside each other."""

from pathlib import Path
from typing import Annotated, Any

import typer

from peer.cli.options import JsonOption
from peer.cli.output import console, emit, say
from peer.cli.reporting import INSTALL
from peer.cli.versus import compare_pages
from peer.measure.run_folder import find_run
from peer.report.panels import panels
from peer.report.prints import print_panels
from peer.report.reading import read_recorded
from peer.report.sentences import headline, story
from peer.report.series import read_series, series_document
from peer.report.unknowns import unknown
from peer.report.writing import REPORT, write_page
from topology.errors import InputError

__all__ = ["app"]

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: difpeer report runs/20261121-105502-2e9b88 --figures figures")
def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or the id of a run in ./runs.")],
    other: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]", help="A second run: what differs, with ratios and their 95 % intervals."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The page; by default RUN/report.html, of two runs comparison.html in the second. Written anew.",
        ),
    ] = None,
    distance: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            metavar="EPS",
            help="Of two runs: the distance to come to. By default the larger of their last ones.",
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the figures there too, as SVG and PNG for papers."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make one page of a run, with everything inside: sentences, figures, and how to do it again.

    Of two runs the page says what differs: A is the first, B the second.
    """
    if other is not None:
        compare_pages(find_run(run), find_run(other), distance, out=out, figures=figures, as_json=as_json)
        return
    if distance is not None:
        raise InputError("is for two runs", field="--distance", mend="leave it out, or give a second run")
    folder = find_run(run)
    recorded = read_recorded(folder)
    series = read_series(recorded)
    path = out if out is not None else folder / REPORT
    try:
        write_page(recorded, series, path)
        drawn = [] if figures is None else print_panels(panels(recorded, series), figures)
    except ImportError as missing:
        raise InputError(
            f"the report needs {missing.name}, which is not installed", mend=INSTALL
        ) from missing
    document: dict[str, Any] = {
        "report": str(path),
        "figures": [str(file) for file in drawn],
        "run_id": recorded.summary.run_id,
        "headline": headline(recorded, series),
        "story": story(recorded, series),
        "unknown": unknown(recorded, series),
        "series": series_document(series),
    }
    emit(document, as_json, lambda: _print(document))


def _print(document: dict[str, Any]) -> None:
    say(document["headline"], console)
    for sentence in document["unknown"]:
        say(f"not known: {sentence}", console)
    for file in (*document["figures"], document["report"]):
        say(f"written: {file}", console)
