"""``difpeer status``: what every peer of a network does, and for whom it waits."""

import asyncio
from dataclasses import asdict
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from peer.cli.options import InsecureOption, JsonOption, ViaOption
from peer.cli.output import console, emit
from peer.cli.run import network_of
from peer.config import RunFailed
from peer.runtime.client import Client
from peer.runtime.loop import run_interruptible
from peer.wire.requests import StatusReply

__all__ = ["app"]

app = typer.Typer(add_completion=False)

Told = dict[str, StatusReply | RunFailed]

ANSWER_S = 5.0
"""How long each peer may take to answer; a peer that is away or stands still must not hide what the others say."""


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
    table = Table("peer", "up for", "links", "run", "state", "iteration", "waits for")
    for name, reply in told.items():
        if isinstance(reply, RunFailed):
            table.add_row(name, "-", "-", "-", f"[red]{escape(str(reply))}[/]", "", "")
            continue
        down = [link.neighbour for link in reply.links if not link.up]
        links = f"{len(reply.links) - len(down)}/{len(reply.links)}"
        links += f" (down: {', '.join(down)})" if down else ""
        uptime = f"{reply.uptime_s:.0f} s"
        if not reply.runs:
            table.add_row(name, uptime, links, "none", "", "", "")
            continue
        run = reply.runs[-1]
        waits = f"{', '.join(run.waiting_for)} {run.waiting_s:.1f} s" if run.waiting_for else ""
        why = f" ({run.reason.kind}: {escape(run.reason.text)})" if run.reason is not None else ""
        table.add_row(
            name, uptime, links, run.run, f"{run.state}{why}", f"{run.iteration}/{run.iterations}", waits
        )
    console.print(table)
