"""A gRPC server and clients whose streams end in our :class:`Stream`, on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc

from peer.runtime.settings import data_channel, server_options
from peer.runtime.stream import Stream

PATH = "/test.Bytes/Stream"


class Ends:
    """Streams accepted by a server; ``take`` is called with every message of them."""

    def __init__(self, take: Callable[[Stream, bytes], None]) -> None:
        self.take = take
        self.accepted: asyncio.Queue[Stream] = asyncio.Queue()
        self.ended: asyncio.Queue[Stream] = asyncio.Queue()
        self.port = 0
        self.deaf: asyncio.Event | None = None
        """Where set, streams are neither read nor written until the event."""

    async def handle(self, requests: object, context: Any) -> None:
        if self.deaf is not None:
            await self.deaf.wait()
            return
        stream = Stream(1, context.read, context.write, remote=context.peer())
        self.accepted.put_nowait(stream)
        try:
            await stream.run(self.take)
        finally:
            self.ended.put_nowait(stream)


@asynccontextmanager
async def serving(take: Callable[[Stream, bytes], None]) -> AsyncIterator[Ends]:
    ends = Ends(take)
    server = grpc.aio.server(options=server_options(4))
    handler = grpc.stream_stream_rpc_method_handler(ends.handle)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("test.Bytes", {"Stream": handler}),)
    )
    ends.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield ends
    finally:
        await server.stop(0)


@asynccontextmanager
async def dialled(port: int) -> AsyncIterator[tuple[Stream, Any]]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=data_channel()) as channel:
        call: Any = channel.stream_stream(PATH)()
        await call.wait_for_connection()
        yield Stream(1, call.read, call.write, half_close=call.done_writing), call
