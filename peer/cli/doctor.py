"""``difpeer doctor``: what is missing on this machine, and the mend."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from peer.cli.options import JsonOption
from peer.cli.output import console, emit
from peer.runtime.checkup import Finding, Grade, checkup
from topology.errors import InputError

__all__ = ["app"]

app = typer.Typer(add_completion=False)

_STYLES = {Grade.GOOD: "green", Grade.LIMITED: "yellow", Grade.BAD: "red"}


@app.command(epilog="Example: difpeer doctor --state /var/lib/difpeer")
def run(
    state: Annotated[
        Path, typer.Option(help="A folder on the disk where peers will keep their state.")
    ] = Path(),
    as_json: JsonOption = False,
) -> None:
    """Say what works on this machine, what is missing, and the mend; exit status 1 where peers do not work."""
    if not state.is_dir():
        raise InputError("no such folder", file=state, field="--state", mend="give one that exists")
    findings = list(checkup(state))
    works = all(finding.grade is not Grade.BAD for finding in findings)
    document = {"works": works, "findings": [asdict(finding) for finding in findings]}
    emit(document, as_json, lambda: _print(findings))
    if not works:
        raise typer.Exit(1)


def _print(findings: list[Finding]) -> None:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for finding in findings:
        mend = f"\n→ {escape(finding.mend)}" if finding.mend else ""
        grade = f"[{_STYLES[finding.grade]}]{finding.grade}[/]"
        table.add_row(finding.check, grade, escape(finding.found) + mend)
    console.print(table)
