"""Small programs that keep the contract, to be broken one rule at a time."""

from collections.abc import Iterator

import numpy as np

from peer.config import RunSpec
from peer.program import (
    Array,
    Broadcast,
    Checkpoint,
    FloodMax,
    Neighbours,
    Progress,
    Purpose,
    Rounds,
    Scatter,
)

SPEC = RunSpec(algorithm="example", seed=5)


class Values:
    """A problem: one vector for each peer, from its name alone."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.start = np.stack([np.arange(3.0) + int(name[1:]) ** 2 for name in names])


def averaging(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    """Noisy averaging, normalised in every iteration, with a stop that all take together."""
    state.setdefault("x", problem.start)
    while not state.setdefault("done", False):
        i = state["iteration"] = state.get("iteration", 0) + 1
        noise = streams.own(Purpose.START, lambda rng: rng.standard_normal(3), i)
        common = streams.common(Purpose.START, lambda rng: rng.standard_normal(3), i + 100)
        x = state["x"] / (1 + np.linalg.norm(state["x"], axis=1, keepdims=True)) + noise * common
        for _ in range(2):
            x = (yield from Broadcast(x, "mean")).combine(x)
        moved = np.abs(x - state["x"]).max(axis=1)
        state["x"] = x
        largest = yield from FloodMax(moved, "stop")
        state["done"] = largest < 0.1 or i == 6
        yield from Progress(i, {"moved": moved}, {"x": x})
        yield from Checkpoint(state)
    return {"x": state["x"]}


def tree_sum(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    """The exact sum over the chain p0 - p1 - ..., up and down again: most edges are silent in each round."""
    position = neighbours.index
    up = neighbours.other == position[neighbours.rows] - 1
    down = neighbours.other == position[neighbours.rows] + 1
    here = position[neighbours.rows]
    last = neighbours.num_peers - 1
    x = problem.start
    for k in range(last, 0, -1):
        got = yield from Broadcast(x, "up", send=up & (here == k), receive=down & (here == k - 1))
        x = x + got.sum()
    for k in range(last):
        got = yield from Broadcast(x, "down", send=down & (here == k), receive=up & (here == k + 1))
        x = np.where((position == k + 1)[:, np.newaxis], got.sum(), x)
    return {"x": x}


def coded(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    """Differences in eight bits with a scale, as a tuple; what is heard is kept in the state."""
    state.setdefault("x", problem.start)
    for key in ("hat", "heard"):
        state.setdefault(key, np.zeros_like(problem.start))
    away = (1 - neighbours.own_weight)[:, np.newaxis]
    while state.setdefault("iteration", 0) < 4:
        difference = state["x"] - state["hat"]
        scale = np.abs(difference).max(axis=1, keepdims=True).astype(np.float32)
        code = (np.round(difference / (scale + 1e-9) * 127).astype(np.int8), scale)
        got = (yield from Broadcast(code, "codes")).map(_decode)
        state["hat"] = state["hat"] + _decode(code)
        state["heard"] = state["heard"] + got.sum(neighbours.weights)
        state["x"] = state["x"] + state["heard"] - away * state["hat"]
        state["iteration"] += 1
        yield from Checkpoint(state)
    return {"x": state["x"]}


def _decode(code: tuple[Array, Array]) -> Array:
    codes, scale = code
    return codes * (scale.astype(np.float64) / 127)


def lengths(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    """Codes whose length differs by peer, as a list of byte vectors."""
    codes = [np.full(int(i) + 1, 7, dtype=np.uint8) for i in neighbours.index]
    got = yield from Broadcast(codes, "lengths")
    sums = got.map(lambda vectors: np.array([v.sum() for v in vectors], dtype=np.float64).reshape(-1, 1))
    return {"x": sums.sum()}


def edge_products(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    """An edge weight that both ends compute from both values, with a value of its own on each edge."""
    while state.setdefault("iteration", 0) < 2:
        mine = problem.start[neighbours.rows] * (1 + neighbours.other)[:, np.newaxis]
        got = yield from Scatter(mine, "edges")
        state["a"] = mine + got.edges
        state["x"] = neighbours.sum(state["a"], neighbours.weights)
        state["iteration"] += 1
        yield from Checkpoint(state)
    return {"x": state["x"]}


# --- one breach each ------------------------------------------------------------------------------------------


def mixes_rows(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    x = problem.start
    got = yield from Broadcast(x, "mean")
    x = got.combine(x)
    return {"x": x / np.linalg.norm(x)}  # over all rows


def no_peer_axis(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    got = yield from Broadcast(problem.start, "mean")
    total = np.asarray(got.combine(problem.start).sum())
    yield from Progress(1, {"total": total}, {})
    return {"x": problem.start}


def branches_on_own_value(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    x = problem.start
    while np.abs(x).max() > 2.5:
        x = (yield from Broadcast(x, "mean")).combine(x) / 2
    return {"x": x}


def wrong_mask(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    got = yield from Broadcast(problem.start, "one way", send=neighbours.first, receive=neighbours.first)
    return {"x": got.sum()}


def wrong_mask_on_a_silent_edge(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    got = yield from Broadcast(problem.start, "one way", receive=neighbours.first)
    return {"x": got.sum()}


def changes_in_place(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    x = problem.start
    got = yield from Broadcast(x, "mean")
    x += got.combine(x)
    return {"x": x}


def changes_by_a_view(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    both = np.concatenate([problem.start, problem.start], axis=1)
    got = yield from Broadcast(both[:, :3], "mean")
    both[:, :3] += got.sum()
    return {"x": both}


def changes_the_state_in_place(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    state.setdefault("x", problem.start)
    while state.setdefault("iteration", 0) < 2:
        state["iteration"] += 1
        state["x"] += 1
        yield from Checkpoint(state)
    return {"x": state["x"]}


def keeps_something_outside(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    momentum = np.zeros_like(problem.start)
    state.setdefault("x", problem.start)
    while state.setdefault("iteration", 0) < 3:
        got = yield from Broadcast(state["x"], "mean")
        momentum = momentum / 2 + got.combine(state["x"])
        state["x"] = momentum
        state["iteration"] += 1
        yield from Checkpoint(state)
    return {"x": state["x"]}


def checkpoint_before_the_stop(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    state.setdefault("x", problem.start)
    while True:
        got = yield from Broadcast(state["x"], "mean")
        moved = np.abs(got.combine(state["x"]) - state["x"]).max(axis=1)
        state["x"] = got.combine(state["x"])
        yield from Checkpoint(state)
        if (yield from FloodMax(moved, "stop")) < 2:
            return {"x": state["x"]}


class Hat:
    """A part of a program that keeps its state in itself."""

    def __init__(self) -> None:
        self.hat = 0.0

    def average(self, x: Array) -> Rounds[Array]:
        self.hat = self.hat + (yield from Broadcast(x - self.hat, "mean")).combine(x - self.hat)
        return self.hat


def part_with_its_own_state(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    hat = Hat()
    state.setdefault("x", problem.start)
    while state.setdefault("iteration", 0) < 3:
        state["x"] = yield from hat.average(state["x"])
        state["iteration"] += 1
        yield from Checkpoint(state)
    return {"x": state["x"]}


def ends_disagree(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    while "a" not in state:
        mine = problem.start[neighbours.rows] / 3
        got = yield from Scatter(mine, "edges")
        state["a"] = 0.1 * mine + 0.2 * got.edges
        yield from Checkpoint(state)
    return {"x": neighbours.sum(state["a"])}


_counter: Iterator[int] = iter(range(10**9))


def global_numbers(problem, spec, neighbours, streams, state) -> Rounds[dict[str, Array]]:
    x = problem.start + next(_counter)
    got = yield from Broadcast(x, "mean")
    return {"x": got.combine(x)}


def remembers_in_the_problem(
    problem, spec, neighbours: Neighbours, streams, state
) -> Rounds[dict[str, Array]]:
    state.setdefault("x", problem.start)
    while state.setdefault("iteration", 0) < 2:
        problem.seen = getattr(problem, "seen", 0) + 1
        got = yield from Broadcast(state["x"] * problem.seen, "mean")
        state["x"] = got.combine(state["x"])
        state["iteration"] += 1
        yield from Checkpoint(state)
    return {"x": state["x"]}
