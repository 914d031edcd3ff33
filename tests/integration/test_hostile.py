"""A neighbour that lies, against serving processes: the run ends by its name everywhere, the peers live on."""

import asyncio
import itertools
import json
import re
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from peer.config import canonical_spec
from peer.protocol.facts import PeerFact
from peer.protocol.messages import PROTOCOL_VERSION, Attach, Fact, Hello, Message, Offer, TombKind, Value
from peer.protocol.payload import Payload, Tensor, payload_digest
from peer.protocol.records import RunState
from peer.runtime.settings import MAX_MESSAGE_BYTES, data_channel
from peer.wire.envelope import STREAM_PATH, decode_message, encode_message
from tests.support.network import Lab, difpeer, eventually, lab
from tests.support.problems import dif_spec, local_data, make_tasks
from topology.network import Network

pytestmark = [pytest.mark.network, pytest.mark.asyncio(loop_scope="module")]

SPEC = dif_spec(rank=2, iterations=4, init={"power_iterations": 1, "agreement_rounds": 1})
NETWORK = Network.model_validate(
    {
        "name": "hostile",
        "peers": {"p0": {}, "p1": {}, "p2": {}},
        "edges": [
            {"first": "p0", "second": "p1", "dial": None},
            {"first": "p0", "second": "p2", "dial": "p2"},
        ],
    }
)
"""p1 - p0 - p2, and p2 is played here."""

TASKS = make_tasks(NETWORK.names, (2, 2, 2), 8, dim=6)
attempts = itertools.count(1)
runs = (f"hostile-{number}" for number in itertools.count())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    async with lab(NETWORK, local_data(TASKS), folder, absent=("p2",), secure=False) as running:
        pids = {name: process.pid for name, process in running.processes.items()}
        yield running
        # Whatever was sent, nobody died of it.
        for name, pid in pids.items():
            assert running.processes[name].pid == pid
            assert running.processes[name].returncode is None
            assert "Traceback" not in running.log(name)


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def no_run_stays(network):
    yield
    async with network.client("p0") as client:
        for own in (await client.status()).runs:
            await client.cancel(own.run, "the test is over")


class Liar:
    """The other end of a stream to p0."""

    def __init__(self, call: grpc.aio.StreamStreamCall) -> None:
        self.call = call

    async def say(self, what: Message | bytes) -> None:
        await self.call.write(what if isinstance(what, bytes) else encode_message(what))

    async def hear(self, kind: type[Message] | None = None) -> Message | None:
        """The next message of a kind; None where the stream ends before."""
        async with asyncio.timeout(60):
            while (data := await self.call.read()) is not grpc.aio.EOF:
                message = decode_message(data)
                if kind is None or isinstance(message, kind):
                    return message
        return None

    async def is_sent_away(self) -> None:
        """The stream ends, and its status tells nothing of the other side's reasons."""
        assert await self.hear() is None
        assert await self.call.code() is grpc.StatusCode.OK
        assert not await self.call.details()


@asynccontextmanager
async def stream(network: Lab) -> AsyncIterator[Liar]:
    async with grpc.aio.insecure_channel(network.address("p0"), options=data_channel()) as channel:
        yield Liar(channel.stream_stream(STREAM_PATH)())


def hello(name: str = "p2", version: int = PROTOCOL_VERSION) -> Hello:
    return Hello(version, name, 1, next(attempts), "liar")


@asynccontextmanager
async def neighbour(network: Lab) -> AsyncIterator[Liar]:
    """A stream on which p2 has said Hello, and so has p0."""
    async with stream(network) as liar:
        await liar.say(hello())
        answer = await liar.hear()
        assert isinstance(answer, Hello)
        assert answer.name == "p0"
        yield liar


async def first_value(network: Lab, liar: Liar) -> Value:
    """Submit a run, take part in it up to the first value of p0, which is returned."""
    run = next(runs)
    async with network.client("p1") as client:
        assert (await client.submit(run, canonical_spec(SPEC))).reason is None
    offer = await liar.hear(Offer)
    assert offer == Offer(run, canonical_spec(SPEC))
    fact = PeerFact(dim=6, num_tasks=2, num_samples=16, min_samples=8, max_samples=8)
    await liar.say(Fact(run, "p2", fact.to_bytes()))
    attach = await liar.hear(Attach)
    assert isinstance(attach, Attach)
    await liar.say(Attach(run, attach.config_digest, 0, 0))
    value = await liar.hear(Value)
    assert isinstance(value, Value)
    assert (value.run, value.round, len(value.payload)) == (run, 0, 1)
    return value


def instead(value: Value, *tensors: Tensor) -> Value:
    """Another value for the same place."""
    digest = payload_digest(value.round, value.label, tensors)
    return Value(value.run, value.seq, value.round, value.label, tensors, digest, 0)


async def fails_everywhere(network: Lab, run: str, *parts: str) -> None:
    for name in ("p0", "p1"):
        reason = await reason_at(network, name, run)
        assert (reason.kind, reason.peer) == (TombKind.FAILED, "p0")
        for part in parts:
            assert part in reason.text
        assert reason.text in network.log(name)


async def reason_at(network: Lab, name: str, run: str):
    async def told():
        async with network.client(name) as client:
            status = await client.status()
        return next(own.reason for own in status.runs if own.run == run)

    return await eventually(told, f"{run} is over at {name}")


async def still_waits(network: Lab, run: str, why: str) -> None:
    """One stream's end is not the run's: p0 waits for p2 and says what happened."""
    async with network.client("p0") as client:

        async def link_is_down():
            status = await client.status()
            link = next(link for link in status.links if link.neighbour == "p2")
            return (status, link) if not link.up else None

        status, link = await eventually(link_is_down, "the link to p2 is down")
    own = next(own for own in status.runs if own.run == run)
    assert (own.state, own.waiting_kind) == (RunState.RUNNING, "round")
    assert "p2" in own.waiting_for
    assert why in link.detail
    assert f"link to p2 is down: {link.detail}" in network.log("p0")


def number(x: float, dtype: str = "<f8") -> Tensor:
    """One number, as the rounds of the threshold carry."""
    return Tensor(dtype, (1,), struct.pack("<d" if dtype == "<f8" else "<f", x))


BAD: dict[str, tuple[Payload, str]] = {
    "shape": (
        (Tensor("<f8", (1, 1), bytes(8)),),
        "<f8 of shape (1, 1) in init.threshold, expected <f8 of shape (1,)",
    ),
    "size": ((Tensor("<f8", (2,), bytes(16)),), "<f8 of shape (2,) in init.threshold"),
    "dtype": ((number(1.0, "<f4"),), "<f4 of shape (1,) in init.threshold"),
    "NaN": ((number(float("nan")),), "a value that is not finite (NaN or Inf) in init.threshold"),
    "Inf": ((number(float("inf")),), "a value that is not finite (NaN or Inf) in init.threshold"),
    "-Inf": ((number(float("-inf")),), "a value that is not finite (NaN or Inf) in init.threshold"),
    "two arrays": ((number(1.0), number(1.0)), "2 arrays in init.threshold, expected 1 arrays"),
}


@pytest.mark.parametrize(("payload", "problem"), BAD.values(), ids=BAD)
async def test_a_bad_value_ends_the_run_by_its_senders_name(network, payload, problem):
    async with neighbour(network) as liar:
        value = await first_value(network, liar)
        await liar.say(instead(value, *payload))
        await fails_everywhere(network, value.run, f"p2 sent {problem}")


async def test_a_second_value_for_the_same_place_ends_the_run_with_both_digests(network):
    async with neighbour(network) as liar:
        value = await first_value(network, liar)
        lies = [instead(value, number(x)) for x in (1.0, 2.0)]
        for lie in lies:
            await liar.say(lie)
        digests = [lie.digest.hex()[:16] for lie in lies]
        await fails_everywhere(network, value.run, "p2 sent two different messages 0", *digests)


async def test_the_same_value_twice_is_lawful(network):
    async with neighbour(network) as liar:
        value = await first_value(network, liar)
        for _ in range(2):
            await liar.say(instead(value, number(1.0)))
        second = await liar.hear(Value)
        assert isinstance(second, Value)
        assert second.round == 1


async def test_a_message_out_of_turn_ends_the_run(network):
    async with neighbour(network) as liar:
        value = await first_value(network, liar)
        await liar.say(Value(value.run, 5, 5, value.label, value.payload, value.digest, 0))
        await fails_everywhere(network, value.run, "p2 sent message 5 of this edge where 0 comes next")


async def test_a_value_of_another_run_costs_the_stream_only(network):
    async with neighbour(network) as liar:
        value = await first_value(network, liar)
        await liar.say(Value("unheard-of", 0, 0, value.label, value.payload, value.digest, 0))
        await liar.is_sent_away()
    await still_waits(network, value.run, "p2 sent Value of run 'unheard-of', which it is not attached to")


def other_bytes(message: Message, old: bytes, new: bytes) -> bytes:
    """A message with bytes that no encoder of ours would write."""
    data = encode_message(message)
    assert data.count(old) == 1
    assert len(old) == len(new)
    return data.replace(old, new)


async def test_an_array_of_the_wrong_length_costs_the_stream_only(network):
    async with neighbour(network) as liar:
        value = await first_value(network, liar)
        # Field 2, the shape: two numbers, in the bytes of one.
        await liar.say(other_bytes(instead(value, number(1.0)), b"\x12\x01\x01", b"\x12\x01\x02"))
        await liar.is_sent_away()
    await still_waits(
        network, value.run, "Value.payload[0].data: found 8 bytes, must be 16 for shape (2,) of <f8"
    )


async def test_bytes_that_are_no_message_cost_the_stream_only(network):
    async with neighbour(network) as liar:
        value = await first_value(network, liar)
        await liar.say(b"\xff" * 40)
        await liar.is_sent_away()
    await still_waits(network, value.run, "Envelope: 40 bytes that are not protobuf")


def most_memory(network: Lab) -> int:
    """The largest resident size of p0 so far, bytes."""
    status = Path(f"/proc/{network.processes['p0'].pid}/status").read_text()
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(line) * 1024


async def test_an_oversized_message_costs_the_stream_and_no_memory(network):
    before = most_memory(network)
    async with neighbour(network) as liar:
        value = await first_value(network, liar)
        zeros = Tensor("<f8", (MAX_MESSAGE_BYTES // 8 + 1000,), bytes(MAX_MESSAGE_BYTES + 8000))
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            await liar.say(instead(value, zeros))
        assert await liar.call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    await still_waits(network, value.run, "")
    assert most_memory(network) - before < MAX_MESSAGE_BYTES


STRANGERS: dict[str, tuple[Callable[[], Message | bytes], str]] = {
    "a name that is not in the network": (
        lambda: hello("p9"),
        "'p9' is not a neighbour of p0 in the network file",
    ),
    "its own name": (
        lambda: hello("p0"),
        "a second process was started as p0; it is refused while this one serves",
    ),
    "an edge dialled from the wrong end": (
        lambda: hello("p1"),
        "p1 dialled, but this edge is dialled by p0; give both the same network file",
    ),
    "another version": (
        lambda: other_bytes(hello(), b"\x08\x01\x12", b"\x08\x07\x12"),
        "found 7, must be 1; install the same difpeer version at both peers",
    ),
    "a value before Hello": (
        lambda: Value("r", 0, 0, "descent", (number(1.0),), payload_digest(0, "descent", (number(1.0),)), 0),
        "a stranger's first message is Value, not Hello",
    ),
    "an empty message": (lambda: b"", "no known message in 0 bytes"),
}


@pytest.mark.parametrize(("what", "reason"), STRANGERS.values(), ids=STRANGERS)
async def test_a_stranger_is_sent_away_without_a_word(network, what, reason):
    async with stream(network) as liar:
        await liar.say(what())
        await liar.is_sent_away()
    await eventually(lambda: reason in network.log("p0"), "the log says why")


async def test_afterwards_an_honest_network_learns(network):
    """The last test here: p2 itself comes, and all that was tried has left no trace in the result."""
    state = network.folder / "state" / "p2"
    state.mkdir()
    # The liar has shown incarnation 1 of p2; its own next one is higher.
    (state / "peer.json").write_text(json.dumps({"format": 1, "peer": "p2", "incarnation": 1}))
    network.absent = ()
    await network.start("p2")
    spec = dif_spec(rank=2, iterations=10)
    done = await difpeer(
        "run", network.spec_file(spec), *network.via("p1"), "--out", network.folder / "runs", "--json"
    )
    assert done.document["result_digest"] == network.digests(spec)
