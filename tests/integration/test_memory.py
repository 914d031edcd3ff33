"""A peer's memory does not grow with the length of its run."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from peer.config import canonical_spec
from peer.protocol.records import RunState
from tests.support.network import PROCESSES, eventually, lab
from tests.support.problems import dif_spec, local_data, make_tasks, network_of

pytestmark = [*PROCESSES, pytest.mark.long]

NETWORK = network_of([("p0", "p1")])
EARLY, LATE = 20_000, 100_000
MOST_GROWTH_KB = 800
"""10 B for each round: anything that was kept of one has more."""


def used_kb(process: int) -> int:
    """Memory of a process that no file backs: what it shares with others says nothing of it."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


async def test_memory_is_flat_over_a_hundred_thousand_rounds(tmp_path):
    tasks = make_tasks(NETWORK.names, (1, 1), 6, dim=3, rank=1)
    spec = dif_spec(
        rank=1,
        iterations=2 * LATE,
        agreement={"rounds": 1},
        init={"power_iterations": 1, "agreement_rounds": 1},
        checkpoint_every=50,
    )
    used = {}
    async with (
        lab(NETWORK, local_data(tasks), tmp_path) as network,
        network.client("p0") as client,
    ):
        await client.submit("long", canonical_spec(spec))

        async def rounds() -> int:
            (run,) = (await client.status()).runs
            assert run.state in (RunState.ACCEPTED, RunState.RUNNING)
            return run.round

        for number in range(EARLY, LATE + 1, EARLY):
            while (now := await rounds()) < number:
                await further(rounds, now)
            used[number] = {name: used_kb(process.pid) for name, process in network.processes.items()}
        await client.cancel("long", "it was long enough")
    grown = {name: used[LATE][name] - used[EARLY][name] for name in NETWORK.names}
    print(f"memory in kB, by rounds: {used}")
    assert max(grown.values()) <= MOST_GROWTH_KB, used


async def further(rounds: Callable[[], Awaitable[int]], than: int) -> None:
    """Wait for a thousand rounds more; a run that stands still fails."""

    async def done() -> bool:
        return await rounds() > than + 1000

    await eventually(done, f"a thousand rounds after {than}")
