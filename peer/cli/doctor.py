"""``difpeer doctor``: what is missing on this machine or in its part of a network, and the mend."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from peer.cli.options import JsonOption
from peer.cli.output import console, emit
from peer.runtime.checkup import Finding, Grade, checkup
from peer.runtime.loop import run_interruptible
from peer.runtime.network_checkup import Part, checkup_network
from topology.errors import InputError

__all__ = ["app"]

app = typer.Typer(add_completion=False)

_STYLES = {Grade.GOOD: "green", Grade.LIMITED: "yellow", Grade.BAD: "red"}


@app.command(epilog="Example: difpeer doctor --network lab.yaml --name p0")
def run(
    context: typer.Context,
    state: Annotated[
        Path, typer.Option(help="A folder on the disk where peers will keep their state.")
    ] = Path(),
    network: Annotated[
        Path | None,
        typer.Option(
            envvar="DIFPEER_NETWORK",
            help="A network file: look also at this machine's part in that network.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            envvar="DIFPEER_NAME",
            help="Which peer of the network this machine serves; by default none: an operator's.",
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            envvar="DIFPEER_KEY",
            help="The private key; by default in keys/ beside the network file: that of --name, or the operator's.",
        ),
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(
            envvar="DIFPEER_LISTEN",
            help="Where the peer listens, as `serve` is told; by default its address.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what works on this machine, what is missing, and the mend; exit status 1 where peers do not work.

    With a network file also: the key and whether it is the pinned one, certificates and their expiry, the port, the way
    to each neighbour (name, port, TLS, the right peer), clocks, versions, and whether results have the same bits.
    """
    if not state.is_dir():
        raise InputError("no such folder", file=state, field="--state", mend="give one that exists")
    if network is None and any(map(partial(_written, context), ("name", "key", "listen"))):
        raise InputError("is missing", field="--network", mend="give it with --name, --key and --listen")
    findings = list(checkup(state))
    if network is not None:
        findings += run_interruptible(_all(Part(network, name, key, listen)))
    works = all(finding.grade is not Grade.BAD for finding in findings)
    document = {"works": works, "findings": [asdict(finding) for finding in findings]}
    emit(document, as_json, lambda: _print(findings))
    if not works:
        raise typer.Exit(1)


def _written(context: typer.Context, parameter: str) -> bool:
    """Whether an option stands on the command line; one of the environment may be meant for other commands."""
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"


async def _all(part: Part) -> list[Finding]:
    return [finding async for finding in checkup_network(part)]


def _print(findings: list[Finding]) -> None:
    table = Table(
        "check", "grade", Column("found", overflow="fold"), show_header=False, box=None, padding=(0, 2, 0, 0)
    )
    for finding in findings:
        mend = f"\n→ {escape(finding.mend)}" if finding.mend else ""
        grade = f"[{_STYLES[finding.grade]}]{finding.grade}[/]"
        table.add_row(finding.check, grade, escape(finding.found) + mend)
    console.print(table)
