"""Streams that become connections: over real gRPC and real sockets."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import grpc
import pytest

from peer.protocol.errors import RemoteProtocolError
from peer.runtime import offering, reach
from peer.runtime.offering import Offering
from peer.runtime.reach import NAME_KEY, Offers
from peer.wire.reach import MAX_PIECE_BYTES, OFFER, OFFER_PATH, REACH_SERVICE, decode_piece, encode_piece
from tests.support.network import eventually


class Neighbour:
    """A server that takes offers."""

    def __init__(self):
        self.offers = Offers()
        self.believed = True
        self.offered = asyncio.Semaphore(0)

    def _check(self):
        if not self.believed:
            raise RemoteProtocolError("a stranger by now")

    async def _offer(self, _, context):
        name = dict(context.invocation_metadata())[NAME_KEY]
        self.offered.release()
        await self.offers.accept(name, context, self._check)

    @asynccontextmanager
    async def serving(self):
        server = grpc.aio.server()
        handler = grpc.stream_stream_rpc_method_handler(self._offer)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(REACH_SERVICE, {OFFER: handler}),)
        )
        self.port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield self
        finally:
            await self.offers.close()
            await server.stop(0)


@asynccontextmanager
async def echo():
    """What listens at the peer that cannot be dialled: gives back what it gets, and ends when the other side does."""
    open_now = set()

    async def answer(reader, writer):
        open_now.add(writer)
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        open_now.discard(writer)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname(), open_now
    finally:
        server.close()


@asynccontextmanager
async def running(coroutine):
    task = asyncio.create_task(coroutine)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def joined():
    """A neighbour, a peer that offers it streams, and what listens there."""
    async with AsyncExitStack() as stack:
        own, open_now = await stack.enter_async_context(echo())
        neighbour = await stack.enter_async_context(Neighbour().serving())
        peer = Offering("p2", ["p0"], own, lambda _: grpc.aio.insecure_channel(f"127.0.0.1:{neighbour.port}"))
        await stack.enter_async_context(running(peer.run()))
        yield neighbour, open_now


async def connect(neighbour):
    host, _, port = (await neighbour.offers.address("p2")).partition(":")
    return await asyncio.open_connection(host, int(port))


async def said(reader, writer, data):
    async def write():
        writer.write(data)
        await writer.drain()

    async with asyncio.timeout(20):
        _, back = await asyncio.gather(write(), reader.readexactly(len(data)))
    return back


async def test_what_is_sent_arrives_whole_and_comes_back():
    async with joined() as (neighbour, _):
        reader, writer = await connect(neighbour)
        data = bytes(range(256)) * 20_000  # 5 MB: more than any buffer on the way holds
        assert await said(reader, writer, data) == data
        writer.close()


async def test_several_connections_at_once_do_not_mix():
    async with joined() as (neighbour, _):
        pairs = [await connect(neighbour) for _ in range(4)]
        for turn in range(3):
            texts = [f"{turn} {number}".encode() for number in range(4)]
            back = await asyncio.gather(*(said(*pair, text) for pair, text in zip(pairs, texts, strict=True)))
            assert back == texts
        for _, writer in pairs:
            writer.close()


async def test_the_end_at_one_side_is_the_end_at_the_other():
    async with joined() as (neighbour, open_now):
        reader, writer = await connect(neighbour)
        await said(reader, writer, b"hello")
        (there,) = open_now
        writer.close()
        await eventually(lambda: not open_now, "the end at the other side")
        reader, writer = await connect(neighbour)
        await said(reader, writer, b"again")
        (there,) = open_now
        there.close()
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()


async def refused(address):
    host, _, port = address.partition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def test_requests_at_once_share_one_socket_and_none_is_left():
    offers = Offers()
    first = asyncio.create_task(offers.address("p2"))
    others = [asyncio.create_task(offers.address("p2")) for _ in range(3)]
    await asyncio.sleep(0)
    first.cancel()  # who asks first goes away first; the others get their answer
    (address,) = set(await asyncio.gather(*others))
    last = asyncio.create_task(offers.address("p3"))
    await asyncio.sleep(0)
    await offers.close()
    for one in (address, await last):
        assert await refused(one)


async def test_a_neighbour_that_offers_nothing_is_not_waited_for_long(monkeypatch):
    monkeypatch.setattr(reach, "OFFERED_WITHIN_S", 0.05)
    async with Neighbour().serving() as neighbour:
        reader, writer = await connect(neighbour)
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()


async def test_a_neighbour_that_is_not_believed_any_more_gets_nothing():
    async with joined() as (neighbour, open_now):
        await neighbour.offered.acquire()
        neighbour.believed = False
        reader, writer = await connect(neighbour)
        writer.write(b"hello")
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        assert not open_now
        writer.close()


async def test_offers_beyond_the_bound_are_refused():
    async with (
        Neighbour().serving() as neighbour,
        grpc.aio.insecure_channel(f"127.0.0.1:{neighbour.port}") as channel,
    ):
        calls = [
            channel.stream_stream(OFFER_PATH)(metadata=((NAME_KEY, "p2"),))
            for _ in range(reach.MOST_OFFERS + 1)
        ]
        reads = [asyncio.create_task(call.read()) for call in calls]
        done, _ = await asyncio.wait(reads, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result() for task in done] == [grpc.aio.EOF]
        for call in calls:
            call.cancel()
        await asyncio.gather(*reads, return_exceptions=True)


async def test_an_unused_stream_is_opened_anew(monkeypatch):
    monkeypatch.setattr(offering, "UNUSED_S", 0.05)
    async with joined() as (neighbour, _):
        async with asyncio.timeout(20):
            for _ in range(3):
                await neighbour.offered.acquire()
        reader, writer = await connect(neighbour)
        assert await said(reader, writer, b"hello") == b"hello"
        writer.close()


async def test_a_neighbour_that_comes_later_is_offered_streams(monkeypatch):
    async with echo() as (own, _):
        ports = []
        channel = lambda _: grpc.aio.insecure_channel(f"127.0.0.1:{ports[-1] if ports else 1}")  # noqa: E731
        async with running(Offering("p2", ["p0"], own, channel).run()), Neighbour().serving() as neighbour:
            ports.append(neighbour.port)
            async with asyncio.timeout(30):
                await neighbour.offered.acquire()


@pytest.mark.parametrize("answer", [b"", b"\xff"])
async def test_a_neighbour_that_answers_with_no_piece_is_not_offered_the_next_at_once(caplog, answer):
    """An empty message is no silence, and other nonsense no connection."""
    offered = 0

    async def handle(_, context):
        nonlocal offered
        offered += 1
        await context.write(answer)

    neighbour = Neighbour()
    neighbour._offer = handle
    async with echo() as (own, open_now), neighbour.serving():
        peer = Offering("p2", ["p0"], own, lambda _: grpc.aio.insecure_channel(f"127.0.0.1:{neighbour.port}"))
        async with running(peer.run()):
            await asyncio.sleep(2)
        assert not open_now
    # After 0.2 s, 0.5 s, 1.0 s, 1.8 s.
    assert 2 <= offered <= 6
    told = [record for record in caplog.messages if "no stream for requests from p0: Piece" in record]
    assert 1 <= len(told) <= 3


@pytest.mark.parametrize("data", [b"x", b"x" * MAX_PIECE_BYTES])
def test_pieces_come_back(data):
    assert decode_piece(encode_piece(data)) == data


@pytest.mark.parametrize("message", [b"", b"\xff", encode_piece(b"x" * (MAX_PIECE_BYTES + 1))])
def test_what_is_no_piece(message):
    with pytest.raises(RemoteProtocolError, match="Piece"):
        decode_piece(message)
