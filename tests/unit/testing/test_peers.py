"""The loose order by itself: what it meets when the two ends of an edge do not agree."""

import numpy as np
import pytest

from peer.program import Array, Broadcast, ContractError, FloodMax, Rounds
from peer.testing.peers import run_in_step, run_loosely
from tests.support.problems import KITE, network_of
from tests.unit.testing import programs
from tests.unit.testing.programs import SPEC, Values

NETWORK = network_of(KITE)


def other_labels(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    got = yield from Broadcast(problem.start, f"at {neighbours.names[neighbours.index[0]]}")
    return {"x": got.sum()}


def stops_early(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    for _ in range(1 + int(neighbours.index[0] != 0)):
        yield from Broadcast(problem.start, "mean")
    return {}


def sends_unasked(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    yield from Broadcast(problem.start, "mean", receive=np.zeros(len(neighbours.rows), dtype=bool))
    return {}


def not_all_flood(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    if neighbours.index[0]:
        yield from FloodMax(problem.start[:, 0], "stop")
    return {}


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (other_labels, r"^rule 2: p\d sends 'at p\d' where p\d is at 'at p\d'"),
        (stops_early, r"^rule 2: nobody can go on; waiting: .*p1 for Broadcast 'mean' of float64\[3\]"),
        (sends_unasked, r"^rule 2: p\d never takes what p\d sent it in round 0"),
        (not_all_flood, r"^rule 2: nobody can go on; waiting: p1 for FloodMax 'stop'"),
    ],
)
def test_what_the_loose_order_meets(program, message):
    with pytest.raises(ContractError, match=message):
        run_loosely(program, Values, SPEC, NETWORK, seed=0)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_has_no_influence(seed):
    in_step = run_in_step(programs.averaging, Values, SPEC, NETWORK)
    loosely = run_loosely(programs.averaging, Values, SPEC, NETWORK, seed)
    for name in NETWORK.names:
        np.testing.assert_array_equal(in_step[name].result["x"], loosely[name].result["x"])
