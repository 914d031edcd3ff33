"""Section 2 of the method: the agreement protocol and its weights."""

import numpy as np
import pytest

from peer.consensus import Agreement
from peer.simulate.fast import run_block
from tests.support.problems import KITE, network_of
from tests.unit.testing.programs import SPEC
from topology.mixing import gamma, mixing_matrix

KITE_RULES = ["metropolis", "lazy-metropolis", "max-degree"]
RING = [("p0", "p1"), ("p1", "p2"), ("p2", "p3"), ("p0", "p3")]


def agree(x, rounds, network):
    def program(problem, spec, neighbours, streams, state):
        return {"x": (yield from Agreement(rounds, "mean").average(problem))}

    return run_block(program, x, SPEC, network).result["x"]


def values(network):
    return np.random.default_rng(1).standard_normal((len(network.names), 4, 2))


@pytest.mark.parametrize("rule", [*KITE_RULES, "uniform"])
def test_a_round_moves_towards_the_neighbours(rule):
    """Section 2: k rounds of Z_g <- Z_g + sum_j W_gj (Z_j - Z_g), that is Z <- W Z."""
    network = network_of(KITE, rule)
    W = mixing_matrix(network)
    Z = x = values(network)
    for _ in range(3):
        Z = np.stack([Z[g] + sum(W[g, j] * (Z[j] - Z[g]) for j in range(5) if j != g) for g in range(5)])
    np.testing.assert_allclose(agree(x, 3, network), Z, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("rule", KITE_RULES)
def test_the_average_is_kept_and_reached(rule):
    """Section 2: the result is about the average; multiplied by L it is the sum."""
    network = network_of(KITE, rule)
    x = values(network)
    np.testing.assert_allclose(agree(x, 1, network).mean(axis=0), x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(5 * agree(x, 400, network), np.broadcast_to(x.sum(axis=0), x.shape), rtol=1e-9)


@pytest.mark.parametrize("rule", KITE_RULES)
def test_contraction_per_round(rule):
    """Section 2: the contraction per round is gamma(W) = max(|lambda_2|, |lambda_L|)."""
    network = network_of(KITE, rule)
    x = values(network)
    rate = gamma(mixing_matrix(network))

    def error(rounds):
        return np.linalg.norm(agree(x, rounds, network) - x.mean(axis=0))

    assert all(error(k + 1) <= rate * error(k) * (1 + 1e-9) for k in range(20))
    assert error(41) / error(40) == pytest.approx(rate, rel=1e-3)  # and it is reached


def test_weights_of_the_rules():
    """Section 2, table: Metropolis 1/(1+max(d_g,d_j)), lazy half of it, max-degree 1/(d_max+1), uniform 1/d_g."""
    degree = np.array([2, 3, 2, 2, 1])
    adjacent = network_of(KITE).adjacency
    larger = np.maximum(degree[:, np.newaxis], degree)
    expected = {
        "metropolis": adjacent / (1 + larger),
        "lazy-metropolis": adjacent / (1 + larger) / 2,
        "max-degree": adjacent / 4,
        "uniform": adjacent / degree[:, np.newaxis],
    }
    for rule, weights in expected.items():
        W = mixing_matrix(network_of(KITE, rule))
        np.testing.assert_allclose(W - np.diag(np.diag(W)), weights, rtol=1e-15)
        np.testing.assert_allclose(W.sum(axis=1), 1, rtol=1e-15)


def test_which_rules_are_doubly_stochastic():
    """Section 2, table: Metropolis, lazy and max-degree are; uniform is only on regular graphs."""
    for rule in KITE_RULES:
        np.testing.assert_allclose(mixing_matrix(network_of(KITE, rule)).sum(axis=0), 1, rtol=1e-15)
    assert np.abs(mixing_matrix(network_of(KITE, "uniform")).sum(axis=0) - 1).max() > 0.1
    np.testing.assert_allclose(mixing_matrix(network_of(RING, "uniform")).sum(axis=0), 1)


def test_lazy_weights_are_positive_semidefinite():
    """Section 2, table: lazy Metropolis is PSD, its gamma nearer to 1."""
    lazy, plain = (mixing_matrix(network_of(RING, rule)) for rule in ("lazy-metropolis", "metropolis"))
    assert np.linalg.eigvalsh(lazy).min() >= 0 > np.linalg.eigvalsh(plain).min()
    assert gamma(lazy) > gamma(plain)


def test_uniform_weights_reach_the_degree_weighted_mean():
    """Section 2, table: with weights 1/d_g the limit is the degree-weighted mean."""
    network = network_of(KITE, "uniform")
    x = values(network)
    degree = network.adjacency.sum(axis=1)
    expected = np.tensordot(degree, x, axes=1) / degree.sum()
    np.testing.assert_allclose(agree(x, 400, network), np.broadcast_to(expected, x.shape), rtol=1e-9)


def test_uniform_weights_oscillate_on_bipartite_graphs():
    """Section 2, table: uniform weights never agree on a ring of even size; Metropolis weights do."""
    x = values(network_of(RING))
    uniform, metropolis = network_of(RING, "uniform"), network_of(RING)
    np.testing.assert_allclose(agree(x, 400, uniform), agree(x, 402, uniform), atol=1e-12)
    assert np.abs(agree(x, 401, uniform) - agree(x, 400, uniform)).max() > 0.1
    assert gamma(mixing_matrix(uniform)) == pytest.approx(1)
    assert np.ptp(agree(x, 400, metropolis), axis=0).max() < 1e-12
