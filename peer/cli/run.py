"""``difpeer run``: submit a run to a network, follow it, collect its results."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from peer.cli.options import InsecureOption, JsonOption, ViaOption, run_folder
from peer.cli.output import emit, err
from peer.cli.progress import metered
from peer.cli.summary import print_summary
from peer.config import RunSpec, read_spec
from peer.runtime.client import Client, PeerAway
from peer.runtime.collecting import collect, write_run
from peer.runtime.following import follow, new_run_id, progress_note, submit
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
        err.print(
            f"the peers go on with run {run_id}, if they have it: --attach {run_id} follows it, "
            f"`difpeer cancel {run_id}` ends it",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        raise
    emit(summary, as_json, lambda: print_summary(summary, folder))


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
        err.print(
            f"run {run_id}; if this terminal closes, follow it with\n  {attach}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        try:
            with metered(run_id, getattr(spec, "iterations", 0)) as meter:
                await follow(
                    client,
                    run_id,
                    network.names,
                    lambda newest: meter.show_all(newest, progress_note(newest)),
                )
        except PeerAway as away:
            if spec is None:
                raise
            # It was not there when the run was submitted and may never come: nobody is left waiting for it.
            await client.cancel(run_id, str(away))
            text = f"{away}; run {run_id} is cancelled"
            raise InputError(text, field="peers", mend="start it, then submit the run again") from away
        wall_s = time.monotonic() - started
        collected = await collect(client, run_id, network.names)
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
