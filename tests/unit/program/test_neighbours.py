"""Neighbours of one peer and of a block."""

import numpy as np
import pytest

from peer.program import Neighbours
from peer.simulate.block import whole_network
from tests.support.problems import KITE, network_of
from topology.mixing import mixing_matrix
from topology.network import MixingRule

NETWORK = network_of(KITE)


def test_one_peer():
    p1 = Neighbours.of_peer(NETWORK, "p1")
    assert p1.edge_names == ("p0", "p2", "p3")
    assert p1.index.tolist() == [1]
    assert p1.other.tolist() == [0, 2, 3]
    assert p1.rows.tolist() == [0, 0, 0]
    assert p1.indptr.tolist() == [0, 3]
    assert p1.degree.tolist() == [3]
    assert p1.first.tolist() == [False, True, True]
    assert p1.num_peers == 5
    assert p1.network.sum() == 2 * len(KITE)


@pytest.mark.parametrize("rule", MixingRule.__args__)
def test_weights_are_the_rows_of_the_mixing_matrix(rule):
    network = network_of(KITE, rule)
    W = mixing_matrix(network)
    block = whole_network(network)
    np.testing.assert_array_equal(block.own_weight, np.diag(W))
    np.testing.assert_array_equal(block.weights, W[block.index[block.rows], block.other])
    for p, name in enumerate(network.names):
        alone = Neighbours.of_peer(network, name)
        part = slice(block.indptr[p], block.indptr[p + 1])
        np.testing.assert_array_equal(alone.weights, block.weights[part])
        np.testing.assert_array_equal(alone.own_weight, block.own_weight[p : p + 1])


def test_the_reverse_of_an_edge_is_the_same_edge_from_the_other_end():
    block = whole_network(NETWORK)
    np.testing.assert_array_equal(block.rows[block.reverse], block.other)
    np.testing.assert_array_equal(block.other[block.reverse], block.rows)
    np.testing.assert_array_equal(block.first[block.reverse], ~block.first)


def test_groups_by_degree_hold_every_edge_once():
    block = whole_network(NETWORK)
    groups = block.by_degree
    assert [edges.shape for _, edges in groups] == [(1, 1), (3, 2), (1, 3)]
    assert sorted(np.concatenate([edges.ravel() for _, edges in groups])) == list(range(len(block.rows)))
    for peers, edges in groups:
        np.testing.assert_array_equal(block.rows[edges], np.broadcast_to(peers[:, np.newaxis], edges.shape))


@pytest.mark.parametrize("shape", [(), (1,), (3, 2), (800,)])
def test_sums_over_edges_have_the_same_bits_alone_and_in_a_block(shape):
    block = whole_network(NETWORK)
    rng = np.random.default_rng(0)
    values = rng.standard_normal((len(block.rows), *shape))
    weights = rng.standard_normal(len(block.rows))
    for given in (None, weights):
        together = block.sum(values, given)
        np.testing.assert_array_equal(together, Neighbours.sum(block, values, given))
        for p, name in enumerate(NETWORK.names):
            part = slice(block.indptr[p], block.indptr[p + 1])
            alone = Neighbours.of_peer(NETWORK, name)
            own = alone.sum(values[part], None if given is None else given[part])
            assert own.shape == (1, *shape)
            assert own.tobytes() == together[p : p + 1].tobytes()
