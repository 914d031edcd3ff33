"""One case, from the victims' armed start to the digests of all peers."""

from peer.runtime.failpoints import Failpoint
from tests.chaos.arena import Arena, Running
from tests.chaos.cases import COUNTS, SPEC, Case


async def survive(arena: Arena, case: Case) -> bool:
    """Kill the victims at their failpoint, start them again, and compare the results with an undisturbed run's.

    Returns
    -------
    bool
        Whether all victims were down at once.
    """
    lab = await arena.enter()
    run = Running(lab, case.id, SPEC, case.via)
    victims, failpoint = case.victims, case.failpoint
    print(f"{failpoint} at {', '.join(victims)}; submitted through {case.via}")
    # A Hello in the middle of a run is one of a peer that was killed in it.
    in_run = Failpoint("before-adapt", COUNTS["before-adapt"][0]) if case.point == "in-hello" else failpoint
    await run.restart(victims, in_run)
    run.submit()
    at_once, down = await run.fallen(victims, in_run)
    if in_run is not failpoint:
        await run.restart(victims, failpoint)
        at_once, down = await run.fallen(victims, failpoint)
    await run.restart(down)
    await run.closed()
    assert await run.digests() == arena.expected(SPEC)
    arena.leave()
    return at_once
