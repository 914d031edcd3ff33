"""The block simulator: what it counts, freezes and refuses."""

import numpy as np
import pytest

from peer.algorithms.dif_altgdmin import dif_altgdmin
from peer.algorithms.subspace import consensus_error, subspace_distance
from peer.config import RunFailed
from peer.program import Array, Broadcast, Checkpoint, ContractError, FloodMax, Progress, Rounds
from peer.simulate.fast import run_block
from tests.support.problems import KITE, dif_spec, make_tasks, network_of
from tests.unit.testing.programs import SPEC, Values, wrong_mask

NETWORK = network_of(KITE)
START = np.arange(5.0)


def test_dif_altgdmin_finds_the_subspace():
    tasks = make_tasks(NETWORK.names, [12] * 5, 15, dim=20, rank=2)
    seen: list[Progress] = []
    spec = dif_spec(rank=2, iterations=150, agreement={"rounds": 20}, init={"agreement_rounds": 40})
    outcome = run_block(dif_altgdmin, tasks.all(), spec, NETWORK, on_progress=seen.append)
    assert subspace_distance(outcome.result["U"], tasks.U_true).max() < 1e-6
    assert consensus_error(outcome.result["U"]) < 1e-8
    assert outcome.result["U"].shape == (5, 20, 2)
    assert outcome.result["B"].shape == (60, 2)
    assert [progress.iteration for progress in seen] == list(range(151))
    np.testing.assert_array_equal(seen[-1].estimate["U"], outcome.result["U"])
    assert seen[-1].metrics["moved"].shape == (5,)


def test_a_tolerance_ends_the_run_early_and_everywhere():
    tasks = make_tasks(NETWORK.names, [12] * 5, 15, dim=20, rank=2)
    seen: list[Progress] = []
    spec = dif_spec(rank=2, iterations=150, agreement={"rounds": 20}, tolerance=1e-3)
    run_block(dif_altgdmin, tasks.all(), spec, NETWORK, on_progress=seen.append)
    assert 0 < len(seen) - 1 < 150
    assert seen[-1].metrics["moved"].max() <= 1e-3 < seen[-2].metrics["moved"].max()


def test_phases_count_rounds_and_bytes():
    def program(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
        x = problem[:, np.newaxis]
        yield from Broadcast(x, "first")
        yield from Broadcast(x, "second", send=neighbours.first, receive=~neighbours.first)
        yield from Broadcast(x, "first")
        largest = yield from FloodMax(problem, "stop")
        return {"largest": np.full(5, largest)}

    outcome = run_block(program, START, SPEC, NETWORK)
    edges, diameter = len(KITE), 3
    assert {label: (phase.rounds, phase.payload_bytes) for label, phase in outcome.phases.items()} == {
        "first": (2, 2 * 2 * edges * 8),
        "second": (1, edges * 8),
        "stop": (diameter, diameter * 2 * edges * 8),
    }
    assert outcome.rounds == 3 + diameter
    assert outcome.payload_bytes == sum(phase.payload_bytes for phase in outcome.phases.values())
    assert outcome.result["largest"].tolist() == [4.0] * 5


def test_a_maximum_over_nan_names_the_peer():
    def program(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
        yield from FloodMax(np.where(neighbours.index == 3, np.nan, problem), "stop")
        return {}

    with pytest.raises(RunFailed, match=r"^stop: p3 has no number \(NaN\)"):
        run_block(program, START, SPEC, NETWORK)


def test_masks_that_do_not_match_are_an_error_of_the_program():
    with pytest.raises(ContractError, match=r"^round 'one way', edge from p\d to p\d: the first "):
        run_block(wrong_mask, Values(NETWORK.names), SPEC, NETWORK)


def test_what_a_peer_refuses_is_refused_here_and_iterations_are_int():
    seen = []

    def program(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
        yield from Progress(np.int64(1), {"a": problem}, {})
        yield from Broadcast(problem, "x" * 65)
        return {}

    with pytest.raises(ContractError, match=r"^Broadcast has the label 'xxx"):
        run_block(program, START, SPEC, NETWORK, on_progress=seen.append)
    assert [type(progress.iteration) for progress in seen] == [int]


@pytest.mark.parametrize("kind", ["broadcast", "checkpoint", "progress"])
def test_what_was_yielded_is_frozen(kind):
    def program(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
        x = problem.copy()
        if kind == "broadcast":
            yield from Broadcast(x, "mean")
        elif kind == "checkpoint":
            yield from Checkpoint({"x": x})
        else:
            yield from Progress(1, {}, {"x": x})
        x += 1
        return {}

    with pytest.raises(ValueError, match="read-only"):
        run_block(program, START, SPEC, NETWORK)


def test_checkpoints_are_snapshots():
    states = []

    def program(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
        for i in range(3):
            state["iteration"] = i
            yield from Checkpoint(state)
        return {}

    run_block(program, START, SPEC, NETWORK, on_checkpoint=lambda request: states.append(request.state))
    assert [state["iteration"] for state in states] == [0, 1, 2]
