"""Programs at one peer: requests become commands, payloads become replies."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.config import RunFailed
from peer.program import Broadcast, Checkpoint, FloodMax, Neighbours, Progress, Scatter
from peer.protocol.errors import DivergedError, PayloadError, ProgramError
from peer.protocol.interpreter import (
    CheckpointCommand,
    FinalCommand,
    Interpreter,
    ProgressCommand,
    RoundCommand,
)
from peer.protocol.payload import Tensor
from tests.support.problems import KITE, network_of

PATH = network_of([("p0", "p1"), ("p1", "p2")])


def interpreter(program, network=PATH, name="p1", state=None) -> Interpreter:
    neighbours = Neighbours.of_peer(network, name)
    return Interpreter(program, neighbours, name, network.diameter, state or {})


def first(program, **options) -> tuple[Interpreter, RoundCommand]:
    """An interpreter that waits in its first round."""
    found = interpreter(program, **options)
    command = found.encode(found.advance())
    assert isinstance(command, RoundCommand)
    return found, command


def tensor(array: np.ndarray) -> Tensor:
    return Tensor(array.dtype.str, array.shape, array.tobytes())


VALUE = np.array([[1.0, 2.0, 3.0]])


def one_round(value=VALUE, kind=Broadcast, **options):
    """A program of one round; its result is what came, by edge."""

    def program(neighbours, state):
        received = yield from kind(value, "mean", **options)
        return {"edges": received.edges}

    return program


def edges_of(found: Interpreter):
    """What the program got: its raw result, for a value of any kind."""
    assert found.advance() is None
    return found._result["edges"]


# Commands


def test_a_broadcast_sends_the_same_bytes_to_every_neighbour():
    _, command = first(one_round())
    expected = (Tensor("<f8", (3,), VALUE.tobytes()),)
    assert command.label == "mean"
    assert command.outgoing == {"p0": expected, "p2": expected}
    assert command.outgoing["p0"] is command.outgoing["p2"]  # digested once
    assert command.expected == {"p0", "p2"}


def test_a_scatter_sends_each_edge_its_own():
    found, command = first(one_round(np.array([[1.0], [2.0]]), Scatter))
    assert command.outgoing["p0"][0].data == np.array([1.0]).tobytes()
    assert command.outgoing["p2"][0].data == np.array([2.0]).tobytes()
    found.decode({name: (tensor(np.array([5.0])),) for name in ("p0", "p2")})
    np.testing.assert_array_equal(edges_of(found), [[5.0], [5.0]])


@pytest.mark.parametrize("kind", [Broadcast, Scatter])
def test_masks_choose_edges_in_each_direction_by_itself(kind):
    value = VALUE if kind is Broadcast else np.repeat(VALUE, 2, axis=0)
    masks = {"send": np.array([True, False]), "receive": np.array([False, True])}
    found, command = first(one_round(value, kind, **masks))
    assert command.outgoing.keys() == {"p0"}
    assert command.expected == {"p2"}
    found.decode({"p2": (tensor(VALUE[0]),)})
    np.testing.assert_array_equal(edges_of(found), VALUE)


@pytest.mark.parametrize("kind", [Broadcast, Scatter])
def test_what_is_not_sent_may_be_anything(kind):
    value = np.array([[np.nan]]) if kind is Broadcast else np.array([[1.0], [np.nan]])
    send = np.array([False, False]) if kind is Broadcast else np.array([True, False])
    _, command = first(one_round(value, kind, send=send))
    assert set(command.outgoing) == (set() if kind is Broadcast else {"p0"})


def test_big_endian_values_travel_little_endian():
    _, command = first(one_round(VALUE.astype(">f8")))
    assert command.outgoing["p0"] == (Tensor("<f8", (3,), VALUE.tobytes()),)


def test_strided_values_travel_in_c_order():
    value = np.arange(6.0).reshape(1, 3, 2).transpose(0, 2, 1)
    _, command = first(one_round(value))
    assert command.outgoing["p0"][0].data == np.ascontiguousarray(value[0]).tobytes()


def test_what_was_yielded_must_not_change_any_more():
    value = VALUE.copy()
    first(one_round(value))
    with pytest.raises(ValueError, match="read-only"):
        value[0] = 0


def test_light_is_the_hint_of_the_round_that_is_on():
    found, _ = first(one_round(light=True))
    assert found.light
    assert not first(one_round())[0].light
    assert not interpreter(one_round(light=True)).light


def test_checkpoints_progress_and_the_end_become_commands():
    def program(neighbours, state):
        state["x"] = state.get("x", 0) + 1
        yield from Checkpoint(state)
        yield from Progress(4, {"loss": np.array([2.0])}, {"U": VALUE[np.newaxis]})
        return {"U": VALUE}

    found = interpreter(program, state={"x": 6})
    checkpoint = found.encode(found.advance())
    assert checkpoint == CheckpointCommand({"x": 7})
    progress = found.encode(found.advance())
    assert isinstance(progress, ProgressCommand)
    assert (progress.iteration, progress.metrics) == (4, {"loss": 2.0})
    np.testing.assert_array_equal(progress.estimate["U"], VALUE)
    assert found.encode(found.advance()) == FinalCommand({"U": VALUE})


def test_a_checkpoint_is_a_snapshot():
    def program(neighbours, state):
        state["x"] = VALUE.copy()
        yield from Checkpoint(state)
        state["x"] = state["x"] + 1
        yield from Checkpoint(state)
        return {}

    found = interpreter(program)
    before = found.encode(found.advance())
    after = found.encode(found.advance())
    assert not np.shares_memory(before.state["x"], after.state["x"])
    assert not before.state["x"].flags.writeable
    np.testing.assert_array_equal(before.state["x"], VALUE)


# Replies


def test_the_reply_combines_in_the_order_of_names():
    def program(neighbours, state):
        received = yield from Broadcast(VALUE, "mean")
        return {"x": received.combine(VALUE)}

    found, _ = first(program)
    found.decode({"p0": (tensor(VALUE[0]),), "p2": (tensor(3 * VALUE[0]),)})
    weights = Neighbours.of_peer(PATH, "p1")
    expected = weights.own_weight[0] * VALUE + (weights.weights[0] * VALUE + weights.weights[1] * (3 * VALUE))
    np.testing.assert_array_equal(found.encode(found.advance()).result["x"], expected)


def test_a_tuple_travels_as_several_arrays():
    value = (np.array([[1, 2]], dtype=np.int8), np.array([[0.5]], dtype=np.float32))
    found, command = first(one_round(value))
    assert [part.dtype for part in command.outgoing["p0"]] == ["|i1", "<f4"]
    found.decode({name: tuple(tensor(part[0]) for part in value) for name in ("p0", "p2")})
    codes, scales = edges_of(found)
    np.testing.assert_array_equal(codes, [[1, 2], [1, 2]])
    np.testing.assert_array_equal(scales, [[0.5], [0.5]])


def test_a_list_of_byte_vectors_may_differ_in_length():
    found, command = first(one_round([np.array([1, 2, 3], dtype=np.uint8)]))
    assert command.outgoing["p0"] == (Tensor("|u1", (3,), bytes([1, 2, 3])),)
    found.decode({"p0": (Tensor("|u1", (1,), b"\x09"),), "p2": (Tensor("|u1", (0,), b""),)})
    assert [list(vector) for vector in edges_of(found)] == [[9], []]


GOOD = tensor(VALUE[0])
NAN = tensor(np.array([1.0, np.nan, 3.0]))
INF = tensor(np.array([1.0, -np.inf, 3.0]))


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ((), "p2 sent 0 arrays in mean, expected 1 arrays: check that it runs the same version and spec"),
        ((GOOD, GOOD), "p2 sent 2 arrays in mean, expected 1 arrays"),
        ((Tensor("<f4", (3,), bytes(12)),), "p2 sent <f4 of shape .3,. in mean, expected <f8 of shape .3,."),
        ((Tensor(">f8", (3,), bytes(24)),), "p2 sent >f8 of shape"),
        ((Tensor("<f8", (4,), bytes(32)),), "p2 sent <f8 of shape .4,. in mean"),
        ((Tensor("<f8", (3, 1), bytes(24)),), "p2 sent <f8 of shape .3, 1. in mean"),
        ((Tensor("<f8", (3,), bytes(23)),), "p2 sent 23 bytes in mean, expected 24 bytes"),
        ((NAN,), r"p2 sent a value that is not finite \(NaN or Inf\) in mean; look at its log"),
        ((INF,), "p2 sent a value that is not finite"),
    ],
)
def test_a_neighbours_value_that_cannot_be_is_refused_by_its_name(payload, text):
    found, _ = first(one_round())
    with pytest.raises(PayloadError, match=text):
        found.decode({"p0": (GOOD,), "p2": payload})


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ((Tensor("<f8", (3,), bytes(24)),), "p2 sent <f8 of shape .3,. in mean, expected .u1 of one axis"),
        ((Tensor("|u1", (1, 3), bytes(3)),), "p2 sent .u1 of shape .1, 3. in mean"),
        ((Tensor("|u1", (4,), bytes(3)),), "p2 sent 3 bytes in mean, expected 4 bytes"),
    ],
)
def test_a_byte_vector_that_is_none_is_refused(payload, text):
    found, _ = first(one_round([np.zeros(3, dtype=np.uint8)]))
    with pytest.raises(PayloadError, match=text):
        found.decode({"p2": payload})


def test_a_part_of_a_tuple_is_checked_like_an_array():
    value = (np.array([[1, 2]], dtype=np.int8), np.array([[0.5]]))
    found, _ = first(one_round(value))
    with pytest.raises(PayloadError, match="p0 sent a value that is not finite"):
        found.decode({"p0": (tensor(value[0][0]), tensor(np.array([np.nan])))})
    with pytest.raises(PayloadError, match="p0 sent 1 arrays in mean, expected 2 arrays"):
        found.decode({"p0": (tensor(value[0][0]),)})


def test_large_finite_values_are_finite():
    """Their squares are not; nothing is to be said of it, not even as a warning."""
    value = np.array([[1e200, -1e308, 5e-324]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, _ = first(one_round(value))
        found.decode({"p0": (tensor(value[0]),), "p2": (tensor(value[0]),)})


# Own errors, told apart from theirs


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_an_own_value_that_is_not_finite_has_diverged_here(wrong):
    def program(neighbours, state):
        yield from Progress(3, {}, {})
        yield from Broadcast(np.array([[1.0, wrong]]), "descent")
        return {}

    found = interpreter(program)
    found.encode(found.advance())
    text = "p1: its own value is not finite in descent, after iteration 3: the run has diverged here; try a smaller"
    with pytest.raises(DivergedError, match=text):
        found.encode(found.advance())


def test_a_result_that_is_not_finite_has_diverged_here():
    def program(neighbours, state):
        yield from Checkpoint(state)
        return {"U": np.array([np.nan])}

    found = interpreter(program)
    found.encode(found.advance())
    with pytest.raises(DivergedError, match="p1: its result U is not finite"):
        found.encode(found.advance())


def test_a_flood_of_nan_has_diverged_here():
    def program(neighbours, state):
        yield from FloodMax(np.array([np.nan]), "stop")
        return {}

    with pytest.raises(DivergedError, match="p1: its own value is not a number in stop"):
        interpreter(program).advance()


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (Broadcast(VALUE, "x" * 65), "Broadcast has the label 'xxx"),
        (FloodMax(np.ones(1), 3), "FloodRound has the label of type int"),
        (Progress(2.0, {}, {}), "Progress has the iteration 2.0 of type float"),
        (Progress(2, {}, {}), "Progress has the iteration 2 after 3"),
        (Progress(4, {"loss": 1.0}, {}), "the metric 'loss' of Progress is a float"),
        (VALUE, "the program yields a ndarray, not a request"),
    ],
)
def test_a_request_that_would_break_elsewhere_ends_the_run_here(request_, text):
    def program(neighbours, state):
        yield from Progress(np.int64(3), {}, {})
        yield request_

    found = interpreter(program)
    assert type(found.encode(found.advance()).iteration) is int
    with pytest.raises(ProgramError, match=f"^p1: after iteration 3: {text}"):
        found.encode(found.advance())


@pytest.mark.parametrize("error", [np.linalg.LinAlgError("singular matrix"), RunFailed("nothing left")])
def test_a_program_that_gives_up_says_where(error):
    def program(neighbours, state):
        yield from Progress(2, {}, {})
        raise error

    found = interpreter(program)
    found.encode(found.advance())
    with pytest.raises(ProgramError, match=f"p1: the program cannot go on after iteration 2: {error}"):
        found.advance()


def test_numbers_that_overflow_are_caught_where_they_would_be_sent():
    def program(neighbours, state):
        yield from Broadcast(np.full((1, 2), 1e308) * 10, "descent")
        return {}

    found = interpreter(program)
    request = found.advance()
    with pytest.raises(DivergedError, match="p1: its own value is not finite in descent"):
        found.encode(request)


# FloodMax


def flood(value: float, log: list):
    def program(neighbours, state):
        log.append((yield from FloodMax(np.array([value]), "stop")))
        log.append((yield from FloodMax(np.array([-value]), "stop")))
        return {}

    return program


@st.composite
def graphs(draw):
    count = draw(st.integers(2, 8))
    tree = [(f"p{draw(st.integers(0, i - 1))}", f"p{i}") for i in range(1, count)]
    pairs = [(f"p{i}", f"p{j}") for i in range(count) for j in range(i + 1, count)]
    return network_of(sorted({*tree, *draw(st.lists(st.sampled_from(pairs), max_size=4))}))


@given(graphs(), st.data())
def test_flood_max_is_exact_over_any_graph(network, data):
    finite = st.floats(allow_nan=False, allow_infinity=False)
    values = {name: data.draw(finite) for name in network.names}
    heard = {name: [] for name in network.names}
    found = {name: interpreter(flood(values[name], heard[name]), network, name) for name in network.names}
    commands = {name: each.encode(each.advance()) for name, each in found.items()}
    rounds = 0
    while all(isinstance(command, RoundCommand) for command in commands.values()):
        rounds += 1
        for name, each in found.items():
            # After the last round of a flood the program computes: that is not for the event loop.
            assert each.light is (rounds % network.diameter != 0)
            each.decode({n: commands[n].outgoing[name] for n in network.neighbours(name)})
        commands = {name: each.encode(each.advance()) for name, each in found.items()}
    assert rounds == 2 * network.diameter
    expected = [max(values.values()), -min(values.values())]
    assert all(told == expected for told in heard.values())
    assert commands == dict.fromkeys(network.names, FinalCommand({}))


def test_flood_max_rounds_are_usual_rounds_of_its_label():
    _, command = first(flood(2.0, []), network=network_of(KITE), name="p1")
    assert command.label == "stop"
    assert command.expected == {"p0", "p2", "p3"}
    assert command.outgoing["p0"] == (Tensor("<f8", (), np.array(2.0).tobytes()),)
