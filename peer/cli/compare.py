"""``difpeer compare``: a run held against a budget, for tests of communication."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from peer.cli.options import JsonOption
from peer.cli.output import console, emit, say
from peer.measure.run_folder import find_run
from peer.report.budget import Held, hold, read_budget
from peer.report.budget_words import held_line, outcome
from peer.report.reading import read_recorded
from peer.report.series import read_series
from peer.report.versus import compare_runs

__all__ = ["app"]

app = typer.Typer(add_completion=False)

EXCEEDED = 1
UNKNOWN = 2


@app.command(epilog="Example: difpeer compare runs/BASE runs/RUN --budget budget.yaml")
def compare(
    base: Annotated[str, typer.Argument(metavar="BASE", help="The run to compare with: a folder, or an id.")],
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run that has the budget.")],
    budget: Annotated[
        Path, typer.Option(metavar="FILE", help="A YAML file with the limits; docs/compare.md.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Say whether a run is within a budget of bytes and time.

    Exit status: 0 within it; 1 a limit is exceeded; 2 none is, but one cannot be told.
    """
    limits = read_budget(budget)
    distance = None if limits.to_distance is None else limits.to_distance.distance
    first, second = (read_recorded(find_run(folder)) for folder in (base, run))
    versus = compare_runs((first, read_series(first)), (second, read_series(second)), distance)
    held = hold(limits, versus)
    status = _status(held)
    document: dict[str, Any] = {
        "base": first.summary.run_id,
        "run": second.summary.run_id,
        "outcome": {0: "ok", EXCEEDED: "exceeded", UNKNOWN: "unknown"}[status],
        "limits": [{**asdict(one), "interval": one.interval and list(one.interval)} for one in held],
    }
    emit(document, as_json, lambda: _print(held, distance))
    raise typer.Exit(status)


def _print(held: list[Held], distance: float | None) -> None:
    for one in held:
        say(held_line(one, distance), console)
    say(outcome(held), console)


def _status(held: list[Held]) -> int:
    verdicts = {one.verdict for one in held}
    return EXCEEDED if "exceeded" in verdicts else UNKNOWN if "unknown" in verdicts else 0
