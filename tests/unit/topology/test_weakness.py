import networkx as nx
import pytest
from hypothesis import given, settings

from tests.unit.topology.strategies import networks
from topology.generators import make_network
from topology.lint import lint_network
from topology.network import Network
from topology.yamlfile import validate


def warnings_of(*pairs):
    names = sorted({name for pair in pairs for name in pair})
    edges = [list(pair) for pair in pairs]
    network = validate(Network, {"name": "n", "peers": {name: {} for name in names}, "edges": edges})
    return lint_network(network).warnings


@pytest.mark.parametrize("kind", ["ring", "complete", "grid", "k-regular"])
def test_networks_without_weakness(kind):
    assert lint_network(make_network(kind, 12).network).warnings == ()


def test_peers_with_one_neighbour():
    (warning,) = warnings_of("ab", "bc", "ca", "cd")[:1]
    assert warning.startswith("one neighbour only: d; while that edge is down, the peer is cut off")


def test_a_bridge_is_told_with_an_edge_around_it():
    (warning,) = warnings_of("ab", "bc", "ca", "cd", "de", "ef", "fd")
    assert warning.startswith("weakest edge: c – d; ")
    assert warning.endswith("add one around it, such as a – e")
    assert warnings_of("ab", "bc", "ca", "cd", "de", "ef", "fd", "ae") == ()


def test_many_bridges_are_named_together():
    _, warning, *_ = lint_network(make_network("path", 12).network).warnings
    assert warning.startswith("weakest edges: p01 – p02, p02 – p03, p03 – p04, ")
    assert "… (9 in all)" in warning


def test_a_peer_that_all_passes_through():
    (warning,) = warnings_of("ab", "bc", "ca", "cd", "de", "ec")
    assert warning.startswith("everything passes through c: ")


def test_slow_agreement_is_compared_with_a_network_that_is_not():
    (warning,) = lint_network(make_network("ring", 20).network).warnings
    assert warning.startswith("gamma 0.9674 is near 1: 139 rounds shrink the disagreement to 1e-2, ")
    regular = lint_network(make_network("k-regular", 20, degree=4).network)
    assert f"{regular.rounds_to_1e_2} on a network with gamma {regular.gamma:.4f}" in warning
    assert "`difpeer topology make k-regular --peers 20 --degree 4`" in warning


def test_a_large_diameter():
    warnings = lint_network(make_network("ring", 40).network).warnings
    assert any(warning.startswith("diameter 20: in an agreement of fewer rounds") for warning in warnings)


@settings(deadline=None, max_examples=40)
@given(networks())
def test_what_hangs_on_one_edge_or_peer_is_what_networkx_finds(network):
    report = lint_network(network)
    graph = nx.from_numpy_array(network.adjacency)
    told = [warning.split()[0] for warning in report.warnings]
    assert ("one" in told) == (min(report.degrees.values()) == 1)
    inner = [pair for pair in nx.bridges(graph) if min(graph.degree[end] for end in pair) > 1]
    assert ("weakest" in told) == bool(inner)
    if not {"one", "weakest"} & set(told):
        assert ("everything" in told) == (not nx.is_biconnected(graph))
