"""What ``difpeer demo`` does beside its network."""

import asyncio

import pytest

from peer.cli import demo
from tests.support.problems import KITE, dif_spec, local_data, make_tasks, network_of


def test_ctrl_c_ends_the_comparison():
    network = network_of(KITE)
    data = local_data(make_tasks(network.names, (2, 2, 2, 2, 2), 10, seed=1))
    endless = dif_spec(rank=2, iterations=10**9)

    async def interrupted() -> None:
        simulation = asyncio.create_task(demo._simulated(endless, network, data))
        await asyncio.sleep(0)  # it has begun
        simulation.cancel()
        with pytest.raises(asyncio.CancelledError):
            await simulation

    asyncio.run(interrupted())  # returns when the thread has ended


def test_the_comparison_is_with_the_exact_simulator():
    network = network_of(KITE)
    tasks = make_tasks(network.names, (2, 2, 2, 2, 2), 10, seed=1)
    bases = asyncio.run(demo._simulated(dif_spec(rank=2, iterations=3), network, local_data(tasks)))
    assert set(bases) == set(network.names)
    assert {U.shape for U in bases.values()} == {(12, 2)}
