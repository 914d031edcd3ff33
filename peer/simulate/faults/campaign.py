"""One seed is one story: a network, a run or several, and faults until they stop."""

import random
from collections import Counter
from dataclasses import dataclass, field

from peer.simulate.faults.checks import Broken, Checks
from peer.simulate.faults.plan import Plan, random_network
from peer.simulate.faults.rates import Rates
from peer.simulate.faults.world import FaultWorld

EVENT_LIMIT = 60_000
"""Far above what any seed needs: reaching it is a livelock."""


@dataclass
class Story:
    """What a seed draws before anything happens."""

    seed: int
    rng: random.Random
    plans: dict[str, Plan] = field(default_factory=dict)
    unfit: dict[bytes, str] = field(default_factory=dict)
    cancelled: bool = False


class SeedFailure(AssertionError):
    """A seed broke an invariant; the text has the seed, the last events and the command that replays it."""


def run_seed(
    seed: int, world_type: type[FaultWorld] = FaultWorld, checks_type: type[Checks] = Checks
) -> Counter[str]:
    """Run one seed.

    Parameters
    ----------
    seed : int
        Every choice comes from it.
    world_type, checks_type : type
        For other faults than those of the campaign.

    Returns
    -------
    Counter of str
        Events, faults by kind, largest inbox and outbox.

    Raises
    ------
    SeedFailure
        If an invariant broke.
    """
    story = Story(seed, random.Random(seed))
    rng = story.rng
    network = random_network(rng, rng.choice((2, 3, 3, 4, 4, 5, 6, 7, 9)))
    world = world_type(network, rng, Rates.random(rng), story.unfit)
    _schedule_clients(story, world)
    _schedule_faults(world)
    checks = checks_type(world, story.plans)
    try:
        _play(world, checks, rng)
        checks.at_the_end(expected_to_close=not story.cancelled and not story.unfit)
    except Exception as error:
        log = "\n".join(world.log())
        raise SeedFailure(
            f"{log}\nseed {seed}: {type(error).__name__}: {error}\n"
            f"replay: python -m peer.simulate.faults --seed {seed}"
        ) from error
    world.counts["largest_inbox"] = checks.largest_inbox
    world.counts["largest_outbox"] = checks.largest_outbox
    world.counts["most_rounds_repeated"] = checks.most_repeated
    return world.counts


def _play(world: FaultWorld, checks: Checks, rng: random.Random) -> None:
    faults_end = rng.uniform(5.0, 60.0)

    def calm() -> None:
        world.end_faults()
        for name in world.network.names:
            world.at(rng.uniform(0.1, 6.0), lambda name=name: world.boot(name))  # type: ignore[misc]

    world.at(faults_end, calm)
    while world.step():
        checks.after_event()
        if world.counts["events"] > EVENT_LIMIT:
            raise Broken(f"nothing ends: {world.counts['events']} events")


def _schedule_clients(story: Story, world: FaultWorld) -> None:
    rng = story.rng
    names = world.network.names
    for name in names:
        away = rng.random() < 0.1
        world.at(rng.uniform(2.0, 10.0) if away else 0.0, lambda name=name: world.boot(name))  # type: ignore[misc]
    submits = [("run-b", 3.0)]
    submits += [(run, window) for run, window in (("run-a", 4.0), ("run-c", 60.0)) if rng.random() < 0.2]
    if rng.random() < 0.05:
        submits.append((rng.choice(submits)[0], 4.0))  # the same run, offered at a second peer too
    for token, (run, window) in enumerate(submits):
        plan = story.plans.setdefault(run, Plan.random(rng))
        at, where = rng.uniform(0.0, window), rng.choice(names)
        world.at(at, lambda t=token, r=run, p=plan, w=where: world.submit(w, t, r, p))  # type: ignore[misc]
    some_run = rng.choice(submits)[0]
    if rng.random() < 0.06:
        story.unfit[story.plans[some_run].spec] = rng.choice(names)
    if rng.random() < 0.04:
        story.cancelled = True
        where = rng.choice(names)
        world.at(rng.uniform(1.0, 25.0), lambda: world.cancel(where, some_run))


def _schedule_faults(world: FaultWorld) -> None:
    rng = world.rng
    names = world.network.names

    def one() -> None:
        if world.faults_over:
            return
        kind = rng.random()
        victim = rng.choice(names)
        near = rng.choice(world.network.neighbours(victim))
        if rng.random() < world.rates.full:
            world.fill(victim)
        elif kind < 0.35:
            world.kill(victim)
        elif kind < 0.45:
            world.kill(victim)
            world.kill(near)
        elif kind < 0.5:
            for name in names:
                world.kill(name)
        elif kind < 0.9:
            world.cut()
        elif world.network.edge(victim, near).dialler == victim:
            world.dial(victim, near, spurious=True)
        world.at(rng.expovariate(1.0 / world.rates.gap), one)

    world.at(rng.expovariate(1.0 / world.rates.gap), one)
