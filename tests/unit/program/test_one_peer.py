"""Programs for one peer keep the contract as block programs, and what breaks it is told in their own terms."""

import numpy as np
import pytest

from peer.algorithms.problem import Problem
from peer.config import RunSpec
from peer.consensus import Agreement
from peer.program import (
    Broadcast,
    Checkpoint,
    ContractError,
    FloodMax,
    Progress,
    Purpose,
    Scatter,
    one_peer,
)
from peer.testing import check_program, run_block
from tests.support.problems import KITE, make_tasks, network_of
from tests.unit.testing import programs

NETWORK = network_of(KITE)
CHAIN = network_of([("p0", "p1"), ("p1", "p2"), ("p2", "p3")])
SPEC = RunSpec(algorithm="example", seed=5)


class Values(programs.Values):
    """A problem that gives each peer its own vector."""

    def peer(self, row):
        return Own(self.start[row])


class Own:
    def __init__(self, start):
        self.start = start


def averaging(problem, spec, neighbours, streams, state):
    """As tests.unit.testing.programs.averaging, for one peer."""
    state.setdefault("x", problem.start)
    while not state.setdefault("done", False):
        i = state["iteration"] = state.get("iteration", 0) + 1
        noise = streams.own(Purpose.START, lambda rng: rng.standard_normal(3), i)
        common = streams.common(Purpose.START, lambda rng: rng.standard_normal(3), i + 100)
        x = state["x"] / (1 + np.linalg.norm(state["x"], axis=0)) + noise * common
        x = yield from Agreement(2, "mean").average(x)
        moved = np.abs(x - state["x"]).max()
        state["x"], state["moved"] = x, float(moved)
        state["done"] = (yield from FloodMax(moved, "stop")) < 0.1 or i == 6
        yield from Progress(i, {"moved": moved}, {"x": x})
        yield from Checkpoint(state)
    return {"x": state["x"]}


def tree_sum(problem, spec, neighbours, streams, state):
    """Up the chain and down again: a role is an `if`."""
    here, last = neighbours.index, neighbours.num_peers - 1
    up, down = neighbours.other == here - 1, neighbours.other == here + 1
    nobody = np.zeros(neighbours.degree, dtype=bool)
    x = problem.start
    for k in range(last, 0, -1):
        send, receive = (up if here == k else nobody), (down if here == k - 1 else nobody)
        x = x + (yield from Broadcast(x, "up", send=send, receive=receive)).sum()
    for k in range(last):
        send, receive = (down if here == k else nobody), (up if here == k + 1 else nobody)
        got = yield from Broadcast(x, "down", send=send, receive=receive)
        if here == k + 1:
            x = got.sum()
    return {"x": x}


def coded(problem, spec, neighbours, streams, state):
    """A code with its scale, as a tuple, and one whose length differs by peer."""
    scale = np.float32(np.abs(problem.start).max())
    code = (np.round(problem.start / scale * 127).astype(np.int8), np.array([scale]))
    got = yield from Broadcast(code, "codes")
    assert len(got.edges[0]) == neighbours.degree
    x = got.map(decode).combine(decode(code))
    got = yield from Broadcast([np.full(neighbours.index + 1, 7, dtype=np.uint8)], "lengths")
    return {"x": x, "lengths": got.map(lambda vector: np.array([vector.sum()], dtype=np.float64)).sum()}


def decode(code):
    codes, scale = code
    return codes * (scale.astype(np.float64) / 127)


def edges(problem, spec, neighbours, streams, state):
    """Its own value on each edge; what came, by name."""
    mine = problem.start * (1 + neighbours.other)[:, np.newaxis]
    got = yield from Scatter(mine, "edges")
    assert got.rows.tolist() == [0] * neighbours.degree
    assert neighbours.first.tolist() == [neighbours.name < name for name in neighbours.edge_names]
    theirs = got.map(lambda value: 2 * value).edges
    return {"x": neighbours.sum(mine + theirs, neighbours.weights) + neighbours.sum(mine)}


def silent(problem, spec, neighbours, streams, state):
    """A round in which nothing comes has the shape of what was sent."""
    nobody = np.zeros(neighbours.degree, dtype=bool)
    got = yield from Broadcast(problem.start, "nothing", send=nobody, receive=nobody)
    return {"x": got.map(lambda value: value[:2]).sum()}


@pytest.mark.parametrize(
    ("program", "network"),
    [(averaging, NETWORK), (tree_sum, CHAIN), (coded, NETWORK), (edges, NETWORK), (silent, NETWORK)],
)
def test_programs_for_one_peer_keep_the_contract(program, network):
    check_program(one_peer(program), Values, SPEC, network)


@pytest.mark.parametrize(("name", "network"), [("averaging", NETWORK), ("tree_sum", CHAIN)])
def test_the_bits_are_those_of_the_block_program(name, network):
    problem = Values(network.names)
    found = run_block(one_peer(globals()[name]), problem, SPEC, network)
    expected = run_block(getattr(programs, name), problem, SPEC, network)
    np.testing.assert_array_equal(found.result["x"], expected.result["x"])
    assert found.phases == expected.phases


def test_a_peer_has_its_own_tasks():
    tasks = make_tasks(NETWORK.names, [1, 4, 2, 3, 2], (3, 9))

    def descent(problem, spec, neighbours, streams, state):
        U = np.eye(problem.facts.dim, 2)
        B, residual = problem.fit(U)
        assert len(problem.tasks) == len(B)
        assert problem.tasks[-1].stop == len(problem.y) == len(residual) == len(problem.X)
        U = yield from Agreement(1, "mean").average(problem.gradient(B, residual))
        return {"U": U, "B": B}

    check_program(one_peer(descent), tasks.block, SPEC, NETWORK)
    whole: Problem = tasks.all()
    found = run_block(one_peer(descent), whole, SPEC, NETWORK).result
    U = np.broadcast_to(np.eye(12, 2), (5, 12, 2))
    np.testing.assert_array_equal(found["B"], whole.fit(U)[0])
    assert found["U"].shape == (5, 12, 2)


def yields_an_array(problem, spec, neighbours, streams, state):
    yield problem.start


def asks_for_nothing(problem, spec, neighbours, streams, state):
    return {"x": problem.start}


def returns_an_array(problem, spec, neighbours, streams, state):
    yield from Broadcast(problem.start, "mean")
    return problem.start


def sends_words(problem, spec, neighbours, streams, state):
    yield from Broadcast({"x": problem.start}, "mean")


def branches(problem, spec, neighbours, streams, state):
    yield from Broadcast(problem.start, "mean")
    if problem.start.sum() > 5:
        yield from Broadcast(problem.start, "mean")
    return {}


def other_shapes(problem, spec, neighbours, streams, state):
    yield from Broadcast(problem.start[: 2 + neighbours.index % 2], "mean")


def counts_for_itself(problem, spec, neighbours, streams, state):
    state["visits"] = neighbours.index
    yield from Checkpoint(state)


def keeps_a_list(problem, spec, neighbours, streams, state):
    state["seen"] = []
    yield from Checkpoint(state)


def short_mask(problem, spec, neighbours, streams, state):
    yield from Broadcast(problem.start, "mean", send=np.ones(9, dtype=bool))


def floods_a_vector(problem, spec, neighbours, streams, state):
    yield from FloodMax(problem.start, "stop")


def results_of_other_shapes(problem, spec, neighbours, streams, state):
    yield from Broadcast(problem.start, "mean")
    return {"x": problem.start[: 1 + neighbours.index % 2]}


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (yields_an_array, "^p0 yields a ndarray, not a request; write `reply = yield from Broadcast"),
        (asks_for_nothing, "^the program returns a dict at once; it has to ask .* by `yield from`"),
        (returns_an_array, r"^p0 returns a ndarray; end with `return \{'U': U\}`"),
        (sends_words, "^p0: 'mean' carries a dict; what travels is an array of numbers"),
        (branches, r"^p0 asks for nothing more where p1 asks for Broadcast 'mean' of float64\[3\]"),
        (other_shapes, r"float64\[2\] where p1 asks for Broadcast 'mean' of float64\[3\]"),
        (counts_for_itself, "^the state 'visits' is 0 at p0 and 1 at p1: an int or bool is common"),
        (keeps_a_list, "^p0: the state 'seen' is a list; keep arrays of numbers"),
        (short_mask, r"^p0: send of Broadcast .* has the shape \(9,\), .* each of its 2 neighbours"),
        (floods_a_vector, r"^p0: FloodMax 'stop' takes one number, not float64\[3\]"),
        (results_of_other_shapes, r"^'x' has the shape \(1,\) at p0 and \(2,\) at p1"),
    ],
)
def test_breaches_are_told_with_the_peer_and_the_mend(program, message):
    with pytest.raises(ContractError, match=message):
        run_block(one_peer(program), Values(NETWORK.names), SPEC, NETWORK)


def changes_what_it_sent(problem, spec, neighbours, streams, state):
    x = problem.start.copy()
    got = yield from Broadcast(x, "mean")
    x += got.sum()
    return {"x": x}


def test_what_was_sent_is_frozen():
    with pytest.raises(ContractError, match=r"^rule 4: p0"):
        check_program(one_peer(changes_what_it_sent), Values, SPEC, NETWORK)


def test_a_problem_without_peers_is_refused():
    with pytest.raises(ContractError, match=r"needs a problem with a method `peer\(row\)`; Values has none"):
        run_block(one_peer(silent), programs.Values(NETWORK.names), SPEC, NETWORK)
