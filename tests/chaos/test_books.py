"""The books of a run whose peers are killed: what one end has lost, the other end has."""

import asyncio

import pytest

from peer.measure.double_entry import balance
from peer.measure.entries import read_entries, read_restarted
from peer.measure.schema import open_ledger
from peer.runtime.collecting import collect, write_run
from tests.chaos.kills import disturbed, kill_at_random

pytestmark = [pytest.mark.network, pytest.mark.asyncio(loop_scope="module")]

KILLS = 10


@pytest.mark.parametrize("arena", ["ring"], indirect=True)
async def test_after_kills_every_row_is_there_from_one_end_at_least(arena, tmp_path):
    async with disturbed(arena, "books", iterations=150) as run:
        await kill_at_random(run, seed=1, kills=KILLS)
    lab = arena.lab
    async with lab.client("p0") as client:
        collected = await collect(client, "books", lab.network.names)
    summary = await asyncio.to_thread(
        write_run, tmp_path / "run", collected, lab.network, driver="processes", wall_s=1.0
    )
    ledger = open_ledger(tmp_path / "run" / "ledger.sqlite")
    try:
        entries = read_entries(ledger)
        restarted = read_restarted(ledger)
    finally:
        ledger.close()
    found = balance(entries, restarted, ())
    assert found.no_end == found.unequal == 0
    # Every round's value is there, in each direction of every edge.
    assert found.values == summary["rounds"] * 2 * len(lab.network.edges)
    assert summary["bytes"]["payload"] == summary["bytes"]["predicted_payload"]
    assert all(one.why for one in found.open)
