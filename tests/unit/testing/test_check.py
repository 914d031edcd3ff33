"""check_program passes programs that keep the contract, and names the rule that another one breaks."""

import numpy as np
import pytest

from peer.algorithms.dif_altgdmin import dif_altgdmin
from peer.algorithms.shipped import SHIPPED
from peer.config import RunSpec
from peer.program import Algorithm, Broadcast, ContractError, Progress, one_peer
from peer.testing import check_program, made_up_tasks
from tests.support.problems import KITE, dif_spec, make_tasks, network_of
from tests.unit.testing import programs
from tests.unit.testing.programs import SPEC, Values

NETWORK = network_of(KITE)
CHAIN = network_of([("p0", "p1"), ("p1", "p2"), ("p2", "p3")])


@pytest.mark.parametrize(
    ("program", "network", "rounds"),
    [
        (programs.averaging, NETWORK, 12),
        (programs.tree_sum, CHAIN, 6),
        (programs.coded, NETWORK, 4),
        (programs.lengths, NETWORK, 1),
    ],
)
def test_lawful_programs_pass(program, network, rounds):
    report = check_program(program, Values, SPEC, network)
    assert report.rounds == rounds
    assert report.restarts == report.checkpoints * len(network.names)


def test_values_of_both_ends_are_compared_where_asked_for():
    check_program(programs.edge_products, Values, SPEC, NETWORK, both_ends=["a"])
    check_program(programs.ends_disagree, Values, SPEC, NETWORK)
    with pytest.raises(ContractError, match=r"^rule 8: 'a'"):
        check_program(programs.ends_disagree, Values, SPEC, NETWORK, both_ends=["a"])


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (programs.mixes_rows, "^rule 1: .*x of result"),
        (programs.no_peer_axis, "^rule 1: the metric 'total' of Progress has no axis of the peers"),
        (programs.branches_on_own_value, "^rule 2: p0 asks for nothing more"),
        (programs.wrong_mask, "^masks of round Broadcast 'one way'"),
        (programs.wrong_mask_on_a_silent_edge, "^masks of round Broadcast 'one way'"),
        (programs.changes_in_place, "^rule 4: p0"),
        (programs.changes_by_a_view, "^rule 4: p0.*request 0: value of Broadcast 'mean'"),
        (programs.changes_the_state_in_place, "^rule 4: p0"),
        (programs.keeps_something_outside, "^rules 5 to 7: p0, restarted from checkpoint 0"),
        (programs.checkpoint_before_the_stop, "^rules 5 to 7: p0.*expected FloodMax 'stop', found Broadcast"),
        (programs.part_with_its_own_state, "^rules 5 to 7: p0, restarted from checkpoint 0"),
        (programs.global_numbers, "^rule 9: p0"),
        (programs.remembers_in_the_problem, "^rules 5 to 7: p0"),
    ],
)
def test_each_breach_is_named(program, message):
    with pytest.raises(ContractError, match=message):
        check_program(program, Values, SPEC, NETWORK)


SMALL = {"agreement": {"rounds": 2}, "init": {"power_iterations": 2, "agreement_rounds": 2}}


@pytest.mark.parametrize(
    ("tasks_per_peer", "samples", "fields"),
    [
        ([3, 3, 3, 3, 3], 6, {"iterations": 3}),
        ([1, 4, 2, 3, 2], 6, {"iterations": 3, "checkpoint_every": 2}),
        ([1, 4, 2, 3, 2], (2, 9), {"iterations": 3}),
        ([3, 3, 3, 3, 3], (1, 9), {"iterations": 2, "coefficients": {"ridge": 0.5}}),
        ([2, 2, 2, 2, 2], (5, 9), {"iterations": 9, "tolerance": 0.5}),
    ],
    ids=["equal", "uneven-peers", "ragged", "ragged-ridge", "tolerance"],
)
def test_dif_altgdmin(tasks_per_peer, samples, fields):
    tasks = make_tasks(NETWORK.names, tasks_per_peer, samples, noise=0.1)
    spec = dif_spec(rank=2, seed=3, **SMALL, **fields)
    report = check_program(dif_altgdmin, tasks.block, spec, NETWORK)
    descent = (
        -(-spec.iterations // spec.checkpoint_every) if spec.tolerance is None else report.checkpoints - 3
    )
    assert report.checkpoints == 3 + descent
    assert report.restarts == 5 * report.checkpoints
    if spec.tolerance is not None:
        assert 0 < descent < spec.iterations


def test_of_an_algorithm_the_declared_interval_and_the_result_are_checked():
    tasks = made_up_tasks(NETWORK, tasks=7, dim=5, samples=6, rank=2)
    spec = dif_spec(rank=2, seed=3, iterations=3, checkpoint_every=2, **SMALL)
    shipped = SHIPPED["dif-altgdmin"]
    assert check_program(shipped, tasks, spec, NETWORK).interval_rounds == 4
    short = Algorithm(dif_altgdmin, type(spec), lambda spec, network: 3)
    with pytest.raises(ContractError, match=r"^interval_rounds gives 3, and the program makes 4 rounds"):
        check_program(short, tasks, spec, NETWORK)
    without = Algorithm(programs.tree_sum, RunSpec, lambda spec, network: 6)
    with pytest.raises(ContractError, match=r"^the program's result needs 'U'.*found none"):
        check_program(without, Values, SPEC, CHAIN)


def descending(label="x", iteration=1, metrics=None, rows=8):
    """A program with one thing that may be wrong, by which a peer would break far from it."""

    @one_peer
    def program(problem, spec, neighbours, streams, state):
        yield from Broadcast(np.ones(3), label)
        yield from Progress(iteration, {} if metrics is None else metrics, {})
        return {"U": np.ones((rows, 1))}

    return program


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"label": 3}, "Broadcast has the label of type int"),
        ({"label": "x" * 65}, "Broadcast has the label 'xxx"),
        ({"label": "x\udc80"}, "Broadcast has the label "),
        ({"iteration": -1}, "Progress has the iteration -1"),
        ({"iteration": 1.0}, "Progress has the iteration 1.0 of type float"),
        ({"iteration": "a"}, "Progress has the iteration of type str"),
        ({"metrics": {3: 1.0}}, "Progress has a metric of the name of type int"),
        ({"metrics": {f"m{i}": 1.0 for i in range(300)}}, "Progress has 300 metrics"),
        ({"metrics": {"a": "x"}}, "p0: 'a' is missing or no array of numbers"),
        ({"metrics": [1.0]}, "Progress has metrics of type list"),
        ({"rows": 2}, "the program's result 'U' has 2 rows, and the data have 8 features"),
    ],
)
def test_what_would_break_a_peer_is_found_before(wrong, message):
    checked = Algorithm(descending(**wrong), RunSpec, lambda spec, network: 1)
    with pytest.raises(ContractError, match=f"^{message}"):
        check_program(checked, made_up_tasks(CHAIN), SPEC, CHAIN)


def test_numbers_of_numpy_are_iterations_and_the_schedule_is_read():
    program = descending(iteration=np.int64(1), metrics={"loss": np.float32(2)})
    assert check_program(program, made_up_tasks(CHAIN), SPEC, CHAIN).rounds == 1
    odd = Algorithm(program, RunSpec, lambda spec, network: 1, lambda spec, network, facts: [("x", 1)])
    with pytest.raises(
        ContractError, match=r"^the schedule of example fails: ValueError: \('x', 1\) is not "
    ):
        check_program(odd, made_up_tasks(CHAIN), SPEC, CHAIN)
