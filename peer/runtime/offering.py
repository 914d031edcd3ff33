"""A peer that its neighbours cannot dial offers them streams for their requests."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import grpc

from peer.protocol.errors import RemoteProtocolError
from peer.runtime.access import Access, Place
from peer.runtime.logs import Seldom
from peer.runtime.piping import ENDED, join
from peer.runtime.reach import NAME_KEY
from peer.runtime.settings import control_channel
from peer.wire.reach import OFFER_PATH, decode_piece
from topology.address import own_address
from topology.errors import InputError
from topology.network import Network

__all__ = ["Offering", "offering"]

log = logging.getLogger("difpeer")

AT_ONCE = 8
"""Connections that a neighbour may have: two for its requests, and those that are ending."""

UNUSED_S = 30.0
"""After this an unused stream is opened anew: with the keys and pins of that moment."""

FIRST_DELAY_S = 0.2
MAX_DELAY_S = 5.0
GROWTH = 1.6
JITTER = 0.2

OpenChannel = Callable[[str], grpc.aio.Channel]


async def offering(network: Network, name: str, listen: str, access: Access) -> None:
    """Keep a peer within reach of its neighbours, for ever; done at once where all of them can dial it.

    Parameters
    ----------
    network : Network
        Says who can.
    name : str
        The peer.
    listen : str
        Where it listens.
    access : Access
        How neighbours are reached.
    """

    def channel(neighbour: str) -> grpc.aio.Channel:
        place = Place(neighbour, str(network.peers[neighbour].address))
        return access.channel(place, control_channel())[0]

    neighbours = [near for near in network.neighbours(name) if not network.can_dial(near, name)]
    await Offering(name, neighbours, own_address(listen), channel).run()


class Offering:
    """Keeps this peer within reach of neighbours that cannot dial it.

    Parameters
    ----------
    name : str
        This peer.
    neighbours : sequence of str
        Those that cannot.
    own : tuple of str and int
        Host and port at which this machine reaches this peer.
    channel : callable
        Opens a channel to a neighbour, or raises InputError.
    """

    def __init__(
        self, name: str, neighbours: Sequence[str], own: tuple[str, int], channel: OpenChannel
    ) -> None:
        self._name = name
        self._neighbours = neighbours
        self._own = own
        self._channel = channel
        self._seldom = Seldom()

    async def run(self) -> None:
        """Offer streams for ever."""
        async with asyncio.TaskGroup() as group:
            for neighbour in self._neighbours:
                group.create_task(self._keep_offering(neighbour))

    async def _keep_offering(self, neighbour: str) -> None:
        delay = FIRST_DELAY_S
        free = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while True:
                await free.acquire()
                used: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
                offer = group.create_task(self._offer(neighbour, used))
                offer.add_done_callback(lambda _: free.release())
                if await used:
                    delay = FIRST_DELAY_S
                    continue
                await asyncio.sleep(delay * random.uniform(1 - JITTER, 1 + JITTER))
                delay = min(delay * GROWTH, MAX_DELAY_S)

    async def _offer(self, neighbour: str, used: asyncio.Future[bool]) -> None:
        """Hold a stream open until it has been a connection; ``used`` says whether another one is wanted at once."""
        try:
            # A channel of its own: with the newest certificates, and without a back-off of gRPC's beside ours.
            async with self._channel(neighbour) as channel:
                call: Any = channel.stream_stream(OFFER_PATH)(metadata=((NAME_KEY, self._name),))
                first: object = None
                with suppress(TimeoutError):
                    async with asyncio.timeout(UNUSED_S):
                        first = await call.read()
                if first is None:
                    used.set_result(True)
                elif isinstance(first, bytes):
                    # Before another stream is wanted at once: after nonsense there is a pause, as after any failure.
                    decode_piece(first)
                    used.set_result(True)
                    await self._connect(first, call)
        except ENDED as error:
            log.debug("no stream for requests from %s: %s", neighbour, error)
        except (InputError, RemoteProtocolError) as error:
            if self._seldom.allows(neighbour):
                log.warning("no stream for requests from %s: %s", neighbour, error)
        finally:
            if not used.done():
                used.set_result(False)

    async def _connect(self, first: bytes, call: Any) -> None:  # noqa: ANN401
        reader, writer = await asyncio.open_connection(*self._own)
        pieces = [first]

        async def read() -> object:
            return pieces.pop() if pieces else await call.read()

        await join(reader, writer, read, call.write)
