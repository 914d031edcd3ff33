"""One open stream of an edge: one reader task, one writer task, and a queue between the machine and the writer."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from peer.runtime.access import Grounds
from peer.runtime.causes import plain_cause

__all__ = ["Stream"]

CLOSE_GRACE_S = 1.0
"""How long a stream that we end may take to send what was queued and to see the other side's end."""

_ENDED = (grpc.RpcError, grpc.aio.BaseError, asyncio.InvalidStateError)
"""What gRPC raises in ``read`` and ``write`` when a stream is over."""


class Stream:
    """A bidirectional stream of bytes messages.

    Reading never has a time limit: ``wait_for`` around a read would end the whole call, and how long a round takes
    is none of the stream's business. Messages go out in the order of :meth:`send`, by one task: gRPC allows one
    write at a time, and a task that wakes for all that was queued meanwhile is cheaper than a write awaited by each
    sender.

    Parameters
    ----------
    number : int
        The runtime's own, never used twice.
    read, write : callable
        Of the call, or of the handler's context.
    half_close : callable, optional
        Says that we send no more, on a call; a handler says it by returning.
    neighbour : str, optional
        Whom we dialled; for an accepted stream it is set when its Hello was taken.
    remote : str
        The address dialled, or gRPC's name of the other end of an accepted stream.
    grounds : Grounds, optional
        Why the other side is believed to be who it is; without TLS it is not known, only told.

    Attributes
    ----------
    closing : bool
        Whether we have ended it: what still arrives is of no interest.
    """

    __slots__ = (
        "_broken",
        "_half_close",
        "_loop",
        "_queue",
        "_read",
        "_reader",
        "_wake",
        "_write",
        "closing",
        "grounds",
        "neighbour",
        "number",
        "over",
        "reason",
        "remote",
    )

    def __init__(
        self,
        number: int,
        read: Callable[[], Awaitable[Any]],
        write: Callable[[bytes], Awaitable[None]],
        *,
        half_close: Callable[[], Awaitable[None]] | None = None,
        neighbour: str | None = None,
        remote: str = "",
        grounds: Grounds | None = None,
    ) -> None:
        self.number = number
        self.neighbour = neighbour
        self.remote = remote
        self.grounds = grounds
        self.reason = ""
        self.over = False
        self._read = read
        self._write = write
        self._half_close = half_close
        self._queue: deque[bytes] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._reader: asyncio.Task[None] | None = None
        self._broken: BaseException | None = None
        self.closing = False
        self._loop = asyncio.get_running_loop()

    @property
    def dialled(self) -> bool:
        """Whether this peer opened it."""
        return self._half_close is not None

    @property
    def idle(self) -> bool:
        """Whether all that was queued has been written, and its writer waits for more."""
        return self._wake is not None

    def send(self, data: bytes) -> None:
        """Queue a message; on a stream that is over nothing happens, its end is told elsewhere."""
        if not self.closing:
            self._queue.append(data)
            if self._wake is not None:
                self._awake()

    def close(self, reason: str) -> None:
        """End the stream after what was queued; ``reason`` is for our own log."""
        if not self.closing:
            self.closing = True
            self.reason = self.reason or reason
            self._awake()
            self._loop.call_later(CLOSE_GRACE_S, self._give_up)

    async def run(self, arrived: Callable[["Stream", bytes], None]) -> None:
        """Read and write until the stream ends; ``reason`` says why.

        Parameters
        ----------
        arrived : callable
            Called with this stream and each message. What it raises is raised here: it is our fault.
        """
        reader = self._reader = self._loop.create_task(self._read_all(arrived))
        writer = self._loop.create_task(self._write_all())
        try:
            await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
            both = self._half_close is not None or self._broken is not None
            if both and not reader.done() and writer.exception() is None:
                # All is sent, or nothing more can be: what the other side has said is read to its end, which may be
                # a Goodbye. It ends the call, or _give_up does.
                await asyncio.wait((reader,))
        finally:
            self._ended(None)  # gRPC has cancelled the handler, and says no more than that
            self.closing = self.over = True
            self._queue.clear()
            # Cancelling a read ends the call: that is meant here, and nowhere else.
            reader.cancel()
            writer.cancel()
            outcomes = await asyncio.gather(reader, writer, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _read_all(self, arrived: Callable[["Stream", bytes], None]) -> None:
        read = self._read
        end = grpc.aio.EOF
        while True:
            try:
                data = await read()
            except _ENDED as error:
                self._ended(error)
                return
            if data is end:
                # A handler is told no more than this, whether the other side half-closed, cancelled or was killed:
                # only a Goodbye says that it meant to.
                self._ended(None)
                return
            if not self.closing:
                arrived(self, data)

    async def _write_all(self) -> None:
        queue = self._queue
        write = self._write
        try:
            while queue or not self.closing:
                if queue:
                    await write(queue.popleft())
                else:
                    self._wake = self._loop.create_future()
                    await self._wake
            if self._half_close is not None:
                await self._half_close()
        except _ENDED as error:
            self._broken = error
            self._loop.call_later(CLOSE_GRACE_S, self._give_up)

    def _give_up(self) -> None:
        if not self.over and self._reader is not None:
            self._reader.cancel()

    def _awake(self) -> None:
        wake = self._wake
        if wake is not None:
            self._wake = None
            if not wake.done():
                wake.set_result(None)

    def _ended(self, error: BaseException | None) -> None:
        if not self.reason:
            self.reason = _why(error or self._broken)


def _why(error: BaseException | None) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return plain_cause(error.details() or error.code().name)
    return "the stream ended without Goodbye" if error is None else f"the stream broke ({error})"
