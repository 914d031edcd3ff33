"""``difpeer status``: what every peer of a network does, and for whom it waits."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from peer.cli.options import (
    DEFAULT_NETWORK,
    InsecureOption,
    JsonOption,
    KeyOption,
    NetworkFileOption,
    ViaOption,
    access_of,
)
from peer.cli.output import console, emit, say
from peer.cli.run import network_of
from peer.config import RunFailed
from peer.protocol.records import RunState
from peer.runtime.access import Access
from peer.runtime.asking import Told, ask_all
from peer.runtime.client import Client, PeerAway
from peer.runtime.loop import run_interruptible
from peer.runtime.status import standing
from peer.wire.requests import RunStatus, StatusReply

__all__ = ["app"]

app = typer.Typer(add_completion=False)

LONG_S = 1.0
"""A wait worth a line of its own."""


@app.command(epilog="Example: difpeer status --via p0")
def status(
    via: ViaOption,
    network: NetworkFileOption = DEFAULT_NETWORK,
    key: KeyOption = None,
    insecure_loopback: InsecureOption = False,
    as_json: JsonOption = False,
) -> None:
    """Ask every peer what it does, through one of them."""
    asked, told = run_interruptible(_ask(via, access_of(network, key, insecure_loopback)))
    document = {"peers": {name: _document(reply) for name, reply in told.items()}}
    emit(document, as_json, lambda: _print(asked, told))


async def _ask(via: str, access: Access) -> tuple[str, Told]:
    async with Client(via, access, waiting=say) as client:
        own = await client.status()
    return own.peer, await ask_all(via, access, network_of(own.network).names)


def _document(reply: StatusReply | RunFailed) -> dict[str, Any]:
    if isinstance(reply, RunFailed):
        return {"error": str(reply)}
    document = asdict(reply)
    del document["network"]  # the same at all peers, and the user's own file
    return document


def _print(asked: str, told: Told) -> None:
    newest = {
        name: reply.runs[-1] for name, reply in told.items() if isinstance(reply, StatusReply) and reply.runs
    }
    for run in dict.fromkeys(status.run for status in newest.values()):
        # Whole, on a line of its own: it is what `cancel` and `run --attach` ask for.
        say(f"newest run {run}", console)
    table = Table("peer", "up for", "links", "run", "iteration", "waits for")
    for column in table.columns[:2]:
        column.no_wrap = True  # else the seconds stand below their number
    for name, reply in told.items():
        if isinstance(reply, RunFailed):
            table.add_row(name, "-", "-", f"[red]{_absence(name, reply, told)}[/]", "", "")
            continue
        down = [link.neighbour for link in reply.links if not link.up]
        links = f"{len(reply.links) - len(down)}/{len(reply.links)}"
        links += f" (down: {', '.join(down)})" if down else ""
        uptime = f"{reply.uptime_s:.0f} s"
        run_status = newest.get(name)
        if run_status is None:
            table.add_row(name, uptime, links, "none", "", "")
            continue
        waits = (
            f"{', '.join(run_status.waiting_for)} {run_status.waiting_s:.1f} s"
            if run_status.waiting_for
            else ""
        )
        # A peer that was started after the end of a run does not know how many it took.
        known = run_status.iteration or run_status.state not in (RunState.DONE, RunState.CLOSED)
        iteration = f"{run_status.iteration}/{run_status.iterations}" if known else "-"
        table.add_row(name, uptime, links, standing(run_status), iteration, waits)
    console.print(table)
    silent = {name for name, reply in told.items() if isinstance(reply, RunFailed)}
    for text in (*_not_reached(asked, told), *_waits(newest, silent), *_links_down(told), *_reasons(newest)):
        say(text, console)


def _absence(name: str, error: RunFailed, told: Told) -> str:
    """Why there is nothing of a peer, in few words: it may be well itself, and be behind one that is not."""
    if not isinstance(error, PeerAway):
        return "no answer"
    if error.away != name:
        return f"behind {escape(error.away)}"
    beside = told.get(error.seen_from)
    down = [
        link.since_s
        for link in (beside.links if isinstance(beside, StatusReply) else ())
        if link.neighbour == name and not link.up
    ]
    return f"away for {down[0]:.0f} s" if down else "away"


def _not_reached(asked: str, told: Told) -> Iterator[str]:
    behind: dict[tuple[str, str], list[str]] = {}
    for name, reply in told.items():
        if isinstance(reply, PeerAway):
            named = behind.setdefault((reply.away, reply.seen_from), [])
            if name != reply.away:
                named.append(name)
        elif isinstance(reply, RunFailed):
            yield f"{name}, asked through {asked}: {reply}"
    for (away, seen_from), names in behind.items():
        others = f", so nothing is known of {', '.join(names)} behind it" if names else ""
        yield f"asked through {asked}: {away} cannot be reached from {seen_from}{others}"


def _waits(newest: dict[str, RunStatus], silent: set[str]) -> Iterator[str]:
    """Say at whom a chain of waits ends; a wait for one that does not answer is worth it at once."""
    waits = {
        name: run.waiting_for
        for name, run in newest.items()
        if run.waiting_s >= LONG_S or silent.intersection(run.waiting_for)
    }
    causes = {name for named in waits.values() for name in named} - waits.keys()
    if causes:
        yield f"in the end all wait for {', '.join(sorted(causes))}"


def _links_down(told: Told) -> Iterator[str]:
    for name, reply in told.items():
        for link in reply.links if isinstance(reply, StatusReply) else ():
            if not link.up:
                yield f"{name} has no link to {link.neighbour} for {link.since_s:.0f} s: {link.detail}"


def _reasons(newest: dict[str, RunStatus]) -> Iterable[str]:
    return dict.fromkeys(
        f"{run.reason.peer} says: {run.reason.text}" for run in newest.values() if run.reason is not None
    )
