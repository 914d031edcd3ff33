"""A client and servers that do not answer as peers do."""

import io
import itertools
import json
from contextlib import asynccontextmanager
from dataclasses import asdict

import grpc
import numpy as np
import pytest

from peer.config import RunFailed
from peer.program import Facts
from peer.protocol.records import RunState
from peer.runtime.access import Loopback, Place, Secured
from peer.runtime.client import Client, NoAnswer, PeerAway, UnknownRun
from peer.runtime.collecting import collect
from peer.runtime.credentials import Credentials
from peer.runtime.following import follow, submit
from peer.runtime.results import LEDGER, PEER, RESULT
from peer.wire.control import COLLECT, CONTROL_SERVICE, STATUS, WATCH, decode, encode
from peer.wire.requests import Chunk, CollectRequest, RunStatus, WatchReply, WatchRequest
from tests.support.network import free_address
from tests.support.problems import dif_spec
from tests.unit.identity.rings import keyed
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
        async with Client(f"127.0.0.1:{port}", Loopback(), patience_s=0.3) as client:
            yield client
    finally:
        await server.stop(0)


@pytest.fixture
def owned_files():
    """What a peer hands out."""
    result = io.BytesIO()
    np.savez(result, U=np.eye(3, 2))
    document = {
        "spec": dif_spec(rank=2, iterations=1).model_dump(mode="json"),
        "facts": asdict(Facts(2, 4, 40, 10.0, True, 3)),
        "versions": {"difpeer": "1"},
        "profile": {"blas": "b"},
    }
    return {RESULT: result.getvalue(), LEDGER: b"", PEER: json.dumps(document).encode()}


async def test_an_address_beyond_this_machine_is_refused_before_anything_is_sent():
    with pytest.raises(InputError, match=r"--via: .*loopback"):
        Client("10.0.0.5:7100", Loopback())


async def test_who_waits_for_a_peer_that_is_away_is_told_once(monkeypatch):
    monkeypatch.setattr("peer.runtime.client.TOLD_AFTER_S", 0.2)
    told = []
    address = free_address()
    async with Client(address, Loopback(), patience_s=1.0, waiting=told.append) as client:
        with pytest.raises(NoAnswer):
            await client.status()
    assert told == [f"{address} cannot be reached (Connection refused); it is tried for 1 s"]


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


async def test_a_peer_that_has_let_a_closed_run_go_is_not_waited_for():
    async def watch(data, context):
        if decode(WatchRequest, data).peer == "p0":
            await context.abort(grpc.StatusCode.NOT_FOUND, "p0 knows no run r7")
        yield encode(WatchReply(RunStatus("r7", RunState.CLOSED, None, "dif-altgdmin", 5, 5, 30, "descent")))

    async with answering(Watch=watch) as client:
        await follow(client, "r7", ("p0", "p1"), lambda _: None)
        with pytest.raises(UnknownRun, match="p0 knows no run r7"):
            async for _ in client.watch("r7", "p0"):
                pass


async def test_a_run_that_nobody_knows_ends_the_following(monkeypatch):
    async def watch(data, context):
        await context.abort(grpc.StatusCode.NOT_FOUND, f"{decode(WatchRequest, data).peer} knows no run r7")
        yield b""

    monkeypatch.setattr("peer.runtime.following.PATIENCE_S", 0.3)
    async with answering(Watch=watch) as client:
        with pytest.raises(RunFailed, match=r"p. knows no run r7"):
            await follow(client, "r7", ("p0", "p1"), lambda _: None)


async def test_what_one_peer_has_no_more_does_not_keep_the_others_parts(owned_files):
    async def collecting(data, context):
        peer = decode(CollectRequest, data).peer
        if peer == "p0":
            await context.abort(grpc.StatusCode.NOT_FOUND, "p0 knows no run r7")
        if peer == "p2":
            await context.abort(
                grpc.StatusCode.FAILED_PRECONDITION, "the result of run r7 at p2 cannot be read"
            )
        for name, content in owned_files.items():
            yield encode(Chunk(name, len(content), content))

    async with answering(Collect=collecting) as client:
        found = await collect(client, "r7", ("p0", "p1", "p2", "p3"))
        assert list(found.results) == list(found.ledgers) == ["p1", "p3"]
        assert found.missing == {
            "p0": "p0 knows no run r7",
            "p2": "the result of run r7 at p2 cannot be read",
        }
        with pytest.raises(RunFailed, match="no peer has a result of run r7: p0 knows no run r7"):
            await collect(client, "r7", ("p0",))


async def test_who_is_away_and_who_says_so():
    async def away(data, context):
        await context.abort(grpc.StatusCode.UNAVAILABLE, "p3 (127.0.0.1:7103) cannot be reached from p1")

    async with answering(Status=away) as client:
        with pytest.raises(PeerAway, match=r"from p1; tried for 0\.\d s") as raised:
            await client.status("p4")
        assert (raised.value.away, raised.value.seen_from) == ("p3", "p1")
        async with Client(client.address, Loopback(), patience_s=0) as hasty:
            with pytest.raises(PeerAway, match=r"from p1$"):
                await hasty.status("p4")


def test_the_methods_streamed_here_are_those_of_the_wire():
    assert WATCH.streams
    assert COLLECT.streams
    assert not STATUS.streams


async def test_why_somebody_is_not_taken_says_more_than_that_another_address_refuses(tmp_path, monkeypatch):
    """p1 is at one of the addresses that a name stands for, p0 is asked for; at the other address nobody is."""
    file, _ = keyed(tmp_path)
    wrong = "ipv4:127.0.0.1:1: Tls handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: self signed certificate"
    said = itertools.chain([wrong], itertools.repeat("ipv6:[::1]:1: connect: Connection refused (111)"))

    async def away(data, context):
        await context.abort(grpc.StatusCode.UNAVAILABLE, next(said))

    async with answering(Status=away) as client:
        monkeypatch.setattr(client, "access", Secured(Credentials(file)))
        monkeypatch.setattr(client, "_place", Place("p0", client.address))
        with pytest.raises(NoAnswer) as caught:
            await client.status()
    assert "none that is here for a pinned key" in caught.value.problem
    assert "`difpeer keys show` says of p0" in caught.value.mend


async def test_a_name_that_stands_for_nothing_has_one_mend():
    async def away(data, context):
        text = "errors resolving nowhere.invalid:1: [field:hostname lookup error]"
        await context.abort(grpc.StatusCode.UNAVAILABLE, text)

    async with answering(Status=away) as client:
        with pytest.raises(NoAnswer) as caught:
            await client.status()
    assert "correct the address in the network file" in caught.value.problem
    assert not caught.value.mend
