"""``difpeer run``: submit a run to a network, follow it, collect its results."""

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from peer.cli.live import followed
from peer.cli.options import InsecureOption, JsonOption, ViaOption, run_folder
from peer.cli.output import emit, say
from peer.cli.reporting import add_report
from peer.cli.summary import print_summary, refuse_missing
from peer.config import RunSpec
from peer.measure.run_folder import read_run_folder
from peer.protocol.records import RunState
from peer.registry import read_spec
from peer.runtime.asking import answers_at, ask_all
from peer.runtime.client import Client, NoAnswer, PeerAway
from peer.runtime.collecting import Collected, collect, write_run
from peer.runtime.following import (
    FOLLOWING_PATIENCE_S,
    OutOfSight,
    follow,
    new_run_id,
    submit,
)
from peer.runtime.loop import run_interruptible
from peer.wire.requests import RunStatus, StatusReply
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
    summary = run_interruptible(_run(via, insecure_loopback, run_id, parsed, folder))
    emit(summary, as_json, lambda: print_summary(summary, folder))
    add_report(folder, as_json)
    refuse_missing(summary)


async def _run(via: str, insecure: bool, run_id: str, spec: RunSpec | None, folder: Path) -> dict[str, Any]:
    async with Client(via, insecure) as client:
        status = await client.status()
    network = network_of(status.network)
    standing = None if spec is not None else await _standing(via, insecure, run_id, status, network)
    try:
        collected, wall_s = await _learn(via, insecure, run_id, spec, network, standing)
    except (asyncio.CancelledError, OutOfSight):
        say(await _way_back(via, insecure, run_id, network))
        raise
    return _write(folder, collected, network, wall_s)


def _write(folder: Path, collected: Collected, network: Network, wall_s: float | None) -> dict[str, Any]:
    try:
        return write_run(folder, collected, network, driver="network", wall_s=wall_s)
    except InputError:
        if not folder.exists():
            raise
        # It was not there at the start: two clients have followed one run.
        say(f"another client has written {folder} meanwhile")
        return read_run_folder(folder).summary


async def _learn(
    via: str, insecure: bool, run_id: str, spec: RunSpec | None, network: Network, standing: RunStatus | None
) -> tuple[Collected, float | None]:
    """Submit the run where there is a specification, follow it and collect; gives the seconds it took, too."""
    started = time.monotonic()
    if spec is not None:
        async with Client(via, insecure) as client:
            await submit(client, run_id, spec)
    if standing is None or (standing.reason is None and standing.state is not RunState.CLOSED):
        attach = _command(f"run --attach {run_id}", via, insecure)
        say(f"run {run_id}; if this terminal closes, follow it with\n  {attach}")
    async with Client(via, insecure, patience_s=FOLLOWING_PATIENCE_S) as client:
        with followed(run_id, getattr(spec, "iterations", 0)) as show:
            await follow(client, run_id, network.names, show)
        wall_s = None if spec is None else time.monotonic() - started
        try:
            return await collect(client, run_id, network.names, say), wall_s
        except (NoAnswer, PeerAway) as away:
            text = f"{away}; run {run_id} is done, and its results stay: collect them later with --attach"
            raise OutOfSight(text) from away


async def _standing(via: str, insecure: bool, run_id: str, own: StatusReply, network: Network) -> RunStatus:
    """Where a run to be attached stands, at the peer asked or else at another one: the first may have let it go."""
    found = _find(run_id, own)
    if found is None:
        told = await ask_all(via, insecure, network.names)
        replies = [reply for reply in told.values() if isinstance(reply, StatusReply)]
        found = next(filter(None, (_find(run_id, reply) for reply in replies)), None)
    if found is None:
        raise unknown_run(run_id, via, field="--attach")
    return found


async def _way_back(via: str, insecure: bool, run_id: str, network: Network) -> str:
    """How to come back to a run: through a peer that answers now, which the one asked may not."""
    own = [entry.address for entry in network.peers.values() if entry.address is not None]
    answering = await answers_at(dict.fromkeys([via, *own]), insecure)
    found = {address: _find(run_id, reply) for address, reply in answering.items()}
    knowing = {address: status for address, status in found.items() if status is not None}
    if answering and not knowing:
        return f"no peer that answers knows run {run_id}"
    there = next(iter(knowing), via)
    attach = _command(f"run --attach {run_id}", there, insecure)
    if any(status.state is RunState.CLOSED for status in knowing.values()):
        return f"run {run_id} is done; collect it with\n  {attach}"
    lead = f"the peers go on with run {run_id}" if knowing else "no peer answers now; when this one is back"
    return f"{lead}: follow it with\n  {attach}\nor end it with\n  {_command(f'cancel {run_id}', there, insecure)}"


def _find(run_id: str, reply: StatusReply) -> RunStatus | None:
    return next((known for known in reply.runs if known.run == run_id), None)


def _command(words: str, via: str, insecure: bool) -> str:
    return f"difpeer {words} --via {via}" + (" --insecure-loopback" if insecure else "")


def unknown_run(run: str, via: str, *, field: str) -> InputError:
    """The error for an id that the peer does not know."""
    return InputError(f"the peer at {via} knows no run {run!r}", field=field, mend="see `difpeer status`")


def network_of(text: str) -> Network:
    """Read the network file that a peer told."""
    with TemporaryDirectory(prefix="difpeer-") as scratch:
        path = Path(scratch) / "network.yaml"
        path.write_text(text, encoding="utf-8")
        return read_network(path)
