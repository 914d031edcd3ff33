"""Requests to peers that cannot be dialled, such as those behind NAT: they hold streams open for them.

A peer that alone opens the connections of an edge offers its neighbour streams (``proto/difpeer/v1/reach.proto``).
Where the neighbour passes on a request to it, a stream becomes a connection: gRPC's own, TLS included, so that
everything above it is as with a neighbour that is dialled.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from peer.runtime.piping import ENDED, close, join

__all__ = ["MOST_OFFERS", "NAME_KEY", "Offers"]

log = logging.getLogger("difpeer")

NAME_KEY = "difpeer-peer"
"""Of the call's metadata: who offers; believed only where there is no TLS to tell."""

MOST_OFFERS = 8
"""Streams of one neighbour that are unused, at the most: it keeps one open."""

OFFERED_WITHIN_S = 2.0
"""How long a connection waits for a stream: the next one is opened when the last one was taken."""


class Offers:
    """At a peer whose neighbours cannot be dialled: their streams, and an address to reach each of them at."""

    def __init__(self) -> None:
        self._idle: dict[str, list[_Offer]] = {}
        self._more = asyncio.Condition()
        self._listening: dict[str, asyncio.Task[asyncio.Server]] = {}
        self._connections: set[asyncio.Task[None]] = set()

    async def accept(self, neighbour: str, context: Any, check: Callable[[], object]) -> None:  # noqa: ANN401
        """Handle a neighbour's stream until it ends.

        Parameters
        ----------
        neighbour : str
            Who offers it.
        context : ServicerContext
            The handler's.
        check : callable
            Raises where the neighbour is not to be believed any more; asked before anything is sent.
        """
        idle = self._idle.setdefault(neighbour, [])
        if len(idle) >= MOST_OFFERS:
            return
        offer = _Offer(context, check)
        idle.append(offer)
        async with self._more:
            self._more.notify_all()
        try:
            await offer.over()
        finally:
            if offer in idle:
                idle.remove(offer)

    async def address(self, neighbour: str) -> str:
        """Return where this process reaches a neighbour; each connection to it takes a stream of the neighbour's."""
        listening = self._listening.get(neighbour)
        if listening is None:
            listening = self._listening[neighbour] = asyncio.create_task(self._listen(neighbour))
        # Others may wait for it, too, and who asked first may be gone before it is there.
        server = await asyncio.shield(listening)
        host, port = server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def _listen(self, neighbour: str) -> asyncio.Server:
        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._connect(neighbour, reader, writer))
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)

        try:
            return await asyncio.start_server(connected, "127.0.0.1", 0)
        except OSError:
            del self._listening[neighbour]  # the next one who asks tries again
            raise

    async def close(self) -> None:
        """Listen no more, and end all streams and connections."""
        for server in await asyncio.gather(*self._listening.values(), return_exceptions=True):
            if isinstance(server, asyncio.Server):
                server.close()
        for idle in self._idle.values():
            for offer in idle:
                offer.end()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connect(
        self, neighbour: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            async with asyncio.timeout(OFFERED_WITHIN_S):
                offer = await self._take(neighbour)
        except TimeoutError:
            pass  # closed, which gRPC tells to whoever has asked
        else:
            await offer.use(reader, writer)
        await close(writer)

    async def _take(self, neighbour: str) -> "_Offer":
        idle = self._idle.setdefault(neighbour, [])
        async with self._more:
            await self._more.wait_for(lambda: any(offer.open for offer in idle))
        offer = next(offer for offer in idle if offer.open)
        idle.remove(offer)
        return offer


class _Offer:
    """A stream that a neighbour has opened for a connection to it."""

    def __init__(self, context: Any, check: Callable[[], object]) -> None:  # noqa: ANN401
        self._context = context
        self._check = check
        # The neighbour says nothing before something is said to it: this ends first where the stream does.
        self._first = asyncio.create_task(context.read())
        self._pending: list[asyncio.Task[object]] = [self._first]
        self._joined: asyncio.Task[None] | None = None
        self._taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def open(self) -> bool:
        """Whether it can become a connection."""
        return not self._first.done() and not self._taken.done()

    def end(self) -> None:
        """End the stream, unless it is a connection by now."""
        self._taken.cancel()

    async def over(self) -> None:
        """Wait for the end of the stream, or of the connection that it became."""
        try:
            await asyncio.wait((self._first, self._taken), return_when=asyncio.FIRST_COMPLETED)
            if self._joined is not None:
                await self._joined
        finally:
            if self._joined is not None:
                self._joined.cancel()
            self._taken.cancel()
            self._first.cancel()
            with suppress(asyncio.CancelledError, *ENDED):
                await self._first

    async def use(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Let the stream be this connection, until its end."""
        self._joined = asyncio.create_task(join(reader, writer, self._read, self._write))
        self._taken.set_result(None)
        await asyncio.wait((self._joined,))

    async def _read(self) -> object:
        return await (self._pending.pop() if self._pending else self._context.read())

    async def _write(self, data: bytes) -> None:
        self._check()
        await self._context.write(data)
