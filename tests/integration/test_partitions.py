"""Edges that are cut and heal, without either end being told: the run goes on within 5 s of the healing."""

import asyncio
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from peer.config import canonical_spec
from peer.measure.summary import result_digest
from peer.protocol.records import RunState
from peer.runtime.collecting import collect
from peer.runtime.following import follow
from tests.support import firewall
from tests.support.network import PROCESSES, eventually
from tests.support.problems import KITE, dif_spec, local_data, make_tasks, network_of
from tests.support.relays import relayed

pytestmark = PROCESSES

NETWORK = network_of(KITE)
DATA = local_data(make_tasks(NETWORK.names, (2, 3, 1, 2, 2), (9, 14), seed=8, noise=0.01))
SPEC = dif_spec(rank=2, iterations=500, seed=4)
GOES_ON_S = 5.0
"""What is promised, whatever was cut and for how long."""


def both(first, second):
    return ((first, second), (second, first))


@asynccontextmanager
async def cuttable(folder):
    """A network whose peers learn, behind relays, and a client of the peer in the middle."""
    async with (
        relayed(NETWORK, DATA, folder) as network,
        network.client("p3") as client,
    ):
        await client.submit("a", canonical_spec(SPEC))

        async def learns():
            runs = (await client.status("p4")).runs
            return runs and runs[-1].iteration > 2

        await eventually(learns, "all peers learn")
        yield network, client


async def run_at(network, name):
    async with network.client(name) as client:
        return (await client.status()).runs[-1]


async def goes_on(network, *names):
    """Wait until each of the peers leaves the round it is in."""
    healed = monotonic()
    before = {name: await run_at(network, name) for name in names}
    for name in names:

        async def moved(name=name):
            return (await run_at(network, name)).round > before[name].round

        await eventually(moved, f"{name} goes on")
    took = monotonic() - healed
    assert took < GOES_ON_S, network.log(names[0])
    return took


async def cut_for(network, seconds, *directions):
    """Cut a running run in two, and see it go on."""
    ends = sorted({name for direction in directions for name in direction})
    assert (await run_at(network, ends[0])).state is RunState.RUNNING, "the run was over before the cut"
    network.cut(*directions)
    await asyncio.sleep(seconds)
    stands = {name: (await run_at(network, name)).waiting_s for name in ends}
    assert max(stands.values()) > seconds / 2, f"the cut has held up nobody: {stands}"
    network.heal(*directions)
    return await goes_on(network, *ends)


async def flap(network, seconds, *directions):
    """An edge that goes away and comes back each second."""
    ends = sorted({name for direction in directions for name in direction})
    for _ in range(seconds // 2):
        network.cut(*directions)
        await asyncio.sleep(1)
        network.heal(*directions)
        await asyncio.sleep(1)
    assert (await run_at(network, ends[0])).state is not RunState.TOMB


async def same_bits(network, client):
    await follow(client, "a", NETWORK.names, lambda _: None)
    collected = await collect(client, "a", NETWORK.names)
    digests = {name: result_digest(arrays["U"]) for name, arrays in collected.results.items()}
    assert digests == network.digests(SPEC)


async def test_after_a_cut_the_run_goes_on_within_five_seconds(tmp_path):
    async with cuttable(tmp_path) as (network, client):
        await cut_for(network, 10, *both("p1", "p3"))
        assert "link to p3 is down" in network.log("p1")
        await cut_for(network, 3, ("p3", "p4"))
        await flap(network, 2, *both("p0", "p1"))
        await same_bits(network, client)


@pytest.mark.long
@pytest.mark.parametrize(
    "ways", [both("p3", "p4"), (("p3", "p4"),), (("p4", "p3"),)], ids=["both", "to", "from"]
)
async def test_cuts_of_all_lengths(tmp_path, ways):
    async with cuttable(tmp_path) as (network, client):
        for seconds in (3, 4.9, 5.2, 7, 10, 14, 25):
            took = await cut_for(network, seconds, *ways)
            print(f"{ways}: {seconds} s, goes on after {took:.2f} s")
        await flap(network, 10, *ways)
        await same_bits(network, client)


@pytest.mark.long
async def test_a_network_in_two_halves_goes_on(tmp_path):
    """Every edge of the hub at once: each peer is alone or with one other."""
    ways = tuple(way for other in ("p0", "p2", "p3") for way in both("p1", other))
    async with cuttable(tmp_path) as (network, client):
        for seconds in (10, 25):
            took = await cut_for(network, seconds, *ways)
            print(f"two halves: {seconds} s, goes on after {took:.2f} s")
        await same_bits(network, client)


@pytest.mark.long
@pytest.mark.parametrize("seconds", [3, 5.2, 6.5, 10, 25])
def test_after_a_cut_by_dropped_packets_the_run_goes_on_within_five_seconds(seconds):
    """Nothing is acknowledged: that, and not a relay, is where TCP's own time limits count."""
    firewall.needed()
    print(firewall.inside("tests.support.dropped", str(seconds)))
