"""``difpeer runs``: what a peer's state folder holds, and taking runs out of it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from peer.cli.groups import HintingGroup
from peer.cli.options import JsonOption
from peer.cli.output import console, emit, human_bytes, say
from peer.protocol.records import RunState
from peer.state.inventory import DAMAGED, Entry, Inventory, delete_run, inventory, prune_runs

__all__ = ["app"]

app = typer.Typer(
    cls=HintingGroup,
    help="Look at the runs in a peer's state folder, and remove them.",
    epilog="Example: difpeer runs list --state state/p0",
    no_args_is_help=True,
    add_completion=False,
)

StateOption = Annotated[Path, typer.Option(metavar="DIR", help="The state folder of one peer.")]

_DELETED: dict[str, str] = {
    RunState.ACCEPTED: (
        "It had not begun. Its neighbours still have it, and offer it again when this peer is back; "
        "`difpeer cancel` ends it at all peers."
    ),
    RunState.RUNNING: (
        "It was running. Its neighbours wait for this peer: when it is back they end the run by name, unless they have "
        "not heard of any checkpoint of it yet; then it begins again. `difpeer cancel` ends it at all peers."
    ),
    RunState.DONE: (
        "It was done here, and its result is gone. A neighbour that still needs this peer ends the run by name when it "
        "is back."
    ),
    DAMAGED: "What it was cannot be told. If it was on, its neighbours end it by name when this peer is back.",
    RunState.CLOSED: (
        "Its result at this peer is gone; with `run --attach` the parts of the others can be collected still."
    ),
}
"""What it means for the network that a run was deleted at one peer."""


@app.command("list", epilog="Example: difpeer runs list --state state/p0 --json")
def list_(state: StateOption, as_json: JsonOption = False) -> None:
    """Say of every run how far it is and what room it takes; also while the peer serves."""
    found = inventory(state)
    document = {"state": str(state), **asdict(found)}
    emit(document, as_json, lambda: _print(found))


@app.command(epilog="Example: difpeer runs prune --state state/p0 --keep 10")
def prune(
    state: StateOption,
    keep: Annotated[int, typer.Option(min=0, help="Leave so many of the newest runs that are over.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Remove the runs that are over, with their results and their rows of the ledger; the peer must not serve."""
    gone = prune_runs(state, keep)
    document = {"state": str(state), "removed": [entry.run for entry in gone], "bytes": _bytes(gone)}
    what = "1 run" if len(gone) == 1 else f"{len(gone)} runs"
    text = f"{what} removed, {human_bytes(_bytes(gone))} besides their rows of the ledger"
    emit(document, as_json, lambda: say(text, console))


@app.command(epilog="Example: difpeer runs delete 20260105-101500-a1b2c3 --state state/p0")
def delete(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    state: StateOption,
    as_json: JsonOption = False,
) -> None:
    """Remove one run at this peer, whatever its state, with its result; the peer must not serve.

    Nobody else has this peer's result: collect the run first, with `difpeer run --attach`.

    A run that is on is not ended by that: its neighbours wait, and end it by name when this peer is back without it.
    """
    gone = delete_run(state, run)
    means = _DELETED.get(gone.state, "")
    document = {
        "state": str(state),
        "removed": [gone.run],
        "bytes": gone.bytes,
        "was": gone.state,
        "means": means,
    }
    text = f"run {run} is removed, {human_bytes(gone.bytes)} besides its rows of the ledger. {means}".rstrip()
    emit(document, as_json, lambda: say(text, console))


def _bytes(entries: list[Entry]) -> int:
    return sum(entry.bytes for entry in entries)


def _print(found: Inventory) -> None:
    # Without frames an id and a long algorithm fit a terminal of 80 columns.
    table = Table(title=f"runs of {escape(found.peer)}", box=None, padding=(0, 2, 0, 0))
    table.add_column("run", no_wrap=True, min_width=max((len(entry.run) for entry in found.runs), default=0))
    table.add_column("state")
    table.add_column("algorithm", overflow="fold")
    for heading in ("round", "iteration", "on disk"):
        table.add_column(heading, justify="right")
    for entry in found.runs:
        table.add_row(
            entry.run,
            entry.state,
            escape(entry.algorithm),
            *("-" if number is None else str(number) for number in (entry.round, entry.iteration)),
            human_bytes(entry.bytes),
        )
    console.print(table)
    for entry in found.runs:
        if entry.reason:
            say(f"{entry.run}: {entry.reason}", console)
    say(f"ledger of all runs: {human_bytes(found.ledger_bytes)}", console)
