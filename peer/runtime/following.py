"""A client's view of one run at all peers: submit it, follow it to its end."""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from time import monotonic

from peer.config import RunFailed, RunSpec, canonical_spec
from peer.measure.figures import SUBSPACE_DISTANCE
from peer.protocol.messages import Reason, TombKind
from peer.protocol.records import RunState
from peer.runtime.client import (
    PATIENCE_S,
    RETRY_EVERY_S,
    Client,
    NoAnswer,
    PeerAway,
    UnknownRun,
    command_at,
)
from peer.wire.requests import RunStatus, WatchReply
from topology.errors import InputError

__all__ = [
    "FOLLOWING_PATIENCE_S",
    "News",
    "OutOfSight",
    "follow",
    "new_run_id",
    "progress_note",
    "stalls",
    "submit",
    "wait_note",
]

FOLLOWING_PATIENCE_S = 120.0
"""How long the peer through which a run is followed may be away: as long as a machine takes to start again."""

INTERVAL_MS = 500
"""Between two replies of one peer; each costs it little beside its rounds."""

LOOK_EVERY_S = 0.5
SILENT_S = 2.5
QUIET_S = 1.5
"""A peer tells something each second; where all are quiet at once, it is the one between them and us."""

WAIT_S = 1.0
"""A wait worth telling."""
STALL_S = 3.0
"""A wait worth telling at once, wherever progress is told only now and then."""


class News(dict[str, WatchReply]):
    """The newest reply of each peer that has given one.

    Parameters
    ----------
    peers : iterable of str
        All peers that are followed.
    address : str
        Of the one through which all of them are asked.

    Attributes
    ----------
    peers : tuple of str
        All peers that are followed.
    away : dict of str to str
        Peers that could not be asked the last time, and why.
    silent : dict of str to float
        Peers of which nothing is heard that should tell something, and for how many seconds.
    cut_off : bool
        Whether nobody is heard, and nobody has said all: the peer at the address is away, or stands still.
    unknown : dict of str to float
        Peers that have no record of the run, and for how many seconds.
    sent : dict of str to int
        Message bytes that each peer has sent. A peer that was killed may have lost the last rows it counts from, so
        what it told before stands until it has sent more.
    """

    def __init__(self, peers: Iterable[str], address: str) -> None:
        super().__init__()
        self.address = address
        self.silent: dict[str, float] = {}
        self.cut_off = False
        self.unknown: dict[str, float] = {}
        self.sent: dict[str, int] = {}
        self._unknown_since_s: dict[str, float] = {}
        self.peers = tuple(peers)
        self.away: dict[str, str] = {}
        self._heard_s = dict.fromkeys(self.peers, monotonic())

    def told(self, peer: str, reply: WatchReply) -> None:
        """A peer has told something."""
        self[peer] = reply
        self.sent[peer] = max(reply.message_bytes, self.sent.get(peer, 0))
        self.unknown.pop(peer, None)
        self._unknown_since_s.pop(peer, None)
        self._heard(peer)

    def not_known(self, peer: str) -> None:
        """A peer has said that it has no record of the run."""
        self.unknown[peer] = monotonic() - self._unknown_since_s.setdefault(peer, monotonic())
        self._heard(peer)

    def over(self, peer: str) -> None:
        """It tells nothing more."""
        del self._heard_s[peer]
        self.unknown.pop(peer, None)

    @property
    def all_told(self) -> bool:
        """Whether every peer has told something; before that a sum over the peers is not the run's."""
        return len(self) == len(self.peers)

    @property
    def slowest(self) -> RunStatus | None:
        """Of the peers that are heard, the one that is furthest behind: what a silent one said is no longer so."""
        heard = [reply.status for name, reply in self.items() if name not in self.silent]
        told = heard or [reply.status for reply in self.values()]
        return min(told, key=lambda status: (status.iteration, status.round), default=None)

    @property
    def worst(self) -> tuple[str, float] | None:
        """Name and value of the worst of the peers' newest numbers.

        The distance to the truth or, where none of them knows it, how far a basis has moved in an iteration.
        """
        for name in (SUBSPACE_DISTANCE, "moved"):
            values = [reply.metrics[name] for reply in self.values() if name in reply.metrics]
            if values:
                return name, max(values)
        return None

    @property
    def closed(self) -> bool:
        """Whether all peers have had their results: one of them has said so, and that is never said too early."""
        return any(reply.status.state is RunState.CLOSED for reply in self.values())

    def not_reached(self, peer: str, why: str) -> None:
        """A peer could not be asked."""
        self.away[peer] = why

    def _heard(self, peer: str) -> None:
        self.away.pop(peer, None)
        self._heard_s[peer] = monotonic()
        self.silent.pop(peer, None)
        self.cut_off = False

    def look(self) -> None:
        """See who is silent now."""
        now = monotonic()
        quiet = {peer: now - at for peer, at in self._heard_s.items()}
        self.silent = {peer: seconds for peer, seconds in quiet.items() if seconds >= SILENT_S}
        all_quiet = len(quiet) == len(self.peers) and min(quiet.values()) >= QUIET_S
        self.cut_off = bool(self.silent) and all_quiet


class OutOfSight(RunFailed):
    """The peer asked, or one whose part is wanted, stays away; the run goes on, or is done, without the client."""


OnUpdate = Callable[[News], None]


def new_run_id() -> str:
    """An id that sorts by time and that no other client draws."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


async def submit(client: Client, run: str, spec: RunSpec) -> None:
    """Submit a run at the client's peer.

    Raises
    ------
    InputError
        If another run is on, a peer cannot take part, or the peer does not answer.
    RunFailed
        If the run has ended already.
    """
    try:
        reply = await client.submit(run, canonical_spec(spec))
    except NoAnswer as error:
        # The answer may be what was lost.
        mend = f"when it is back, see `difpeer status` whether it has taken run {run}; --attach follows it"
        raise InputError(error.problem, field=error.field, mend=mend) from error
    if reply.busy_with:
        cancel = command_at(f"cancel {reply.busy_with}", client.where, client.access)
        raise InputError(
            f"run {reply.busy_with} is on at {client.address}",
            field="--via",
            mend=f"wait for its end, or end it with `{cancel}`",
        )
    if reply.reason is not None:
        raise ended(run, reply.reason)


async def follow(client: Client, run: str, peers: tuple[str, ...], on_update: OnUpdate) -> None:
    """Follow a run at all peers until it is closed at each of them.

    Who is away is waited for, as the network itself does; only the client's own peer may not stay away for longer
    than the client is patient. A peer that has no record of the run has not heard of it yet, or, where it is closed
    at another one, had its result and was made to forget it.

    Parameters
    ----------
    client : Client
        Of any one peer.
    run : str
        The run.
    peers : tuple of str
        All peers of the network.
    on_update : callable
        Called with what is known by now, when a peer tells something and, while some are silent, now and then.

    Raises
    ------
    InputError
        If a peer refused the run, because its data or version does not fit or another run is on.
    RunFailed
        If the run ended without a result, or no peer knows it.
    OutOfSight
        If the client's peer cannot be reached any more.
    """
    news = News(peers, client.address)

    async def watch(peer: str) -> None:
        while True:
            try:
                async for reply in client.watch(run, peer, INTERVAL_MS):
                    news.told(peer, reply)
                    on_update(news)
            except PeerAway as away:
                news.not_reached(peer, str(away))
                await asyncio.sleep(RETRY_EVERY_S)
            except UnknownRun:
                news.not_known(peer)
                if news.closed:
                    news.over(peer)
                    return
                if len(news.unknown) == len(peers) and min(news.unknown.values()) >= PATIENCE_S:
                    raise
                await asyncio.sleep(RETRY_EVERY_S)
            except NoAnswer as error:
                raise OutOfSight(
                    f"{error.problem}; the run goes on, follow it through another peer"
                ) from error
            else:
                break
        news.over(peer)
        status = news[peer].status
        if status.reason is not None:
            raise ended(run, status.reason, status.state)

    async def look() -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            news.look()
            if news.silent:
                on_update(news)

    try:
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(look())
            await asyncio.gather(*(group.create_task(watch(peer)) for peer in peers))
            looking.cancel()
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


def progress_note(news: News) -> str:
    """One line on a run: the slowest peer's round, the worst distance, bytes, and a wait that is long."""
    parts = []
    status = news.slowest
    if status is not None:
        parts.append(f"round {status.round} {status.label}".rstrip())
    if news.worst is not None:
        name, value = news.worst
        parts.append(f"{'distance' if name == SUBSPACE_DISTANCE else name} {value:.1e}")
    if news.all_told:
        parts.append(f"{sum(news.sent.values()) / 1e6:.1f} MB sent")
    parts.append(wait_note(news))
    return ", ".join(filter(None, parts))


def wait_note(news: News) -> str:
    """Who is waited for, where that is worth telling; else empty."""
    return _wait(news, WAIT_S)


def stalls(news: News) -> bool:
    """Whether there is a wait that is to be told at once."""
    return bool(_wait(news, STALL_S))


def _wait(news: News, at_least_s: float) -> str:
    silent = news.silent
    if news.cut_off:
        return f"no answer from {news.address} for {max(silent.values()):.0f} s"
    # What a silent peer said last is no longer so.
    told = {name: reply.status for name, reply in news.items() if name not in silent}
    waits = {name: own for name, own in told.items() if own.waiting_for and own.waiting_s >= at_least_s}
    if waits:
        # All wait in the end; the cause is beside one that waits for a peer that waits for nobody.
        waiting = max(waits, key=lambda name: (not waits.keys() >= set(waits[name].waiting_for), name))
        whom = ", ".join(_named(name, silent) for name in waits[waiting].waiting_for)
        return f"{waiting} waits {waits[waiting].waiting_s:.0f} s for {whom}"
    forgotten = [name for name, seconds in news.unknown.items() if seconds >= SILENT_S]
    if forgotten:
        return f"{', '.join(forgotten)} {'knows' if len(forgotten) == 1 else 'know'} nothing of the run"
    return ", ".join(f"{name} says nothing for {seconds:.0f} s" for name, seconds in silent.items())


def _named(name: str, silent: Mapping[str, float]) -> str:
    return f"{name} (silent for {silent[name]:.0f} s)" if name in silent else name
