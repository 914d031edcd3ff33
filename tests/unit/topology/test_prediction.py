import numpy as np
import pytest
from hypothesis import assume, given, settings

from tests.unit.topology.strategies import networks
from topology.generators import make_network
from topology.lint import lint_network
from topology.mixing import gamma, mixing_matrix
from topology.prediction import ACCURACIES, agreement_costs, payload_bytes, rounds_to


def slowest_start(W):
    """Values whose disagreement shrinks by gamma in every round, and by no more."""
    values, vectors = np.linalg.eigh(W)
    return vectors[:, max(range(len(W) - 1), key=lambda k: abs(values[k]))]


def disagreement(values):
    return np.linalg.norm(values - values.mean())


@pytest.mark.parametrize("mixing", ["metropolis", "lazy-metropolis", "max-degree"])
@pytest.mark.parametrize(
    ("kind", "peers"), [("ring", 8), ("path", 9), ("star", 7), ("grid", 12), ("erdos-renyi", 20)]
)
def test_the_predicted_rounds_are_those_that_it_takes(kind, peers, mixing):
    W = mixing_matrix(make_network(kind, peers, mixing=mixing).network)
    values = slowest_start(W)
    first = disagreement(values)
    left, rounds = [], 0
    for accuracy in ACCURACIES:
        while disagreement(values) > accuracy * first:
            values = W @ values
            rounds += 1
        left.append(rounds)
    assert left == [rounds_to(accuracy, gamma(W)) for accuracy in ACCURACIES]


@settings(deadline=None, max_examples=40)
@given(networks())
def test_no_values_need_more_rounds_than_predicted(network):
    report = lint_network(network)
    assume(report.symmetric and report.rounds_to_1e_6 is not None and report.rounds_to_1e_6 < 5000)
    W = mixing_matrix(network)
    start = np.random.default_rng(0).standard_normal((len(W), 5))
    start -= start.mean(axis=0)
    values = np.linalg.matrix_power(W, report.rounds_to_1e_6) @ start
    assert np.linalg.norm(values) <= 1e-6 * np.linalg.norm(start) * (1 + 1e-6) + 1e-12


def test_agreement_that_never_comes_and_agreement_at_once():
    assert rounds_to(1e-2, 1.0) is None
    assert rounds_to(1e-2, 1 - 1e-15) is None
    assert rounds_to(1e-8, 0.0) == 1
    assert {cost.payload_bytes for cost in agreement_costs(1.0, (80, 16))} == {None}


def test_bytes_of_a_round():
    assert payload_bytes(make_network("star", 5).network, 10, 3) == (8 * 240, 4 * 240)
    assert agreement_costs(0.1, (80, 16))[0].payload_bytes == 160
    assert agreement_costs(0.1, (80, 16))[0].worst_peer_payload_bytes == 32
