"""A client's view of one run at all peers: submit it, follow it to its end."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from peer.config import RunFailed, RunSpec, canonical_spec
from peer.protocol.messages import Reason, TombKind
from peer.protocol.records import RunState
from peer.runtime.client import Client, PeerAway
from peer.wire.requests import WatchReply
from topology.errors import InputError

__all__ = ["follow", "new_run_id", "progress_note", "submit"]

INTERVAL_MS = 500
"""Between two replies of one peer; each costs it little beside its rounds."""

LONG_S = 1.0
"""A wait worth telling."""

OnUpdate = Callable[[Mapping[str, WatchReply]], None]


def new_run_id() -> str:
    """An id that sorts by time and that no other client draws."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


async def submit(client: Client, run: str, spec: RunSpec) -> None:
    """Submit a run at the client's peer.

    Raises
    ------
    InputError
        If another run is on, or a peer cannot take part.
    RunFailed
        If the run has ended already.
    """
    reply = await client.submit(run, canonical_spec(spec))
    if reply.busy_with:
        raise InputError(
            f"run {reply.busy_with} is on at {client.address}",
            field="--via",
            mend="wait for its end, or `difpeer cancel` it",
        )
    if reply.reason is not None:
        raise ended(run, reply.reason)


async def follow(client: Client, run: str, peers: tuple[str, ...], on_update: OnUpdate) -> None:
    """Follow a run at all peers until it is closed at each of them.

    Who has told of the run and is away then is waited for, as its neighbours do.

    Parameters
    ----------
    client : Client
        Of any one peer.
    run : str
        The run.
    peers : tuple of str
        All peers of the network.
    on_update : callable
        Called with the newest reply of each peer that has given one.

    Raises
    ------
    InputError
        If a peer refused the run, because its data or version does not fit or another run is on.
    PeerAway
        If a peer that has not told of the run yet cannot be reached.
    RunFailed
        If the run ended without a result, or the client's peer cannot be reached any more.
    """
    newest: dict[str, WatchReply] = {}

    async def watch(peer: str) -> None:
        while True:
            try:
                async for reply in client.watch(run, peer, INTERVAL_MS):
                    newest[peer] = reply
                    on_update(newest)
            except PeerAway:
                if peer not in newest:
                    raise
            except InputError as error:
                raise RunFailed(
                    f"{error.problem}; the run goes on, follow it through another peer"
                ) from error
            else:
                break
        status = newest[peer].status
        if status.reason is not None:
            raise ended(run, status.reason, status.state)

    try:
        async with asyncio.TaskGroup() as group:
            for peer in peers:
                group.create_task(watch(peer))
    except* (InputError, RunFailed) as failures:
        # One end reaches all watches at nearly the same time; the first says it.
        raise failures.exceptions[0] from None


def ended(run: str, reason: Reason, state: RunState = RunState.TOMB) -> InputError | RunFailed:
    """The error that tells a client why a run has no result."""
    if reason.kind is TombKind.REFUSED:
        return InputError(f"run {run} was refused by {reason.peer}: {reason.text}")
    if reason.kind is TombKind.LOST:
        mend = "wait for the end of the other one, then submit it again"
        return InputError(f"run {run} was not taken ({reason.peer} says: {reason.text})", mend=mend)
    where = "; this peer had its result already" if state is RunState.DONE else ""
    return RunFailed(f"run {run} {reason.kind} ({reason.peer} says: {reason.text}){where}")


def progress_note(newest: Mapping[str, WatchReply]) -> str:
    """One line on a run: the slowest peer's round, the worst distance, bytes, and a wait that is long."""
    slowest = min(newest, key=lambda name: (newest[name].status.iteration, newest[name].status.round))
    status = newest[slowest].status
    parts = [f"round {status.round} {status.label}".rstrip()]
    distances = [r.metrics["subspace_distance"] for r in newest.values() if "subspace_distance" in r.metrics]
    if distances:
        parts.append(f"distance {max(distances):.1e}")
    elif any("moved" in reply.metrics for reply in newest.values()):
        # Without a truth: how far the bases still move in an iteration.
        parts.append(f"moved {max(r.metrics.get('moved', 0.0) for r in newest.values()):.1e}")
    sent = sum(reply.message_bytes for reply in newest.values())
    parts.append(f"{sent / 1e6:.1f} MB sent")
    told = {name: reply.status for name, reply in newest.items()}
    waits = {name: own for name, own in told.items() if own.waiting_for and own.waiting_s >= LONG_S}
    if waits:
        # All wait in the end; the cause is beside one that waits for a peer that waits for nobody.
        waiting = max(waits, key=lambda name: (not waits.keys() >= set(waits[name].waiting_for), name))
        parts.append(
            f"{waiting} waits {waits[waiting].waiting_s:.0f} s for {', '.join(waits[waiting].waiting_for)}"
        )
    return ", ".join(parts)
