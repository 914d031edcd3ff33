"""Whoever does not keep to the protocol, or does not belong here: closed, told nothing, named in our log."""

import asyncio
import struct

import grpc
import pytest

from peer.config import canonical_spec
from peer.protocol.events import RoundRequested
from peer.protocol.messages import (
    PROTOCOL_VERSION,
    Attach,
    Fact,
    Hello,
    Offer,
    OldIncarnation,
    TombKind,
    Value,
)
from peer.protocol.payload import Tensor, payload_digest
from peer.protocol.records import RunState
from peer.runtime import links
from peer.runtime.settings import data_channel
from peer.wire.control import STATUS, SUBMIT
from peer.wire.envelope import STREAM_PATH, encode_message
from tests.support.problems import dif_spec, local_data, make_tasks, network_of
from tests.unit.runtime.nodes import calling, lab, until

PAIR = network_of([("p0", "p1")])
DATA = local_data(make_tasks(PAIR.names, (2, 2), 8))
SPEC = dif_spec(rank=2, iterations=4, init={"power_iterations": 1, "agreement_rounds": 1})


def hello(name="p0", incarnation=5, attempt=1, version=PROTOCOL_VERSION):
    return Hello(version, name, incarnation, attempt, "test")


def number_of(x, dtype="<f8"):
    """One number, as the threshold's rounds send it."""
    return Tensor(dtype, (1,), struct.pack(f"<{'d' if dtype == '<f8' else 'f'}", x))


def value(run, payload=None, seq=0, number=0, label="init.threshold"):
    payload = (number_of(1.0),) if payload is None else payload
    return Value(run, seq, number, label, payload, payload_digest(number, label, payload), 0)


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (hello("p7"), "'p7' is not a neighbour of p1"),
        (b"\xff\xff\xff", "not protobuf"),
        (b"", "no known message"),
        (encode_message(hello())[:-4] + b"\x00" * 4, ""),
        (value("a"), "first message is Value, not Hello"),
    ],
)
async def test_a_stranger_is_closed_and_learns_nothing(tmp_path, caplog, first, reason):
    async with lab(PAIR, DATA, tmp_path, absent=("p0",)) as peers:
        async with calling(peers.network.peers["p1"].address) as caller:
            await caller.say(first)
            assert await caller.hear_all() == []
            # A plain end: no status, no text.
            assert await caller.call.code() is grpc.StatusCode.OK
            assert not await caller.call.details()
        assert reason in caplog.text
        assert not peers.peers["p1"].node.links.states["p0"].up
        assert not peers.peers["p1"].node.ended.done()


async def test_another_version_is_closed_and_named_with_the_mend(tmp_path, caplog):
    data = bytearray(encode_message(hello()))
    at = data.index(b"\x08\x01")  # field 1, the version
    data[at + 1] = 9
    async with (
        lab(PAIR, DATA, tmp_path, absent=("p0",)) as peers,
        calling(peers.network.peers["p1"].address) as caller,
    ):
        await caller.say(bytes(data))
        assert await caller.hear_all() == []
    assert "version" in caplog.text
    assert "install the same difpeer version" in caplog.text


async def test_who_says_nothing_is_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(links, "SILENCE_S", 0.1)
    async with (
        lab(PAIR, DATA, tmp_path, absent=("p0",)) as peers,
        calling(peers.network.peers["p1"].address) as silent,
        asyncio.timeout(10),
    ):
        await silent.call.wait_for_connection()
        assert await silent.hear_all() == []


async def test_an_introduced_neighbour_may_be_silent(tmp_path, monkeypatch):
    monkeypatch.setattr(links, "SILENCE_S", 0.05)
    async with lab(PAIR, DATA, tmp_path, absent=("p0",)) as peers:
        node = peers.peers["p1"].node
        async with calling(peers.network.peers["p1"].address, hello()) as caller:
            assert isinstance(await caller.hear(), Hello)
            await asyncio.sleep(0.2)
            assert node.links.states["p0"].up


async def test_a_noisy_stranger_has_one_line_per_second(tmp_path, caplog):
    async with lab(PAIR, DATA, tmp_path, absent=("p0",)) as peers:
        address = peers.network.peers["p1"].address
        async with grpc.aio.insecure_channel(address, options=data_channel()) as channel:
            for _ in range(50):
                call = channel.stream_stream(STREAM_PATH)()
                await call.write(b"\xff")
                assert await call.read() is grpc.aio.EOF
    assert 1 <= caplog.text.count("not protobuf") <= 3


async def test_an_oversized_message_ends_the_stream_and_not_the_peer(tmp_path, monkeypatch):
    # The limit itself is 64 MiB; gRPC checks a smaller one the same way.
    monkeypatch.setattr("peer.runtime.settings.MAX_MESSAGE_BYTES", 100_000)
    async with lab(PAIR, DATA, tmp_path, absent=("p0",)) as peers:
        node = peers.peers["p1"].node
        async with calling(peers.network.peers["p1"].address, hello()) as caller:
            assert isinstance(await caller.hear(), Hello)
            big = Tensor("<f8", (20_000,), bytes(160_000))
            await caller.say(encode_message(value("a", (big,))))
            assert await caller.hear_all() == []
        await until(lambda: not node.links.states["p0"].up)
        async with peers.client("p1") as client:
            assert not (await client.status()).runs


async def test_a_foreign_runs_value_closes_the_stream(tmp_path, caplog):
    async with lab(PAIR, DATA, tmp_path, absent=("p0",)) as peers:
        async with calling(peers.network.peers["p1"].address, hello()) as caller:
            assert isinstance(await caller.hear(), Hello)
            await caller.say(value("unheard-of"))
            assert await caller.hear_all() == []
        assert "unheard-of" in caplog.text
        assert not peers.peers["p1"].node.machine.records


async def test_an_old_incarnation_is_told_so(tmp_path):
    async with lab(PAIR, DATA, tmp_path, absent=("p0",)) as peers:
        address = peers.network.peers["p1"].address
        async with calling(address, hello(incarnation=5)) as first:
            assert isinstance(await first.hear(), Hello)
            async with calling(address, hello(incarnation=4, attempt=9)) as second:
                assert await second.hear_all() == [OldIncarnation(5)]
            # The newer one stays.
            assert peers.peers["p1"].node.links.states["p0"].up


async def test_a_newer_connection_takes_the_place_of_the_older(tmp_path):
    async with lab(PAIR, DATA, tmp_path, absent=("p0",)) as peers:
        address = peers.network.peers["p1"].address
        async with calling(address, hello(attempt=1)) as first, calling(address) as second:
            assert isinstance(await first.hear(), Hello)
            await second.say(hello(attempt=2))
            assert isinstance(await second.hear(), Hello)
            assert await first.hear_all() == []
            assert peers.peers["p1"].node.links.states["p0"].up


async def attached_run(peers, caller):
    """Bring p1 into a run with a neighbour that is the test; returns p1's first value."""
    node = peers.peers["p1"].node
    await caller.say(hello())
    assert isinstance(await caller.hear(), Hello)
    await caller.say(Offer("a", canonical_spec(SPEC)))
    own = node.fact.to_bytes()
    await caller.say(Fact("a", "p0", own))
    attach = await caller.hear_until(lambda message: isinstance(message, Attach))
    assert isinstance(attach, Attach)
    await caller.say(Attach("a", attach.config_digest, 0, 0))
    first = await caller.hear_until(lambda message: isinstance(message, Value))
    assert isinstance(first, Value)
    return first


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ((Tensor("<f8", (2,), bytes(16)),), "of shape (2,)"),
        ((number_of(1.0, "<f4"),), "<f4"),
        ((number_of(float("nan")),), "not finite"),
        ((number_of(float("inf")),), "not finite"),
        ((number_of(1.0), number_of(2.0)), "2 arrays"),
    ],
)
async def test_a_bad_payload_fails_the_run_by_its_senders_name(tmp_path, payload, problem):
    async with lab(PAIR, DATA, tmp_path, absent=("p0",)) as peers:
        node = peers.peers["p1"].node
        async with calling(peers.network.peers["p1"].address) as caller:
            first = await attached_run(peers, caller)
            assert len(first.payload) == 1
            await caller.say(value("a", payload))
            await until(lambda: node.machine.records["a"].state is RunState.TOMB)
        reason = node.machine.records["a"].reason
        assert reason.kind is TombKind.FAILED
        assert reason.text.startswith("p0 sent ")
        assert problem in reason.text
        assert not node.ended.done()


async def test_two_values_for_one_place_fail_the_run_with_both_digests(tmp_path):
    async with lab(PAIR, DATA, tmp_path, absent=("p0",)) as peers:
        node = peers.peers["p1"].node
        async with calling(peers.network.peers["p1"].address) as caller:
            first = await attached_run(peers, caller)
            await caller.say(value("a", first.payload))
            other = (number_of(2.5),)
            await caller.say(value("a", other))
            await until(lambda: node.machine.records["a"].state is RunState.TOMB)
        text = node.machine.records["a"].reason.text
        assert payload_digest(0, first.label, first.payload).hex()[:16] in text
        assert payload_digest(0, first.label, other).hex()[:16] in text


async def test_an_own_value_that_cannot_travel_fails_the_run_not_the_peer(tmp_path):
    """An author's program that yields more arrays than an envelope may bear."""
    async with lab(PAIR, DATA, tmp_path, absent=("p0",)) as peers:
        node = peers.peers["p1"].node
        async with calling(peers.network.peers["p1"].address) as caller:
            await attached_run(peers, caller)
            await caller.say(value("a"))
            await until(
                lambda: node.machine.waiting("a") is not None and node.machine.waiting("a").round == 1
            )
            many = (Tensor("<f8", (), bytes(8)),) * 17
            engine = node.machine.engines["a"]
            engine.pending = None
            node.feed(RoundRequested("a", "own", {"p0": many}, frozenset({"p0"})))
        reason = node.machine.records["a"].reason
        assert (reason.kind, reason.peer) == (TombKind.FAILED, "p1")
        assert "17 arrays" in reason.text


async def test_malformed_requests_get_a_status_of_ours(tmp_path):
    async with lab(PAIR, DATA, tmp_path, absent=("p0",)) as peers:
        address = peers.network.peers["p1"].address
        async with grpc.aio.insecure_channel(address) as channel:
            for path in (STATUS.path, SUBMIT.path):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await channel.unary_unary(path)(b"\xff\xff")
                assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
                assert "not protobuf" in caught.value.details()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary("/difpeer.v1.Control/Shutdown")(b"")
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_an_error_of_the_peer_is_told_without_its_text(tmp_path, monkeypatch, caplog):
    async with lab(PAIR, DATA, tmp_path, absent=("p0",)) as peers:

        def fail(links):
            raise ValueError("secret/path")

        monkeypatch.setattr("peer.runtime.operations.link_statuses", fail)
        async with grpc.aio.insecure_channel(peers.network.peers["p1"].address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary(STATUS.path)(b"")
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        assert "secret" not in str(caught.value.details())
        assert "secret/path" in caplog.text
