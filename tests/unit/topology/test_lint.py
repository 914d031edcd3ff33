import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings

from tests.unit.topology.strategies import networks
from topology.errors import InputError
from topology.generators import make_network
from topology.lint import lint_network
from topology.mixing import mixing_matrix


def lint(kind, num_peers, mixing="metropolis", **shape):
    return lint_network(make_network(kind, num_peers, mixing=mixing).network, **shape)


def test_a_ring():
    report = lint("ring", 8)
    gamma = 1 / 3 + 2 / 3 * np.cos(np.pi / 4)
    assert (report.name, report.mixing) == ("ring-8", "metropolis")
    assert (report.num_peers, report.num_edges, report.diameter) == (8, 8, 4)
    assert report.degrees == {f"p{i}": 2 for i in range(8)}
    assert report.connected
    assert report.bipartite
    assert report.symmetric
    assert report.doubly_stochastic
    assert report.gamma == pytest.approx(gamma)
    assert report.spectral_gap == pytest.approx(1 - gamma)
    assert report.rounds_to_1e_2 == np.ceil(np.log(1e2) / np.log(1 / gamma)) == 22
    assert report.rounds_to_1e_6 == np.ceil(np.log(1e6) / np.log(1 / gamma)) == 64
    assert report.payload_bytes_per_round is report.worst_peer_payload_bytes_per_round is None
    assert [cost.payload_bytes for cost in report.agreement_costs] == [None] * 4
    assert report.warnings == ()


def test_predicted_bytes_count_both_directions_of_each_edge():
    report = lint("star", 8, dim=600, rank=4)
    assert report.payload_bytes_per_round == 2 * 7 * 600 * 4 * 8
    assert report.worst_peer_payload_bytes_per_round == 7 * 600 * 4 * 8
    assert [cost.accuracy for cost in report.agreement_costs] == [1e-2, 1e-4, 1e-6, 1e-8]
    for cost in report.agreement_costs:
        assert cost.payload_bytes == cost.rounds * report.payload_bytes_per_round
        assert cost.worst_peer_payload_bytes == cost.rounds * report.worst_peer_payload_bytes_per_round


@pytest.mark.parametrize(
    ("shape", "field"),
    [
        ({"dim": 5}, "rank"),
        ({"rank": 5}, "dim"),
        ({"dim": 5, "rank": 6}, "rank"),
        ({"dim": 5, "rank": 0}, "rank"),
    ],
)
def test_an_impossible_basis_is_refused(shape, field):
    with pytest.raises(InputError) as caught:
        lint("ring", 8, **shape)
    assert caught.value.field == field


def test_agreement_in_one_round():
    report = lint("complete", 6)
    assert (report.rounds_to_1e_2, report.rounds_to_1e_6) == (1, 1)


def test_uniform_is_warned_about_where_it_is_biased():
    warning, *_ = lint("erdos-renyi", 8, "uniform").warnings
    assert "not doubly stochastic" in warning
    assert not lint("erdos-renyi", 8, "uniform").doubly_stochastic


def test_uniform_on_equal_degrees_has_no_bias():
    report = lint("ring", 7, "uniform")
    assert report.doubly_stochastic
    assert report.warnings == ()


def test_uniform_on_a_bipartite_network_never_agrees():
    report = lint("ring", 8, "uniform")
    (warning,) = report.warnings
    assert "never agrees" in warning
    assert (report.rounds_to_1e_2, report.rounds_to_1e_6) == (None, None)
    assert ["uniform" in warning for warning in lint("star", 8, "uniform").warnings[:3]] == [
        True,
        True,
        False,
    ]


@settings(deadline=None)
@given(networks())
def test_findings_agree_with_networkx_and_with_powers_of_the_matrix(network):
    report = lint_network(network)
    graph = nx.from_numpy_array(network.adjacency)
    assert report.bipartite == nx.is_bipartite(graph)
    assert report.diameter == nx.diameter(graph)
    assert list(report.degrees.values()) == [degree for _, degree in graph.degree]
    assert report.doubly_stochastic == (network.mixing != "uniform" or nx.is_regular(graph))
    assert (report.rounds_to_1e_6 is None) == (network.mixing == "uniform" and report.bipartite)
    if report.symmetric and report.rounds_to_1e_2 is not None:
        W = mixing_matrix(network)
        rounds = np.linalg.matrix_power(W, report.rounds_to_1e_2) - 1 / len(W)
        assert np.linalg.norm(rounds, 2) <= 1e-2 * (1 + 1e-9)
