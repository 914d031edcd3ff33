"""A client and servers that do not answer as peers do."""

from contextlib import asynccontextmanager

import grpc
import pytest

from peer.config import RunFailed
from peer.runtime.client import Client
from peer.runtime.following import follow, submit
from peer.wire.control import COLLECT, CONTROL_SERVICE, STATUS, WATCH, encode
from peer.wire.requests import Chunk
from tests.support.problems import dif_spec
from topology.errors import InputError


@asynccontextmanager
async def answering(**handlers):
    """A client of a server with these methods: unary ones return bytes, streaming ones yield them."""
    server = grpc.aio.server()
    streams = {WATCH.name, COLLECT.name}
    made = {
        name: (
            grpc.unary_stream_rpc_method_handler if name in streams else grpc.unary_unary_rpc_method_handler
        )(handler)
        for name, handler in handlers.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(CONTROL_SERVICE, made),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with Client(f"127.0.0.1:{port}", insecure_loopback=True, patience_s=0.3) as client:
            yield client
    finally:
        await server.stop(0)


async def test_an_address_beyond_this_machine_is_refused_before_anything_is_sent():
    with pytest.raises(InputError, match=r"--via: .*loopback"):
        Client("10.0.0.5:7100", insecure_loopback=True)


async def test_another_program_at_the_address_is_told():
    async def nonsense(data, context):
        return b"\xff\xff"

    async with answering(Status=nonsense) as client:
        with pytest.raises(RunFailed, match="not a Status reply"):
            await client.status()


async def test_a_file_that_comes_short_is_refused():
    async def short(data, context):
        yield encode(Chunk("result.npz", 10, b"12345"))

    async with answering(Collect=short) as client:
        with pytest.raises(RunFailed, match=r"5 of 10 bytes of result\.npz"):
            await client.collect("a")


async def test_files_come_whole_after_a_broken_first_try():
    tries = []

    async def at_second_try(data, context):
        tries.append(data)
        yield encode(Chunk("result.npz", 10, b"12345"))
        if len(tries) == 1:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "away for a moment")
        yield encode(Chunk("result.npz", 10, b"67890"))
        yield encode(Chunk("empty", 0, b""))

    async with answering(Collect=at_second_try) as client:
        assert await client.collect("a") == {"result.npz": b"1234567890", "empty": b""}
    assert len(tries) == 2


async def test_a_peer_that_stays_away_is_told_with_the_time():
    async def away(data, context):
        await context.abort(grpc.StatusCode.UNAVAILABLE, "p3 is stopping")

    async with answering(Status=away) as client:
        with pytest.raises(InputError, match=r"cannot be reached, tried for 0\.\d s \(p3 is stopping\)"):
            await client.status()


async def test_what_a_peer_refuses_is_told_as_it_says_it():
    async def refuse(data, context):
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now")

    async def wrong(data, context):
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "SubmitRequest.run: found ''")

    async with answering(Status=refuse, Submit=wrong) as client:
        with pytest.raises(RunFailed, match="not now"):
            await client.status()
        with pytest.raises(InputError, match=r"SubmitRequest\.run"):
            await client.submit("a", b"{}")


async def test_a_submit_without_an_answer_may_have_been_taken():
    async def lost(data, context):
        await context.abort(grpc.StatusCode.UNAVAILABLE, "p0 is stopping")

    async with answering(Submit=lost) as client:
        with pytest.raises(
            InputError, match=r"cannot be reached.* whether it has taken run r7; --attach follows"
        ):
            await submit(client, "r7", dif_spec(rank=2, iterations=1))


async def test_a_peer_that_stays_away_leaves_the_run_to_others():
    async def away(data, context):
        await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        yield b""

    async with answering(Watch=away) as client:
        with pytest.raises(
            RunFailed, match=r"tried for 0\.\d s .*; the run goes on, follow it through another peer"
        ):
            await follow(client, "r7", ("p0", "p1"), lambda _: None)


def test_the_methods_streamed_here_are_those_of_the_wire():
    assert WATCH.streams
    assert COLLECT.streams
    assert not STATUS.streams
