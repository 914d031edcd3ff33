from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import topology.mixing
from tests.unit.topology.strategies import networks
from topology.errors import InputError
from topology.generators import make_network
from topology.mixing import gamma, mixing_matrix, peer_weights, spectral_gap
from topology.network import Network
from topology.yamlfile import validate

CASES = Path(__file__).parents[2] / "data"
STOCHASTIC = st.sampled_from(["metropolis", "lazy-metropolis", "max-degree"])


def of_adjacency(adjacency, mixing="metropolis"):
    names = [f"p{i}" for i in range(len(adjacency))]
    edges = [[names[i], names[j]] for i, j in np.argwhere(np.triu(adjacency))]
    return validate(
        Network, {"name": "n", "mixing": mixing, "peers": {name: {} for name in names}, "edges": edges}
    )


# a path p0 - p1 - p2 with p3 at p1: degrees 1, 3, 1, 1
TREE = np.array([[0, 1, 0, 0], [1, 0, 1, 1], [0, 1, 0, 0], [0, 1, 0, 0]])


@pytest.mark.parametrize(
    ("mixing", "leaf", "middle", "weight"),
    [
        ("metropolis", 3 / 4, 1 / 4, 1 / 4),
        ("lazy-metropolis", 7 / 8, 5 / 8, 1 / 8),
        ("max-degree", 3 / 4, 1 / 4, 1 / 4),
    ],
)
def test_weights_of_a_small_tree(mixing, leaf, middle, weight):
    network = of_adjacency(TREE, mixing)
    assert peer_weights(network, "p0") == (leaf, {"p1": weight})
    assert peer_weights(network, "p1") == (middle, {"p0": weight, "p2": weight, "p3": weight})


def test_uniform_weights_are_one_over_the_degree_without_self_weight():
    network = of_adjacency(TREE, "uniform")
    assert peer_weights(network, "p0") == (0.0, {"p1": 1.0})
    assert peer_weights(network, "p1") == (0.0, {"p0": 1 / 3, "p2": 1 / 3, "p3": 1 / 3})


def test_metropolis_looks_at_the_larger_degree_and_max_degree_at_the_largest():
    # A path of four has degrees 1, 2, 2, 1; with a second leaf at p1 the far end tells the rules apart.
    adjacency = np.zeros((5, 5), dtype=int)
    for a, b in [(0, 1), (1, 2), (1, 4), (2, 3)]:
        adjacency[a, b] = adjacency[b, a] = 1
    assert peer_weights(of_adjacency(adjacency), "p3")[1] == {"p2": 1 / 3}
    assert peer_weights(of_adjacency(adjacency, "max-degree"), "p3")[1] == {"p2": 1 / 4}


def test_an_unknown_peer_has_no_weights():
    with pytest.raises(InputError, match="called 'p9'"):
        peer_weights(of_adjacency(TREE), "p9")


@pytest.mark.parametrize("case", ["tiny", "small", "noisy"])
def test_the_independent_implementation_is_met(case):
    stored = np.load(CASES / f"{case}.npz")
    W = mixing_matrix(of_adjacency(stored["adjacency"]))
    np.testing.assert_allclose(W, stored["W"], rtol=1e-15, atol=1e-16)
    assert gamma(W) == pytest.approx(float(stored["gamma"]), rel=1e-12)


@settings(deadline=None)
@given(networks(mixing=STOCHASTIC))
def test_matrices_are_symmetric_doubly_stochastic_and_keep_a_self_weight(network):
    W = mixing_matrix(network)
    np.testing.assert_array_equal(W, W.T)
    np.testing.assert_allclose(W.sum(axis=0), 1, rtol=0, atol=1e-15 * len(W))
    assert (W >= 0).all()
    assert (np.diag(W) > 0).all()
    np.testing.assert_array_equal((W > 0) & ~np.eye(len(W), dtype=bool), network.adjacency)


@settings(deadline=None)
@given(networks())
def test_rows_have_the_bits_of_the_peers_own_weights(network):
    W = mixing_matrix(network)
    for row, name in enumerate(network.names):
        own, weights = peer_weights(network, name)
        assert tuple(weights) == network.neighbours(name)
        assert W[row, row] == own
        assert all(W[row, network.index(other)] == weight for other, weight in weights.items())
        if network.mixing != "uniform":
            total = 0.0
            for other in sorted(weights):
                total += weights[other]
            assert own == 1 - total


@settings(deadline=None)
@given(networks(mixing=st.just("lazy-metropolis")))
def test_lazy_metropolis_has_no_negative_eigenvalue(network):
    assert np.linalg.eigvalsh(mixing_matrix(network)).min() >= -1e-14


def second_largest(W):
    sizes = sorted(np.abs(np.linalg.eigvals(W)))
    return sizes[-2]


@settings(deadline=None)
@given(networks())
def test_gamma_is_the_second_largest_eigenvalue_in_size(network):
    W = mixing_matrix(network)
    assert gamma(W) == pytest.approx(second_largest(W), abs=1e-7)  # eigvals of a defective W is that rough
    assert 0 <= gamma(W) <= 1 + 1e-12
    assert spectral_gap(W) == 1 - gamma(W)


@pytest.mark.parametrize("mixing", ["metropolis", "uniform"])
@pytest.mark.parametrize(
    ("kind", "setting"),
    [("erdos-renyi", {"p": 0.1}), ("small-world", {"degree": 4}), ("star", {}), ("grid", {})],
)
def test_large_networks_take_the_sparse_solver_to_the_same_gamma(monkeypatch, kind, setting, mixing):
    W = mixing_matrix(make_network(kind, 120, mixing=mixing, **setting).network)
    dense = gamma(W)
    monkeypatch.setattr(topology.mixing, "_DENSE_LIMIT", 10)
    assert gamma(W) == pytest.approx(dense, abs=1e-10)


def test_gamma_where_it_is_known():
    angle = 2 * np.pi / 8
    ring = mixing_matrix(make_network("ring", 8).network)
    assert gamma(ring) == pytest.approx(1 / 3 + 2 / 3 * np.cos(angle))
    assert gamma(mixing_matrix(make_network("complete", 5).network)) == pytest.approx(0, abs=1e-15)
    even_ring = mixing_matrix(make_network("ring", 8, mixing="uniform").network)
    assert gamma(even_ring) == pytest.approx(1)
    odd_ring = mixing_matrix(make_network("ring", 7, mixing="uniform").network)
    assert gamma(odd_ring) == pytest.approx(np.cos(np.pi / 7))
