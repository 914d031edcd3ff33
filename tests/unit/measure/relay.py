"""A TCP relay that counts what passes: what TCP carried, without the kernel's help."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import grpc
from grpc import aio

ECHO = "/test.Echo/Stream"


class Relay:
    """Passes bytes on between whoever connects and a server."""

    def __init__(self, target: int) -> None:
        self.up = self.down = 0
        self.port = 0
        self._target = target
        self._moved = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target)
        for source, sink, way in ((reader, server_writer, "up"), (server_reader, writer, "down")):
            self._tasks.add(asyncio.create_task(self._pump(source, sink, way)))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: str) -> None:
        try:
            while data := await source.read(1 << 16):
                sink.write(data)
                await sink.drain()
                self.passed(way, data)
        except ConnectionError:
            pass
        finally:
            sink.close()

    def passed(self, way: str, data: bytes) -> None:
        setattr(self, way, getattr(self, way) + len(data))
        self._moved.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it holds; it is looked at again when bytes have passed, and soon after: kernels count later."""
        async with asyncio.timeout(20):
            while not condition():
                self._moved.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._moved.wait(), 0.05)

    async def finish(self) -> None:
        async with asyncio.timeout(20):
            await asyncio.gather(*self._tasks)


@asynccontextmanager
async def relay_to(target: int) -> AsyncIterator[Relay]:
    relay = Relay(target)
    async with serving(relay):
        yield relay


@asynccontextmanager
async def serving(relay: Relay) -> AsyncIterator[None]:
    server = await asyncio.start_server(relay.accept, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    async with server:
        yield


@asynccontextmanager
async def echo_server(host: str) -> AsyncIterator[tuple[int, asyncio.Queue[str]]]:
    """A gRPC server that sends every message back; its port, and the peer string of each stream."""
    peers: asyncio.Queue[str] = asyncio.Queue()

    async def echo(_: object, context: aio.ServicerContext[bytes, bytes]) -> None:
        peers.put_nowait(context.peer())
        while (message := await context.read()) is not aio.EOF:
            await context.write(message)

    server = aio.server(options=[("grpc.so_reuseport", 0)])
    handler = grpc.stream_stream_rpc_method_handler(echo)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Echo", {"Stream": handler})])
    port = server.add_insecure_port(f"{host}:0")
    await server.start()
    try:
        yield port, peers
    finally:
        await server.stop(None)


@asynccontextmanager
async def echo_stream(
    address: str, keepalive_timeout_ms: int = 5000
) -> AsyncIterator[aio.StreamStreamCall[bytes, bytes]]:
    """A stream on a connection of its own."""
    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.keepalive_time_ms", 10_000),
        ("grpc.keepalive_timeout_ms", keepalive_timeout_ms),
    ]
    async with aio.insecure_channel(address, options=options) as channel:
        call = channel.stream_stream(ECHO)()
        yield call
        await call.done_writing()
        assert await call.read() is aio.EOF
