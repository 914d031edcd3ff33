"""``difpeer cancel``: end a run at all peers."""

import getpass
from typing import Annotated

import typer

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
from peer.cli.run import network_of, unknown_run
from peer.config import RunFailed
from peer.protocol.messages import Reason
from peer.protocol.records import RunState
from peer.runtime.access import Access
from peer.runtime.asking import ask_all
from peer.runtime.client import Client
from peer.runtime.loop import run_interruptible

__all__ = ["app"]

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: difpeer cancel 20260105-101500-a1b2c3 --via p0")
def cancel(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    via: ViaOption,
    network: NetworkFileOption = DEFAULT_NETWORK,
    key: KeyOption = None,
    insecure_loopback: InsecureOption = False,
    as_json: JsonOption = False,
) -> None:
    """End a run at all peers. What a peer has finished already stays finished.

    A peer that is away hears of it when it is back.
    """
    before, state, away = run_interruptible(_cancel(run, via, access_of(network, key, insecure_loopback)))
    document = {"run_id": run, "state": str(state), "not_reached": away}
    over = state in (RunState.CLOSED, RunState.DONE)
    text = f"run {run} was finished already" if over else f"run {run} is cancelled"
    if before is not None:
        text = f"run {run} had ended already: {before.kind} ({before.peer} says: {before.text})"
    if away and not over:
        hears = "hears" if len(away) == 1 else "each hears"
        text += f"; not reached now: {', '.join(away)}, {hears} of it when it is back"
    emit(document, as_json, lambda: say(text, console))


async def _cancel(run: str, via: str, access: Access) -> tuple[Reason | None, RunState, list[str]]:
    """Why the run had ended before, where it stands at the peer asked, and which peers it does not reach now."""
    async with Client(via, access, waiting=say) as client:
        status = await client.status()
        names = network_of(status.network).names
        known = {found.run: found.reason for found in status.runs}
        reply = await client.cancel(run, f"cancelled by {access.who or getpass.getuser()} through {via}")
    if reply.state is None:
        raise unknown_run(run, via, list(known), field="RUN")
    told = await ask_all(via, access, names)
    away = [name for name, answer in told.items() if isinstance(answer, RunFailed)]
    return known.get(run), reply.state, away
