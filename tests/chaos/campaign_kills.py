"""Kills at random moments; for ``make chaos``, which names this file: a small dose is in test_kills.py."""

import pytest

from tests.chaos.cases import GRAPHS
from tests.chaos.kills import disturbed, kill_again_and_again, kill_at_random, restart_in_turn

pytestmark = [pytest.mark.network, pytest.mark.asyncio(loop_scope="module")]

KILLS = 20


def group(name):
    return pytest.mark.xdist_group(name)


@pytest.mark.parametrize(
    ("arena", "seed"),
    [pytest.param(tuple(GRAPHS)[seed % 3], seed, marks=group(f"kills-{seed}")) for seed in range(10)],
    indirect=["arena"],
)
async def test_kills_at_random_moments(arena, seed):
    async with disturbed(arena, f"kills-{seed}", iterations=600) as run:
        await kill_at_random(run, seed, KILLS)


@pytest.mark.parametrize(
    ("arena", "name"),
    [pytest.param("tree", "p2", marks=group("again"))],
    indirect=["arena"],
)
async def test_one_peer_killed_again_and_again(arena, name):
    async with disturbed(arena, f"again-{name}", iterations=600) as run:
        await kill_again_and_again(run, name, seed=0, kills=KILLS)


@pytest.mark.parametrize(
    "arena", [pytest.param(graph, marks=group(f"rolling-{graph}")) for graph in GRAPHS], indirect=True
)
async def test_all_peers_restarted_in_turn(arena):
    async with disturbed(arena, "rolling", iterations=600) as run:
        await restart_in_turn(run)
