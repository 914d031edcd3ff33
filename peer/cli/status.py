"""``difpeer status``: what every peer of a network does, and for whom it waits."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from peer.cli.options import InsecureOption, JsonOption, ViaOption
from peer.cli.output import console, emit, say
from peer.cli.run import network_of
from peer.config import RunFailed
from peer.runtime.client import Client
from peer.runtime.loop import run_interruptible
from peer.wire.requests import RunStatus, StatusReply

__all__ = ["app"]

app = typer.Typer(add_completion=False)

Told = dict[str, StatusReply | RunFailed]

ANSWER_S = 3.0
"""How long each peer may take to answer; a peer that is away or stands still must not hide what the others say."""

LONG_S = 1.0
"""A wait worth a line of its own."""


@app.command(epilog="Example: difpeer status --via 127.0.0.1:7100 --insecure-loopback")
def status(via: ViaOption, insecure_loopback: InsecureOption = False, as_json: JsonOption = False) -> None:
    """Ask every peer what it does, through one of them."""
    told = run_interruptible(_ask_all(via, insecure_loopback))
    emit({"peers": {name: _document(reply) for name, reply in told.items()}}, as_json, lambda: _print(told))


async def _ask_all(via: str, insecure: bool) -> Told:
    async with Client(via, insecure) as client:
        names = network_of((await client.status()).network).names
    async with Client(via, insecure, patience_s=0) as client:

        async def ask(name: str) -> StatusReply | RunFailed:
            try:
                async with asyncio.timeout(ANSWER_S):
                    return await client.status(name)
            except TimeoutError:
                text = f"no answer within {ANSWER_S:g} s: it stands still, or a peer on the way to it"
                return RunFailed(text)
            except RunFailed as error:
                return error

        return dict(zip(names, await asyncio.gather(*map(ask, names)), strict=True))


def _document(reply: StatusReply | RunFailed) -> dict[str, Any]:
    if isinstance(reply, RunFailed):
        return {"error": str(reply)}
    document = asdict(reply)
    del document["network"]  # the same at all peers, and the user's own file
    return document


def _print(told: Told) -> None:
    newest = {
        name: reply.runs[-1] for name, reply in told.items() if isinstance(reply, StatusReply) and reply.runs
    }
    for run in dict.fromkeys(status.run for status in newest.values()):
        # Whole, on a line of its own: it is what `cancel` and `run --attach` ask for.
        say(f"newest run {run}", console)
    table = Table("peer", "up for", "links", "run", "iteration", "waits for")
    for name, reply in told.items():
        if isinstance(reply, RunFailed):
            table.add_row(name, "-", "-", f"[red]{escape(str(reply))}[/]", "", "")
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
        reason = run_status.reason
        state = str(run_status.state) if reason is None else str(reason.kind)
        table.add_row(name, uptime, links, state, f"{run_status.iteration}/{run_status.iterations}", waits)
    console.print(table)
    silent = {name for name, reply in told.items() if isinstance(reply, RunFailed)}
    for text in (*_waits(newest, silent), *_links_down(told), *_reasons(newest)):
        say(text, console)


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
