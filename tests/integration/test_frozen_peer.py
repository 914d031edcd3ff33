"""A peer that stands still: named within 5 s wherever somebody looks, and no bit is other than without it."""

import asyncio
import re
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from tests.support.network import PROCESSES, difpeer, eventually, frozen, lab, start
from tests.support.problems import KITE, dif_spec, local_data, make_tasks, network_of

pytestmark = PROCESSES

NETWORK = network_of(KITE)
DATA = local_data(make_tasks(NETWORK.names, (2, 3, 1, 2, 2), (9, 14), seed=8, noise=0.01))
SPEC = dif_spec(rank=2, iterations=300, seed=4)
NAMED_S = 5.0
"""What is promised."""


@asynccontextmanager
async def running(network, via):
    """A run that has begun to learn, with the command that follows it."""
    command = await start(
        "run", network.spec_file(SPEC), *network.via(via), "--out", network.folder / "runs", "--json"
    )
    await eventually(lambda: learns(network, via), "the peers learn")
    try:
        yield command
    finally:
        if command.process.returncode is None:
            command.process.kill()
        await command.ended()


async def learns(network, name):
    runs = await runs_of(network, name)
    return runs and runs[-1].iteration > 0


async def runs_of(network, name):
    async with network.client(name) as client:
        return (await client.status()).runs


async def named_by(network, waiting, cause, began):
    """Wait until a peer's status names the cause."""

    async def names():
        return cause in (await runs_of(network, waiting))[-1].waiting_for

    await eventually(names, f"{waiting} names {cause}")
    assert monotonic() - began < NAMED_S


def waits_told(text, cause):
    """The seconds told of each wait for a peer, in a log or on a terminal."""
    told = re.findall(rf"(?:waiting|waits) (\d+(?:\.\d+)?) s for (?:p\d, )*{cause}\b", text)
    return [float(seconds) for seconds in told]


async def test_a_frozen_peer_is_named_within_five_seconds_and_changes_no_bit(tmp_path):
    async with lab(NETWORK, DATA, tmp_path) as network, running(network, "p0") as command:
        async with frozen(network, "p1", 1):
            pass
        async with frozen(network, "p3", 10) as began:
            await asyncio.gather(*(named_by(network, name, "p3", began) for name in ("p1", "p4")))
            status = await difpeer("status", *network.via("p0"))
            assert "in the end all wait for p3\n" in status.out, status.out
            assert re.search(r"p1 .* running .* p3 \d+\.\d s", status.out), status.out
            await command.says("p1 waits")
        for name in ("p1", "p4"):
            told = waits_told(network.log(name), "p3")
            assert told, network.log(name)
            assert told[0] <= NAMED_S
            # At two, four, eight seconds: not once a second.
            assert len(told) <= 4
        assert waits_told(command.err, "p3")[0] <= NAMED_S, command.err
        assert (await command.ended()).document["result_digest"] == network.digests(SPEC)


async def test_a_run_is_followed_through_a_peer_that_stands_still_for_a_while(tmp_path):
    async with lab(NETWORK, DATA, tmp_path) as network, running(network, "p2") as command:
        async with frozen(network, "p2", 0) as began:
            await command.says(f"no answer from {network.address('p2')} for")
            assert monotonic() - began < NAMED_S
        assert (await command.ended()).document["result_digest"] == network.digests(SPEC)


@pytest.mark.long
@pytest.mark.parametrize("name", ["p0", "p1", "p3", "p4"])
async def test_a_minute_of_standing_still_changes_no_bit(tmp_path, name):
    """The dialler of all its edges, the hub, the one between, the acceptor; p0 is also the one asked."""
    neighbour = NETWORK.neighbours(name)[0]
    async with lab(NETWORK, DATA, tmp_path) as network, running(network, "p0") as command:
        async with frozen(network, name, 60) as began:
            await named_by(network, neighbour, name, began)
            await eventually(
                lambda: f"link to {name} is down" in network.log(neighbour), "the link is given up"
            )
        assert waits_told(network.log(neighbour), name)[0] <= NAMED_S
        assert (await command.ended()).document["result_digest"] == network.digests(SPEC)
