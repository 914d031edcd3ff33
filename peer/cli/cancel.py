"""``difpeer cancel``: end a run at all peers."""

import getpass
from typing import Annotated

import typer

from peer.cli.options import InsecureOption, JsonOption, ViaOption
from peer.cli.output import console, emit, say
from peer.cli.run import network_of, unknown_run
from peer.config import RunFailed
from peer.protocol.records import RunState
from peer.runtime.asking import ask_all
from peer.runtime.client import Client
from peer.runtime.loop import run_interruptible

__all__ = ["app"]

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: difpeer cancel 20260105-101500-a1b2c3 --via 127.0.0.1:7100 --insecure-loopback")
def cancel(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    via: ViaOption,
    insecure_loopback: InsecureOption = False,
    as_json: JsonOption = False,
) -> None:
    """End a run at all peers. What a peer has finished already stays finished.

    A peer that is away hears of it when it is back.
    """
    state, away = run_interruptible(_cancel(run, via, insecure_loopback))
    document = {"run_id": run, "state": str(state), "not_reached": away}
    over = state in (RunState.CLOSED, RunState.DONE)
    text = f"run {run} was finished already" if over else f"run {run} is cancelled"
    if away and not over:
        hears = "hears" if len(away) == 1 else "each hears"
        text += f"; not reached now: {', '.join(away)}, {hears} of it when it is back"
    emit(document, as_json, lambda: say(text, console))


async def _cancel(run: str, via: str, insecure: bool) -> tuple[RunState, list[str]]:
    """Where the run stands at the peer asked, and which peers it does not reach now."""
    async with Client(via, insecure) as client:
        names = network_of((await client.status()).network).names
        reply = await client.cancel(run, f"cancelled by {getpass.getuser()} through {via}")
    if reply.state is None:
        raise unknown_run(run, via, field="RUN")
    told = await ask_all(via, insecure, names)
    return reply.state, [name for name, answer in told.items() if isinstance(answer, RunFailed)]
