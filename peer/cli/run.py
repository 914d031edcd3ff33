"""``difpeer run``: submit a run to a network, follow it, collect its results."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from peer.cli.options import InsecureOption, JsonOption, ViaOption, run_folder
from peer.cli.output import emit, say
from peer.cli.progress import metered
from peer.cli.reporting import add_report
from peer.cli.summary import print_summary
from peer.config import RunFailed, RunSpec, read_spec
from peer.runtime.client import Client, NoAnswer, PeerAway
from peer.runtime.collecting import collect, write_run
from peer.runtime.following import (
    FOLLOWING_PATIENCE_S,
    News,
    follow,
    new_run_id,
    progress_note,
    stalls,
    submit,
)
from peer.runtime.loop import run_interruptible
from topology.errors import InputError
from topology.network import Network, read_network

__all__ = ["app", "network_of", "unknown_run"]

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: difpeer run run.yaml --via 127.0.0.1:7100 --insecure-loopback")
def run(
    via: ViaOption,
    spec: Annotated[
        Path | None, typer.Argument(metavar="SPEC", help="A run specification (YAML); not with --attach.")
    ] = None,
    attach: Annotated[
        str | None, typer.Option(metavar="RUN", help="Follow a run that was submitted before.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the run folder OUT/RUN is written.")] = Path("runs"),
    insecure_loopback: InsecureOption = False,
    as_json: JsonOption = False,
) -> None:
    """Submit a run to a network of peers, follow it to its end, and collect the results of all peers."""
    if (spec is None) == (attach is None):
        raise InputError("give either a specification or --attach RUN", field="SPEC", mend="see --help")
    parsed = None if spec is None else read_spec(spec)
    run_id = attach or new_run_id()
    folder = run_folder(out, run_id)
    try:
        summary = run_interruptible(_run(via, insecure_loopback, run_id, parsed, folder))
    except KeyboardInterrupt:
        say(
            f"the peers go on with run {run_id}, if they have it: --attach {run_id} follows it, "
            f"`difpeer cancel {run_id}` ends it"
        )
        raise
    emit(summary, as_json, lambda: print_summary(summary, folder))
    add_report(folder, as_json)


async def _run(via: str, insecure: bool, run_id: str, spec: RunSpec | None, folder: Path) -> dict[str, Any]:
    async with Client(via, insecure) as client:
        status = await client.status()
        network = network_of(status.network)
        if spec is None and run_id not in {known.run for known in status.runs}:
            raise unknown_run(run_id, via, field="--attach")
        started = time.monotonic()
        if spec is not None:
            await submit(client, run_id, spec)
    attach = f"difpeer run --attach {run_id} --via {via}" + (" --insecure-loopback" if insecure else "")
    say(f"run {run_id}; if this terminal closes, follow it with\n  {attach}")
    async with Client(via, insecure, patience_s=FOLLOWING_PATIENCE_S) as client:
        with metered(run_id, getattr(spec, "iterations", 0)) as meter:

            def show(news: News) -> None:
                meter.show_all(news, progress_note(news), stalled=stalls(news))

            await follow(client, run_id, network.names, show)
        wall_s = time.monotonic() - started
        try:
            collected = await collect(client, run_id, network.names, say)
        except (NoAnswer, PeerAway) as away:
            text = f"{away}; run {run_id} is done, and its results stay: collect them later with --attach"
            raise RunFailed(text) from away
    return write_run(folder, collected, network, driver="network", wall_s=wall_s)


def unknown_run(run: str, via: str, *, field: str) -> InputError:
    """The error for an id that the peer does not know."""
    return InputError(f"the peer at {via} knows no run {run!r}", field=field, mend="see `difpeer status`")


def network_of(text: str) -> Network:
    """Read the network file that a peer told."""
    with TemporaryDirectory(prefix="difpeer-") as scratch:
        path = Path(scratch) / "network.yaml"
        path.write_text(text, encoding="utf-8")
        return read_network(path)
