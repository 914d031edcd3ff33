"""What gRPC does that our code works around, and that the work-arounds work.

When one of the first kind fails, gRPC has changed: look whether the work-around named in it can go.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import asynccontextmanager

import grpc
import pytest

from peer.runtime.settings import data_channel, server_options
from peer.wire.control import STATUS
from tests.support.problems import local_data, make_tasks, network_of
from tests.unit.runtime.nodes import lab

PATH = "/test.Bytes/Stream"
PAIR = network_of([("p0", "p1")])

ECHO = """
import asyncio, json, sys, grpc

async def echo(requests, context):
    while (data := await context.read()) is not grpc.aio.EOF:
        await context.write(data)

async def main():
    server = grpc.aio.server(options=[tuple(pair) for pair in json.loads(sys.argv[1])])
    handlers = {"Stream": grpc.stream_stream_rpc_method_handler(echo)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Bytes", handlers),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await server.wait_for_termination()

asyncio.run(main())
"""

CLIENT = """
import asyncio, sys, grpc

async def main():
    async with grpc.aio.insecure_channel(f"127.0.0.1:{sys.argv[1]}") as channel:
        call = channel.stream_stream("/test.Bytes/Stream")()
        await call.write(b"x")
        await call.read()

asyncio.run(main())
"""


def changed(options, **values):
    """Options with other values; the names are written with underscores for dots."""
    return list(
        {**dict(options), **{f"grpc.{name.replace('__', '.')}": v for name, v in values.items()}}.items()
    )


@asynccontextmanager
async def handled(handler, options=None, method=grpc.stream_stream_rpc_method_handler):
    """A server in this process; yields its port."""
    server = grpc.aio.server(options=server_options(4) if options is None else options)
    handlers = {"Stream": method(handler)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Bytes", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)


def channel_to(port, options=None):
    return grpc.aio.insecure_channel(
        f"127.0.0.1:{port}", options=data_channel() if options is None else options
    )


async def never(requests, context):
    await asyncio.Event().wait()


# Behaviour of gRPC


async def test_keepalive_timeout_does_not_notice_a_frozen_peer_and_the_ping_timeout_does():
    """Work-around: grpc.http2.ping_timeout_ms in settings.py (grpc/grpc#39239)."""
    fast = {"keepalive_time_ms": 1_000, "keepalive_timeout_ms": 1_000}
    ours = changed(data_channel(), **fast, http2__ping_timeout_ms=1_000)
    without = [
        option for option in changed(data_channel(), **fast) if option[0] != "grpc.http2.ping_timeout_ms"
    ]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ECHO, '[["grpc.http2.min_ping_interval_without_data_ms", 500]]'),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        async with channel_to(port, ours) as first, channel_to(port, without) as second:
            calls = [channel.stream_stream(PATH)() for channel in (first, second)]
            for call in calls:
                await call.write(b"x")
                assert await call.read() == b"x"
            reads = [asyncio.create_task(call.read()) for call in calls]
            process.send_signal(signal.SIGSTOP)
            async with asyncio.timeout(10):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await reads[0]
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            # As much time again: two pings and two timeouts have passed for the other.
            await asyncio.wait([reads[1]], timeout=2)
            assert not reads[1].done()
            reads[1].cancel()
            await asyncio.gather(*reads, return_exceptions=True)
    finally:
        process.kill()
        await process.wait()


async def test_an_idle_stream_is_sent_away_unless_the_server_allows_its_pings():
    """Work-around: grpc.http2.min_ping_interval_without_data_ms in settings.py; with a "recv" in it nobody reads it."""
    pings = changed(data_channel(), keepalive_time_ms=200)
    allows = changed(server_options(2), http2__min_ping_interval_without_data_ms=100)
    unknown = [option for option in allows if option[0] != "grpc.http2.min_ping_interval_without_data_ms"]
    unknown.append(("grpc.http2.min_recv_ping_interval_without_data_ms", 100))
    async with (
        handled(never, allows) as port,
        handled(never, unknown) as strict_port,
        channel_to(port, pings) as channel,
        channel_to(strict_port, pings) as strict_channel,
    ):
        reads = []
        for idle in (channel, strict_channel):
            call = idle.stream_stream(PATH)()
            await call.wait_for_connection()
            reads.append(asyncio.create_task(call.read()))
        with pytest.raises(grpc.aio.AioRpcError, match="Too many pings"):
            await reads[1]
        # Twice as many pings again.
        await asyncio.wait([reads[0]], timeout=2)
        assert not reads[0].done()
        reads[0].cancel()
        await asyncio.gather(*reads, return_exceptions=True)


async def test_a_server_notices_a_frozen_client_on_an_idle_stream():
    """The other way round; an accepted stream without a run is idle for hours."""
    noticed = asyncio.Event()
    ready = asyncio.Event()

    async def idle(requests, context):
        await context.read()
        ready.set()
        try:
            await context.read()
        finally:
            noticed.set()

    options = changed(server_options(2), keepalive_time_ms=500, http2__ping_timeout_ms=1_000)
    async with handled(idle, options) as port:
        process = await asyncio.create_subprocess_exec(*(sys.executable, "-c", CLIENT, str(port)))
        try:
            await ready.wait()
            # Several pings on the idle stream, after which they would have stopped by default.
            await asyncio.sleep(2)
            assert not noticed.is_set()
            process.send_signal(signal.SIGSTOP)
            async with asyncio.timeout(10):
                await noticed.wait()
        finally:
            process.kill()
            await process.wait()


async def test_a_time_limit_around_a_read_ends_the_stream():
    """Work-around: one reader task per stream, no wait_for around reads (stream.py)."""
    async with handled(never) as port, channel_to(port) as channel:
        call = channel.stream_stream(PATH)()
        await call.write(b"x")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call.read(), 0.05)
        with pytest.raises(asyncio.CancelledError):
            await call.read()
        assert await call.code() is grpc.StatusCode.CANCELLED


async def test_a_handler_that_is_cancelled_from_inside_leaves_its_caller_hanging():
    """Work-around: Service._guard turns it into a status (grpc/grpc#29248)."""

    async def cancelled(request, context):
        raise asyncio.CancelledError

    async with (
        handled(cancelled, method=grpc.unary_unary_rpc_method_handler) as port,
        channel_to(port) as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(PATH)(b"", timeout=1.0)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_deserializer_that_fails_tells_the_caller():
    """Work-around: no serializers, decoding in our handlers (service.py)."""

    def fail(data):
        raise ValueError("secret/path")

    def method(handler):
        return grpc.unary_unary_rpc_method_handler(handler, request_deserializer=fail)

    async with handled(never, method=method) as port, channel_to(port) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(PATH)(b"", timeout=5.0)
        assert caught.value.code() is grpc.StatusCode.UNKNOWN
        assert "secret/path" in caught.value.details()


async def test_two_servers_share_a_port_unless_told_otherwise():
    """Work-around: grpc.so_reuseport in settings.py (grpc/grpc#16920)."""
    first, second = grpc.aio.server(), grpc.aio.server()
    port = first.add_insecure_port("127.0.0.1:0")
    assert second.add_insecure_port(f"127.0.0.1:{port}") == port
    await first.stop(None)
    await second.stop(None)
    alone, refused = grpc.aio.server(options=server_options(2)), grpc.aio.server(options=server_options(2))
    port = alone.add_insecure_port("127.0.0.1:0")
    with pytest.raises(RuntimeError):
        refused.add_insecure_port(f"127.0.0.1:{port}")
    await alone.stop(None)
    await refused.stop(None)


async def test_a_port_kept_by_a_socket_that_does_not_listen_can_be_served():
    """Relied on by LocalNetwork: it keeps its peers' ports from others this way."""
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        port = kept.getsockname()[1]
        server = grpc.aio.server(options=server_options(2))
        assert server.add_insecure_port(f"127.0.0.1:{port}") == port
        await server.start()
        await server.stop(None)


async def test_the_end_of_an_accepted_stream_says_nothing_about_why():
    """Work-around: only a Goodbye is a clean end (Links, PeerMachine)."""
    seen = asyncio.Queue()

    async def tell(requests, context):
        try:
            await context.read()
            await context.write(b"ready")
            seen.put_nowait((await context.read() is grpc.aio.EOF, context.cancelled()))
        except asyncio.CancelledError:
            # On a busy machine a cancel overtakes the end of the stream, or the end of the write.
            seen.put_nowait("cancelled")
            raise

    async with handled(tell) as port:
        for end in ("half-close", "cancel", "channel"):
            async with channel_to(port) as channel:
                call = channel.stream_stream(PATH)()
                await call.write(b"x")
                assert await call.read() == b"ready"
                if end == "half-close":
                    await call.done_writing()
                elif end == "cancel":
                    call.cancel()
                else:
                    await channel.close()
                told = await asyncio.wait_for(seen.get(), 5)
                assert told == (True, False) or (told == "cancelled" and end != "half-close"), end


async def test_a_stop_with_a_live_stream_takes_all_its_grace():
    """Work-around: Goodbye and the streams' own end before Server.stop (Node.stop)."""
    server = grpc.aio.server(options=server_options(2))
    handlers = {"Stream": grpc.stream_stream_rpc_method_handler(never)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Bytes", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with channel_to(port) as channel:
        call = channel.stream_stream(PATH)()
        await call.write(b"x")
        loop = asyncio.get_running_loop()
        began = loop.time()
        await server.stop(0.5)
        assert loop.time() - began >= 0.45


async def test_a_silent_connection_is_closed_after_the_handshake_timeout():
    """The default is minutes: grpc.server_handshake_timeout_ms in settings.py."""
    options = changed(server_options(2), server_handshake_timeout_ms=300)
    async with handled(never, options) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        begun = asyncio.get_running_loop().time()
        async with asyncio.timeout(5):
            while await reader.read(1024):
                pass
        assert asyncio.get_running_loop().time() - begun > 0.2  # it was not sent away for something else
        writer.close()


async def test_connections_beyond_the_bound_are_closed_at_once():
    """The default is no bound: strangers could take every descriptor (peer/runtime/descriptors.py)."""
    async with handled(never, server_options(2, connections=3)) as port:
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
        reads = [asyncio.create_task(reader.read(1024)) for reader, _ in opened]
        try:
            closed = []
            async with asyncio.timeout(4):  # before the handshake timeout closes the others
                while len(closed) < 5:
                    await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED, timeout=0.1)
                    closed = [read for read in reads if read.done() and not read.result()]
            assert len(closed) == 5
        finally:
            for read in reads:
                read.cancel()
            await asyncio.gather(*reads, return_exceptions=True)
            for _, writer in opened:
                writer.close()


# Our side of it


async def test_an_inner_cancellation_is_told_as_a_status(tmp_path, monkeypatch):
    data = local_data(make_tasks(PAIR.names, (2, 2), 8))

    def cancelled(links):
        raise asyncio.CancelledError

    async with lab(PAIR, data, tmp_path, absent=("p0",)) as peers:
        monkeypatch.setattr("peer.runtime.operations.link_statuses", cancelled)
        async with grpc.aio.insecure_channel(peers.network.peers["p1"].address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary(STATUS.path)(b"", timeout=5.0)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_fork_support_is_off_before_grpc_is_imported():
    """An old source of dead-locks (grpc/grpc#18321, #38020); nothing here forks after gRPC has threads."""
    code = "import sys, peer.runtime; assert 'grpc' not in sys.modules; import os; print(os.environ[sys.argv[1]])"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}
    command = [sys.executable, "-c", code, "GRPC_ENABLE_FORK_SUPPORT"]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert ended.stdout == "0\n"
