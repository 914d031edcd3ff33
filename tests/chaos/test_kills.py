"""A small dose of what campaign_kills.py does."""

import pytest

from tests.chaos.kills import disturbed, kill_at_random, restart_in_turn

pytestmark = [pytest.mark.network, pytest.mark.asyncio(loop_scope="module")]


@pytest.mark.parametrize("arena", ["ring"], indirect=True)
async def test_kills_at_random_moments(arena):
    async with disturbed(arena, "kills", iterations=200) as run:
        await kill_at_random(run, seed=0, kills=5)


@pytest.mark.parametrize("arena", ["ring"], indirect=True)
async def test_all_peers_restarted_in_turn(arena):
    async with disturbed(arena, "rolling", iterations=200) as run:
        await restart_in_turn(run)
