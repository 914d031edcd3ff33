"""The links to the neighbours: who dials, when to dial again, and what is known of each link."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

import grpc

from peer.protocol.events import ConnectionLost, Dialled, Event
from peer.runtime.access import Access, Grounds, Place
from peer.runtime.causes import plain_cause
from peer.runtime.logs import Seldom
from peer.runtime.settings import data_channel
from peer.runtime.stream import Stream
from peer.wire.envelope import STREAM_PATH
from topology.errors import InputError
from topology.network import Network

__all__ = ["LinkState", "Links"]

log = logging.getLogger("difpeer")

FIRST_DELAY_S = 0.1
MAX_DELAY_S = 1.0
"""Part of what a run loses after a cut; an attempt costs less than a millisecond, whoever is not there."""
GROWTH = 1.6
JITTER = 0.2
MOST_UNSPOKEN = 16
"""Streams of one neighbour on which it has said nothing that counts yet; a sound one has one, or two for a moment."""
SILENCE_S = 10.0
"""How long an accepted stream may say nothing before it is closed."""


@dataclass(slots=True)
class LinkState:
    """What is known of one neighbour's link.

    Attributes
    ----------
    up : bool
        Whether both sides have said Hello.
    since_s : float
        When it went up or down, of :func:`time.monotonic`.
    lost : str
        How it went down: whether the neighbour said Goodbye stays known, whatever later attempts bring.
    attempt : str
        What came of the newest attempt to dial it again.
    refused : str
        Why its newest Hello was not taken: a process that has stopped for that is not there to be asked.
    """

    up: bool
    since_s: float
    lost: str = ""
    attempt: str = ""
    refused: str = ""

    @property
    def detail(self) -> str:
        """Why it is down."""
        refused = "" if self.refused in self.attempt else f"its last Hello was refused: {self.refused}"
        known = "; ".join(filter(None, (self.lost, self.attempt, refused)))
        return known or ("" if self.up else "not connected yet")


class Links:
    """The streams of all edges of one peer: one at a time for each.

    Parameters
    ----------
    network : Network
        With an address for every neighbour that this peer dials.
    name : str
        The peer.
    arrived : callable
        Takes every message: ``arrived(stream, data)``.
    feed : callable
        Takes events of streams.
    introduced : callable
        Whether a connection of this number has said Hello.
    closed : callable
        Told of each stream that has ended, before the event.
    access : Access
        How neighbours are dialled.
    """

    def __init__(
        self,
        network: Network,
        name: str,
        *,
        arrived: Callable[[Stream, bytes], None],
        feed: Callable[[Event], None],
        introduced: Callable[[int], bool],
        closed: Callable[[Stream], None],
        access: Access,
    ) -> None:
        neighbours = network.neighbours(name)
        self.states = {n: LinkState(False, monotonic()) for n in neighbours}
        self.streams: dict[int, Stream] = {}
        self._addresses = {
            n: str(network.peers[n].address) for n in neighbours if network.edge(name, n).dialler == name
        }
        self._arrived = arrived
        self._feed = feed
        self._introduced = introduced
        self._closed = closed
        self.tls = bool(access.who)
        self._access = access
        self._seldom = Seldom()
        self._numbers = 0
        self._stopping = False
        self._dialling: list[asyncio.Task[None]] = []
        self._idle = asyncio.Event()
        self._idle.set()

    def start(self) -> None:
        """Begin to dial."""
        self._dialling = [
            asyncio.create_task(self._keep_dialling(name, address), name=f"dial {name}")
            for name, address in self._addresses.items()
        ]

    def check(self) -> None:
        """Raise what ended a dialling task; they end by themselves only through a fault of ours."""
        for task in self._dialling:
            if task.done() and not self._stopping:
                if task.cancelled():
                    raise RuntimeError(f"the task {task.get_name()!r} was cancelled")
                task.result()

    async def accept(self, context: Any, grounds: Grounds | None) -> None:  # noqa: ANN401
        """Handle an accepted stream until it ends; ``context`` is the handler's, ``grounds`` say who it is."""
        if self._stopping or self._crowded(grounds):
            return
        stream = self._open(context.read, context.write, remote=context.peer(), grounds=grounds)
        asyncio.get_running_loop().call_later(SILENCE_S, self._end_silence, stream)
        await self._run(stream)

    def _crowded(self, grounds: Grounds | None) -> bool:
        """Whether a neighbour has so many streams without a Hello that one more is ended before it costs anything."""
        if grounds is None:
            return False
        own = [s for s in self.streams.values() if s.neighbour is None and s.grounds == grounds]
        if len(own) < MOST_UNSPOKEN:
            return False
        if self._seldom.allows(grounds.name):
            log.warning("ended a stream of %s: it has %d others that say nothing", grounds.name, len(own))
        return True

    def recheck(self, over: Callable[[Grounds], str]) -> None:
        """End the streams whose grounds do not hold any more; those that were dialled are dialled anew."""
        for stream in list(self.streams.values()):
            why = "" if stream.grounds is None else over(stream.grounds)
            if why:
                stream.close(why)

    async def stop(self, grace_s: float) -> None:
        """End all streams after what was queued on them, and stop dialling."""
        self._stopping = True
        for stream in list(self.streams.values()):
            stream.close("this peer stops")
        try:
            async with asyncio.timeout(grace_s):
                await self._idle.wait()
        except TimeoutError:
            pass
        for task in self._dialling:
            task.cancel()
        await asyncio.gather(*self._dialling, return_exceptions=True)

    def up(self) -> list[Stream]:
        """Streams on which both sides have said Hello."""
        return [stream for stream in self.streams.values() if stream.neighbour and not stream.over]

    def reason(self, connection: int) -> str:
        """Why a stream has ended."""
        stream = self.streams.get(connection)
        return "" if stream is None else stream.reason

    def went_up(self, neighbour: str) -> None:
        """Both sides have said Hello."""
        self.states[neighbour] = LinkState(True, monotonic())

    def went_down(self, neighbour: str, why: str) -> None:
        """The link is lost."""
        self.states[neighbour] = LinkState(False, monotonic(), why)

    def refused(self, neighbour: str, why: str) -> None:
        """A Hello of this neighbour was not taken: keep why until the link is up."""
        if not self.states[neighbour].up:
            self.states[neighbour].refused = why

    async def _keep_dialling(self, neighbour: str, address: str) -> None:
        delay = FIRST_DELAY_S
        while not self._stopping:
            # A channel of its own for each attempt: its connection is this stream's and nobody else's, and only
            # one back-off is at work, ours.
            try:
                channel, grounds = self._access.channel(Place(neighbour, address), data_channel())
            except InputError as error:
                self._not_reached(neighbour, str(error))
            else:
                async with channel:
                    if await self._dial_once(channel, neighbour, address, grounds):
                        delay = FIRST_DELAY_S
            # Jitter, so that the neighbours of a peer that was away do not all come at once.
            await asyncio.sleep(delay * random.uniform(1 - JITTER, 1 + JITTER))
            delay = min(delay * GROWTH, MAX_DELAY_S)

    async def _dial_once(
        self, channel: grpc.aio.Channel, neighbour: str, address: str, grounds: Grounds | None
    ) -> bool:
        """Dial and talk until the stream ends; returns whether the link was up."""
        call: Any = channel.stream_stream(STREAM_PATH)()
        try:
            await call.wait_for_connection()
        except grpc.aio.AioRpcError as error:
            self._not_reached(neighbour, f"{address}: {plain_cause(error.details())}")
            return False
        stream = self._open(
            call.read,
            call.write,
            half_close=call.done_writing,
            neighbour=neighbour,
            remote=address,
            grounds=grounds,
        )
        self._feed(Dialled(neighbour, stream.number))
        up_before = self.states[neighbour].since_s
        await self._run(stream)
        if self.states[neighbour].since_s == up_before:
            self._not_reached(neighbour, f"{address}: {stream.reason}")
            return False
        return True

    def _not_reached(self, neighbour: str, why: str) -> None:
        """Keep the newest reason of a link that stays down, and since when it has been."""
        state = self.states[neighbour]
        if not state.up:
            state.attempt = why

    def _open(
        self,
        read: Callable[[], Any],
        write: Callable[[bytes], Any],
        *,
        half_close: Callable[[], Any] | None = None,
        neighbour: str | None = None,
        remote: str,
        grounds: Grounds | None,
    ) -> Stream:
        self._numbers += 1
        stream = Stream(
            self._numbers,
            read,
            write,
            half_close=half_close,
            neighbour=neighbour,
            remote=remote,
            grounds=grounds,
        )
        self.streams[stream.number] = stream
        self._idle.clear()
        return stream

    async def _run(self, stream: Stream) -> None:
        try:
            await stream.run(self._arrived)
        finally:
            self._closed(stream)
            # Still in the table: its reason is asked for.
            self._feed(ConnectionLost(stream.number))
            del self.streams[stream.number]
            if not self.streams:
                self._idle.set()

    def _end_silence(self, stream: Stream) -> None:
        if not stream.over and not self._introduced(stream.number):
            stream.close(f"no Hello within {SILENCE_S:g} s")
