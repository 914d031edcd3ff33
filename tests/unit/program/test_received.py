"""Received: the reply of one peer has the bits of the block's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.program import Broadcast, Neighbours, Received, Scatter, entry_of
from peer.simulate.block import exchange, whole_network
from tests.support.problems import KITE, network_of
from tests.unit.topology.strategies import networks
from topology.mixing import mixing_matrix

NETWORK = network_of(KITE)
BLOCK = whole_network(NETWORK)


def alone(request, network=NETWORK):
    """The reply of each peer by itself, from what the others send to it."""
    block = whole_network(network)
    sends = np.ones(len(block.rows), dtype=bool) if request.send is None else request.send
    value = request.value if isinstance(request, Broadcast) else request.values
    replies = []
    for p, name in enumerate(network.names):
        came = {}
        for e in range(len(block.rows)):
            if block.other[e] == p and sends[e]:
                entry = block.rows[e] if isinstance(request, Broadcast) else e
                came[network.names[block.rows[e]]] = entry_of(value, entry)
        own = entry_of_block(value, block, p, request)
        replies.append(Received.of_peer(Neighbours.of_peer(network, name), came, own))
    return replies


def entry_of_block(value, block, p, request):
    """What the peer p itself yields: its row, or its edges."""
    part = slice(p, p + 1) if isinstance(request, Broadcast) else slice(block.indptr[p], block.indptr[p + 1])
    return tuple(a[part] for a in value) if isinstance(value, tuple) else value[part]


def same_bits(together, parts):
    assert together.tobytes() == np.concatenate(parts).tobytes()
    assert together.shape == np.concatenate(parts).shape


@settings(max_examples=40, deadline=None)
@given(network=networks(), width=st.sampled_from([1, 2, 7, 800]), seed=st.integers(0, 99))
def test_one_round_of_averaging(network, width, seed):
    x = np.random.default_rng(seed).standard_normal((len(network.names), width))
    request = Broadcast(x, "mean")
    received, _ = exchange(whole_network(network), request)
    replies = alone(request, network)
    mixed = received.combine(x)
    same_bits(mixed, [reply.combine(x[p : p + 1]) for p, reply in enumerate(replies)])
    same_bits(received.sum(), [reply.sum() for reply in replies])
    np.testing.assert_allclose(mixed, mixing_matrix(network) @ x, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.int8])
def test_narrow_values_are_summed_in_float64(dtype):
    x = (np.random.default_rng(0).standard_normal((5, 4)) * 50).astype(dtype)
    request = Broadcast(x, "narrow")
    received, sent = exchange(BLOCK, request)
    assert received.sum(BLOCK.weights).dtype == np.float64
    assert sent == 2 * len(KITE) * 4 * np.dtype(dtype).itemsize
    weighted = [
        r.sum(Neighbours.of_peer(NETWORK, n).weights)
        for r, n in zip(alone(request), NETWORK.names, strict=True)
    ]
    same_bits(received.sum(BLOCK.weights), weighted)


def masks():
    """p0 and p2 send to those of higher name; p1 to nobody; the others to everybody."""
    send = np.where(np.isin(BLOCK.rows, [0, 2]), BLOCK.first, BLOCK.rows != 1)
    return send, send[BLOCK.reverse]


@pytest.mark.parametrize("kind", ["broadcast", "scatter"])
def test_rounds_on_some_edges(kind):
    send, receive = masks()
    rng = np.random.default_rng(1)
    if kind == "broadcast":
        request = Broadcast(rng.standard_normal((5, 2, 3)), "some", send, receive)
    else:
        request = Scatter(rng.standard_normal((len(BLOCK.rows), 2, 3)), "some", send, receive)
    received, sent = exchange(BLOCK, request)
    replies = alone(request)
    assert sent == send.sum() * 48
    assert any(len(reply.rows) == 0 for reply in replies)  # p0: p1 is silent, and p0 is below p2
    same_bits(received.sum(), [reply.sum() for reply in replies])
    same_bits(received.edges, [reply.edges for reply in replies])
    own = rng.standard_normal((5, 2, 3))
    same_bits(received.combine(own), [reply.combine(own[p : p + 1]) for p, reply in enumerate(replies)])
    np.testing.assert_array_equal(received.rows, BLOCK.rows[receive])
    doubled = received.map(lambda value: value * 2)
    same_bits(doubled.sum(), [reply.map(lambda value: value * 2).sum() for reply in replies])
    weights = rng.standard_normal(len(BLOCK.rows))
    parts = [weights[BLOCK.indptr[p] : BLOCK.indptr[p + 1]] for p in range(5)]
    same_bits(received.sum(weights), [r.sum(w) for r, w in zip(replies, parts, strict=True)])


def test_a_value_of_its_own_on_each_edge_arrives_at_the_other_end():
    values = 10.0 * BLOCK.rows + BLOCK.other
    received, _ = exchange(BLOCK, Scatter(values, "edges"))
    np.testing.assert_array_equal(received.edges, 10.0 * BLOCK.other + BLOCK.rows)


def test_codes_are_decoded_once_for_each_sender():
    codes = (np.arange(10, dtype=np.uint8).reshape(5, 2), np.arange(5, dtype=np.float32).reshape(5, 1))
    decoded = []

    def decode(value):
        decoded.append(len(value[0]))
        return value[0] * value[1].astype(np.float64)

    request = Broadcast(codes, "codes")
    received, sent = exchange(BLOCK, request)
    same_bits(received.map(decode).sum(), [reply.map(decode).sum() for reply in alone(request)])
    assert decoded[0] == 5
    assert sent == 2 * len(KITE) * 6
    same_bits(received.edges[1], [reply.edges[1] for reply in alone(request)])
    with pytest.raises(TypeError, match="decode the values with map first"):
        received.sum()
    with pytest.raises(TypeError, match="decode the values with map first"):
        alone(request)[0].sum()


def test_codes_of_different_lengths():
    codes = [np.full(p + 1, p, dtype=np.uint8) for p in range(5)]
    request = Broadcast(codes, "codes")
    received, sent = exchange(BLOCK, request)
    assert sent == sum(int(d) * (p + 1) for p, d in enumerate(BLOCK.degree))

    def decode(vectors):
        return np.array([float(v.sum()) for v in vectors])

    same_bits(received.map(decode).sum(), [reply.map(decode).sum() for reply in alone(request)])
    assert [v.tolist() for v in received.edges] == [codes[j].tolist() for j in BLOCK.other]
    assert [v.tolist() for v in alone(request)[1].edges] == [codes[j].tolist() for j in (0, 2, 3)]


def test_where_nothing_came_sums_are_zeros_of_the_values_shape():
    p4 = Neighbours.of_peer(NETWORK, "p4")
    received = Received.of_peer(p4, {}, np.ones((1, 2, 3), dtype=np.float32))
    np.testing.assert_array_equal(received.sum(), np.zeros((1, 2, 3)))
    assert received.edges.shape == (0, 2, 3)
    halves = received.map(lambda value: value[..., :1].astype(np.float64))
    assert halves.sum().shape == (1, 2, 1)
