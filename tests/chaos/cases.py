"""The 144 cases: every failpoint, for every set of victims, on three graphs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

from peer.runtime.failpoints import POINTS, Failpoint
from tests.support.problems import dif_spec, network_of
from topology.generators import make_network
from topology.network import Network

GRAPHS: Mapping[str, Network] = {
    "ring": network_of([("p0", "p1"), ("p1", "p2"), ("p2", "p3"), ("p3", "p4"), ("p0", "p4")]),
    "tree": network_of([("p0", "p1"), ("p0", "p2"), ("p2", "p3"), ("p2", "p4")]),
    "random": make_network("erdos-renyi", 6, p=0.4, seed=7).network,
}

VICTIMS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ring": {"one": ("p2",), "neighbours": ("p1", "p2"), "apart": ("p0", "p2")},
    "tree": {"one": ("p4",), "neighbours": ("p0", "p2"), "apart": ("p1", "p3")},
    "random": {"one": ("p2",), "neighbours": ("p1", "p2"), "apart": ("p0", "p5")},
}
"""One with two neighbours, one with a single one, one with four; the graphs' other victims are as different."""

WHOM = ("one", "neighbours", "apart", "all")

POWER, INIT_ROUNDS, ROUNDS, ITERATIONS = 2, 3, 3, 15
SPEC = dif_spec(
    rank=2,
    iterations=ITERATIONS,
    agreement={"rounds": ROUNDS},
    init={"power_iterations": POWER, "agreement_rounds": INIT_ROUNDS},
)
_IN_INIT = (POWER + 1) * INIT_ROUNDS
_ROUNDS = (_IN_INIT + 1, _IN_INIT + ROUNDS * (ITERATIONS - 3))
_CHECKPOINTS = (POWER + 2, POWER + ITERATIONS)

COUNTS: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(POINTS, _CHECKPOINTS),
    **dict.fromkeys(("half-sent", "all-sent", "waiting", "in-combine"), _ROUNDS),
    "in-hello": (1, 2),
    "in-init": (2, _IN_INIT),
    "at-end": (1, 2),
}
"""The first and the last time of each point that is of interest: but for three of them, of the main loop."""


@dataclass(frozen=True)
class Case:
    """One of them."""

    graph: str
    whom: str
    point: str

    @property
    def id(self) -> str:
        return f"{self.graph}-{self.whom}-{self.point}"

    @property
    def victims(self) -> tuple[str, ...]:
        return GRAPHS[self.graph].names if self.whom == "all" else VICTIMS[self.graph][self.whom]

    @property
    def failpoint(self) -> Failpoint:
        """At a time that the case's name decides: the same in every run of it."""
        return Failpoint(self.point, Random(self.id).randint(*COUNTS[self.point]))

    @property
    def via(self) -> str:
        """Through whom the run is submitted: a victim, but where there is a bystander in every other case."""
        names = GRAPHS[self.graph].names
        return Random(self.id).choice((self.victims[0], *names))


def all_cases() -> Iterator[Case]:
    for graph in GRAPHS:
        for whom in WHOM:
            for point in POINTS:
                yield Case(graph, whom, point)


def sample() -> Iterator[Case]:
    """Each point once; every set of victims and every graph are among them."""
    for number, point in enumerate(POINTS):
        yield Case(tuple(GRAPHS)[number * len(GRAPHS) // len(POINTS)], WHOM[number % len(WHOM)], point)
