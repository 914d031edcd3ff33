"""Kills at any moment, of peers that a supervisor starts again.

What is done to a run is paced by its own progress, so that it is over before the run is, on any machine.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random

from peer.config import RunFailed
from peer.protocol.records import RunState
from tests.chaos.arena import Arena, Running, together
from tests.support.network import Lab, eventually
from tests.support.problems import dif_spec

AT_EASE = 15
"""Most iterations between a kill and the next one in full flight."""
IN_TROUBLE_S = 0.3
"""Longest time between a kill and the next one while the first peer is still away."""


@asynccontextmanager
async def disturbed(arena: Arena, run_id: str, iterations: int) -> AsyncIterator[Running]:
    """One run; what is done to it must be over before the run is, and then it ends with the right digests."""
    lab = await arena.enter()
    spec = dif_spec(rank=2, iterations=iterations, agreement={"rounds": 3}, init={"power_iterations": 2})
    run = Running(lab, run_id, spec, "p1")
    run.submit()
    yield run
    states = {status.state for status in (await run.statuses()).values()}
    assert states <= {RunState.ACCEPTED, RunState.RUNNING}, "it was over too early: give it more iterations"
    await run.closed()
    assert await run.digests() == arena.expected(spec)
    arena.leave()


@asynccontextmanager
async def supervised(run: Running) -> AsyncIterator[None]:
    """Start every peer again that is killed, also while it starts; all are up at the end."""
    async with together() as group:
        keeping = [group.create_task(_keep_up(run, name)) for name in run.lab.network.names]
        yield
        await eventually(lambda: len(living(run.lab)) == len(keeping), "all peers are up")
        for task in keeping:
            task.cancel()


async def _keep_up(run: Running, name: str) -> None:
    while True:
        status = await run.lab.processes[name].wait()
        if status != -signal.SIGKILL:
            raise RunFailed(f"{name} has ended by itself (exit status {status})")
        with suppress(RunFailed):  # it was killed before it was ready, or this is told above
            await run.lab.start(name)


def living(lab: Lab) -> list[str]:
    """Peers whose process is there, ready or not."""
    return [name for name, process in lab.processes.items() if process.returncode is None]


async def kill_at_random(run: Running, seed: int, kills: int) -> None:
    """Kill peers, drawn with the moments from the seed: as often while others come back as in full flight."""
    random = Random(seed)
    async with supervised(run):
        for _ in range(kills):
            if random.random() < 0.5:
                await asyncio.sleep(random.uniform(0, IN_TROUBLE_S))
            else:
                await progress(run, random.randint(1, AT_EASE))
            order = random.sample(run.lab.network.names, len(run.lab.network.names))
            alive = await eventually(lambda: living(run.lab), "a peer to kill")
            await run.lab.kill(next(name for name in order if name in alive))


async def kill_again_and_again(run: Running, name: str, seed: int, kills: int) -> None:
    """Kill one peer, each time when it is ready or soon after."""
    random = Random(seed)
    for _ in range(kills):
        await progress(run, random.randint(0, AT_EASE))
        await run.restart([name])


async def restart_in_turn(run: Running) -> None:
    """Stop every peer in an orderly way and start it again, one after the other, as for a new version."""
    for name in run.lab.network.names:
        await progress(run, 1)
        process = run.lab.processes[name]
        process.terminate()
        assert await process.wait() == 0
        await run.lab.start(name)


async def progress(run: Running, iterations: int) -> None:
    """Wait until some peer is so many iterations further than any was."""

    async def furthest() -> int:
        return max([0, *(status.iteration for status in (await run.statuses()).values())])

    async def there() -> bool:
        return await furthest() >= aim

    if iterations:
        aim = await furthest() + iterations
        await eventually(there, f"iteration {aim}")
