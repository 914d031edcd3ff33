"""One seed is one story: a network, a run or several, and faults until they stop."""

import random
from collections import Counter
from dataclasses import dataclass, field

from peer.simulate.faults.checks import Broken, Checks
from peer.simulate.faults.plan import Plan, random_network
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


def run_seed(seed: int, world_type: type[FaultWorld] = FaultWorld) -> Counter[str]:
    """Run one seed; returns its counts (events, kills, cuts, largest inbox and outbox).

    Raises
    ------
    SeedFailure
        If an invariant broke.
    """
    story = Story(seed, random.Random(seed))  # noqa: S311 - reproducible on purpose
    rng = story.rng
    network = random_network(rng, rng.choice((2, 3, 3, 4, 4, 5, 6, 7, 9)))
    main = Plan.random(rng)
    story.plans["run-b"] = main
    if rng.random() < 0.06:
        story.unfit[main.spec] = rng.choice(network.names)
    world = world_type(
        network,
        rng,
        kill_rate=rng.choice((0.0, 0.0, 0.002, 0.01)),
        slow_disk=rng.choice((0.08, 0.5, 2.0, 5.0)),
        unfit=story.unfit,
    )
    _schedule_clients(story, world)
    _schedule_faults(story, world)
    checks = Checks(world, story.plans)
    try:
        _play(world, checks, rng)
        checks.at_the_end(expected_to_close=not story.cancelled and not story.unfit and not world.stopped)
    except Exception as error:
        log = "\n".join(world.log)
        raise SeedFailure(
            f"{log}\nseed {seed}: {type(error).__name__}: {error}\n"
            f"replay: python -m peer.simulate.faults --seed {seed}"
        ) from error
    world.counts["largest_inbox"] = checks.largest_inbox
    world.counts["largest_outbox"] = checks.largest_outbox
    return world.counts


def _play(world: FaultWorld, checks: Checks, rng: random.Random) -> None:
    faults_end = rng.uniform(5.0, 60.0)

    def calm() -> None:
        world.faults_over = True
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
    plan = story.plans["run-b"]
    world.at(rng.uniform(0.0, 3.0), lambda at=rng.choice(names): world.submit(at, 0, "run-b", plan))  # type: ignore[misc]
    for token, run, window in ((1, "run-a", 4.0), (2, "run-c", 60.0)):
        if rng.random() < 0.2:
            rival = story.plans[run] = Plan.random(rng)
            at, where = rng.uniform(0.0, window), rng.choice(names)
            world.at(at, lambda t=token, r=run, p=rival, w=where: world.submit(w, t, r, p))  # type: ignore[misc]
    if rng.random() < 0.04:
        story.cancelled = True
        world.at(rng.uniform(1.0, 25.0), lambda at=rng.choice(names): world.cancel(at, "run-b"))  # type: ignore[misc]


def _schedule_faults(story: Story, world: FaultWorld) -> None:
    rng = story.rng
    names = world.network.names

    def one() -> None:
        if world.faults_over:
            return
        kind = rng.random()
        victim = rng.choice(names)
        if kind < 0.35:
            world.kill(victim)
        elif kind < 0.45:
            near = rng.choice(world.network.neighbours(victim))
            world.kill(victim)
            world.kill(near)
        elif kind < 0.5:
            for name in names:
                world.kill(name)
        elif kind < 0.9:
            world.cut()
        else:
            near = rng.choice(world.network.neighbours(victim))
            if world.network.edge(victim, near).dialler == victim:
                world.dial(victim, near, spurious=True)
        world.at(rng.expovariate(1.0 / gap), one)

    gap = rng.choice((0.7, 2.0, 6.0, 1e9))
    world.at(rng.expovariate(1.0 / gap), one)
