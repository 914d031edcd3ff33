"""``difpeer run``: submit a run to a network, follow it, collect its results."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import aclosing, suppress
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
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
    run_folder,
)
from peer.cli.output import emit, say
from peer.cli.reporting import add_report
from peer.cli.summary import print_summary, refuse_missing
from peer.config import RunSpec
from peer.measure.run_folder import read_run_folder
from peer.protocol.records import RunState
from peer.registry import read_spec
from peer.runtime.access import Access
from peer.runtime.asking import answers_at, ask_all
from peer.runtime.client import Client, NoAnswer, PeerAway, UnknownRun, command_at
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

NEWEST = 5
"""Runs that are told where another one was asked for."""


@app.command(epilog="Example: difpeer run run.yaml --via p0")
def run(
    via: ViaOption,
    spec: Annotated[
        Path | None, typer.Argument(metavar="SPEC", help="A run specification (YAML); not with --attach.")
    ] = None,
    attach: Annotated[
        str | None, typer.Option(metavar="RUN", help="Follow a run that was submitted before.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the run folder OUT/RUN is written.")] = Path("runs"),
    network: NetworkFileOption = DEFAULT_NETWORK,
    key: KeyOption = None,
    insecure_loopback: InsecureOption = False,
    as_json: JsonOption = False,
) -> None:
    """Submit a run to a network of peers, follow it to its end, and collect the results of all peers."""
    if (spec is None) == (attach is None):
        raise InputError("give either a specification or --attach RUN", field="SPEC", mend="see --help")
    parsed = None if spec is None else read_spec(spec)
    run_id = attach or new_run_id()
    folder = run_folder(out, run_id)
    summary = run_interruptible(_run(via, access_of(network, key, insecure_loopback), run_id, parsed, folder))
    emit(summary, as_json, lambda: print_summary(summary, folder))
    add_report(folder, as_json)
    refuse_missing(summary)


async def _run(via: str, access: Access, run_id: str, spec: RunSpec | None, folder: Path) -> dict[str, Any]:
    async with Client(via, access, waiting=say) as client:
        status = await client.status()
    network = network_of(status.network)
    standing = None if spec is not None else await _standing(via, access, run_id, status, network)
    try:
        collected, wall_s = await _learn(via, access, run_id, spec, network, standing)
    except (asyncio.CancelledError, OutOfSight):
        say(await _way_back(via, access, run_id, network))
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
    via: str, access: Access, run_id: str, spec: RunSpec | None, network: Network, standing: RunStatus | None
) -> tuple[Collected, float | None]:
    """Submit the run where there is a specification, follow it and collect; gives the seconds it took, too."""
    started = time.monotonic()
    if spec is not None:
        async with Client(via, access) as client:
            await submit(client, run_id, spec)
    if standing is None or (standing.reason is None and standing.state is not RunState.CLOSED):
        attach = command_at(f"run --attach {run_id}", via, access)
        say(f"run {run_id}; if this terminal closes, follow it with\n  {attach}")
    async with Client(via, access, patience_s=FOLLOWING_PATIENCE_S) as client:
        with followed(run_id, getattr(spec, "iterations", 0)) as show:
            await follow(client, run_id, network.names, show)
        wall_s = None if spec is None else time.monotonic() - started
        try:
            return await collect(client, run_id, network.names, say), wall_s
        except (NoAnswer, PeerAway) as away:
            text = f"{away}; run {run_id} is done, and its results stay: collect them later with --attach"
            raise OutOfSight(text) from away


async def _standing(via: str, access: Access, run_id: str, own: StatusReply, network: Network) -> RunStatus:
    """Where a run to be attached stands, at the peer asked or else at another one: the first may have let it go."""
    found = _find(run_id, own)
    if found is None:
        told = await ask_all(via, access, network.names)
        replies = {peer: reply for peer, reply in told.items() if isinstance(reply, StatusReply)}
        found = next(filter(None, (_find(run_id, reply) for reply in replies.values())), None)
        found = found or await _older(via, access, run_id, replies)
    if found is None:
        raise unknown_run(run_id, via, [known.run for known in own.runs], field="--attach")
    return found


async def _older(via: str, access: Access, run_id: str, peers: Iterable[str]) -> RunStatus | None:
    """Peers tell of their newest runs; of another one they tell when they are asked for it."""
    async with Client(via, access) as client:
        for peer in peers:
            with suppress(UnknownRun, NoAnswer, PeerAway):
                async with aclosing(client.watch(run_id, peer)) as replies:
                    return (await anext(replies)).status
    return None


async def _way_back(via: str, access: Access, run_id: str, network: Network) -> str:
    """How to come back to a run: through a peer that answers now, which the one asked may not."""
    own = [entry.address for entry in network.peers.values() if entry.address is not None]
    answering = await answers_at(dict.fromkeys([via, *own]), access)
    found = {address: _find(run_id, reply) for address, reply in answering.items()}
    knowing = {address: status for address, status in found.items() if status is not None}
    if answering and not knowing:
        return f"no peer that answers knows run {run_id}"
    there = next(iter(knowing), via)
    attach = command_at(f"run --attach {run_id}", there, access)
    if any(status.state is RunState.CLOSED for status in knowing.values()):
        return f"run {run_id} is done; collect it with\n  {attach}"
    lead = f"the peers go on with run {run_id}" if knowing else "no peer answers now; when this one is back"
    return f"{lead}: follow it with\n  {attach}\nor end it with\n  {command_at(f'cancel {run_id}', there, access)}"


def _find(run_id: str, reply: StatusReply) -> RunStatus | None:
    return next((known for known in reply.runs if known.run == run_id), None)


def unknown_run(run: str, via: str, known: Sequence[str], *, field: str) -> InputError:
    """The error for an id that the peer does not know, among those it knows, the newest last."""
    close = get_close_matches(run, known, n=1)
    newest = f"its newest are {', '.join(reversed(known[-NEWEST:]))}" if known else "it has had none yet"
    mend = f"did you mean {close[0]}?" if close else newest
    return InputError(f"the peer at {via} knows no run {run!r}", field=field, mend=mend)


def network_of(text: str) -> Network:
    """Read the network file that a peer told."""
    with TemporaryDirectory(prefix="difpeer-") as scratch:
        path = Path(scratch) / "network.yaml"
        path.write_text(text, encoding="utf-8")
        return read_network(path)
