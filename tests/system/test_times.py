"""True times of real networks: clocks of namespaces, a delayed direction, a slow processor, a slow link."""

import asyncio
import sqlite3
from contextlib import closing

import pytest

from peer.report.reading import read_recorded
from peer.report.series import read_series
from peer.report.whose_time import what_bounds_it, which_way_is_slow
from tests.support.apart import LARGE, RING, TOOLS, ClockedLab, large_network, learn, limited_run, require
from tests.support.network import lab
from tests.support.problems import dif_spec, local_data, make_tasks, network_of
from tests.support.slow_cpu import slow_processor

pytestmark = pytest.mark.system

AHEAD_S = {"p1": 5, "p2": -5}
DELAY_S = {("p0", "p1"): 0.020}


def times(folder):
    return read_series(read_recorded(folder)).anatomy


@pytest.fixture(scope="module")
def clocked(tmp_path_factory):
    require(TOOLS)
    tmp_path = tmp_path_factory.mktemp("clocked")
    network = network_of(RING)
    data = local_data(make_tasks(network.names, (3,) * 4, 12, dim=60, rank=3, seed=2))
    spec = dif_spec(
        rank=3, iterations=60, agreement={"rounds": 5}, init={"power_iterations": 2, "agreement_rounds": 5}
    )

    async def run():
        async with ClockedLab(network, data, tmp_path / "lab", ahead_s=AHEAD_S, delay_s=DELAY_S) as local:
            return await learn(local, spec, tmp_path / "run")

    return asyncio.run(run())


def apparent_ms(folder, sender, receiver):
    """The least that messages seem to take, by SQL."""
    query = """
    SELECT min(there.at_ns - here.at_ns) / 1e6 FROM messages AS here JOIN messages AS there
    ON there.peer = here.neighbour AND there.neighbour = here.peer AND there.seq = here.seq
    WHERE here.peer = ? AND there.peer = ? AND here.direction = 'sent' AND there.direction = 'received'
    """
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as books:
        books.execute("CREATE TEMP TABLE indexed AS SELECT * FROM messages WHERE kind = 'value'")
        books.execute("CREATE INDEX temp.ends ON indexed (peer, neighbour, direction, seq)")
        (least,) = books.execute(query.replace("messages", "indexed"), (sender, receiver)).fetchone()
    return least


def test_offsets_are_right_within_half_a_round_trip(clocked):
    told = times(clocked)
    assert not told.shared_clock
    true = {name: AHEAD_S.get(name, 0) for name in told.names}
    (reference,) = (clock.peer for clock in told.clocks if clock.uncertainty_ms == 0)
    for clock in told.clocks:
        error_ms = 1e3 * abs(clock.offset_s - (true[clock.peer] - true[reference]))
        assert error_ms <= clock.uncertainty_ms + 1e-3, clock
    for delay in told.delays:
        ways = ((delay.sender, delay.receiver), (delay.receiver, delay.sender))
        round_trip_ms = sum(apparent_ms(clocked, *way) for way in ways)
        assert delay.uncertainty_ms <= round_trip_ms / 2 + 1e-3
        slow = DELAY_S.get(ways[0], 0.0) * 1e3
        assert delay.least_ms + delay.uncertainty_ms >= slow - 1e-3


def test_the_cycle_that_does_not_close_names_the_slow_direction(clocked):
    told = times(clocked)
    assert (told.slower[0].sender, told.slower[0].receiver) == ("p0", "p1")
    assert told.slower[0].by_ms > 10
    assert which_way_is_slow(told).startswith(
        "The way from p0 to p1 is slower than the way back by at least 1"
    )


def test_the_slow_link_gates_its_rounds_and_heads_the_critical_path(clocked):
    told = times(clocked)
    (gate,) = (gate for gate in told.gates if (gate.neighbour, gate.peer) == ("p0", "p1"))
    assert gate.rounds >= 0.95 * gate.of_rounds
    assert told.path.edges[0][:2] == ("p0", "p1")
    assert told.bound.kind == "network"
    assert "the link from p0 to p1" in what_bounds_it(told)


async def test_a_peer_with_a_fifth_of_a_processor_is_a_straggler(tmp_path):
    require(TOOLS)
    network, data = large_network()
    async with lab(network, data, tmp_path / "lab") as local:
        pids = {name: process.pid for name, process in local.processes.items()}
        with slow_processor(pids, "p2", 0.2) as how:
            told = times(await learn(local, LARGE, tmp_path / "run"))
    assert what_bounds_it(told).startswith("The run is straggler-bound, by p2: "), (how, what_bounds_it(told))


def test_a_link_of_five_megabit_bounds_the_run(tmp_path):
    limited_run(tmp_path, ("p1", "p2"), "5mbit")
    told = times(tmp_path / "run")
    text = what_bounds_it(told)
    assert text.startswith("The run is network-bound: "), text
    assert told.bound.edge is not None
    assert {told.names[place] for place in told.bound.edge} == {"p1", "p2"}
