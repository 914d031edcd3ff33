"""``difpeer watch``: look on at a run, from any terminal."""

from typing import Annotated, Any

import typer

from peer.cli.live import followed
from peer.cli.options import (
    DEFAULT_NETWORK,
    InsecureOption,
    JsonOption,
    KeyOption,
    NetworkFileOption,
    ViaOption,
    access_of,
)
from peer.cli.output import console, emit, err, say
from peer.cli.run import network_of, unknown_run
from peer.protocol.records import RunState
from peer.runtime.access import Access
from peer.runtime.client import Client
from peer.runtime.following import FOLLOWING_PATIENCE_S, News, follow
from peer.runtime.loop import run_interruptible
from topology.errors import InputError

__all__ = ["app"]

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: difpeer watch --via p0")
def watch(
    via: ViaOption,
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="The run's id; by default the run that is on.")
    ] = None,
    network: NetworkFileOption = DEFAULT_NETWORK,
    key: KeyOption = None,
    insecure_loopback: InsecureOption = False,
    as_json: JsonOption = False,
) -> None:
    """Look on at a run until it ends: every peer, whom it waits for, and what it has learnt so far.

    It collects nothing, and the run does not depend on it.
    """
    document = run_interruptible(_watch(via, access_of(network, key, insecure_loopback), run))
    emit(document, as_json, lambda: say(f"run {document['run_id']} is done", console))


async def _watch(via: str, access: Access, run: str | None) -> dict[str, Any]:
    async with Client(via, access, patience_s=FOLLOWING_PATIENCE_S, waiting=say) as client:
        status = await client.status()
        known = {found.run: found for found in status.runs}
        if run is None:
            on = [found.run for found in status.runs if found.state in (RunState.ACCEPTED, RunState.RUNNING)]
            if not on:
                mend = "name one that `difpeer status` shows, or submit one"
                raise InputError(f"no run is on at {via}", field="RUN", mend=mend)
            run = on[-1]
        elif run not in known:
            raise unknown_run(run, via, list(known), field="RUN")
        if not err.is_terminal:
            say(f"watching run {run} through {via}; a line is printed now and then")
        newest: list[News] = []
        with followed(run, 0) as show:

            def update(news: News) -> None:
                newest[:] = [news]
                show(news)

            await follow(client, run, network_of(status.network).names, update)
    return {
        "run_id": run,
        "peers": {
            name: {
                "iteration": reply.status.iteration,
                "rounds": reply.status.round,
                "metrics": dict(reply.metrics),
            }
            for name, reply in sorted(newest[0].items())
        },
    }
