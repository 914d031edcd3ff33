from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topology.errors import InputError
from topology.generators import GraphKind, make_network, peer_names


def edges(network):
    return [(edge.first, edge.second) for edge in network.edges]


def degrees(network):
    return sorted(network.adjacency.sum(axis=0).tolist())


def test_names_sort_by_number():
    assert peer_names(3) == ["p0", "p1", "p2"]
    assert peer_names(10)[-1] == "p9"
    assert peer_names(11)[:2] == ["p00", "p01"]
    assert sorted(peer_names(120)) == peer_names(120)


@pytest.mark.parametrize(
    ("kind", "num_peers", "expected"),
    [
        ("ring", 4, [("p0", "p1"), ("p0", "p3"), ("p1", "p2"), ("p2", "p3")]),
        ("ring", 2, [("p0", "p1")]),
        ("path", 4, [("p0", "p1"), ("p1", "p2"), ("p2", "p3")]),
        ("star", 4, [("p0", "p1"), ("p0", "p2"), ("p0", "p3")]),
        ("complete", 3, [("p0", "p1"), ("p0", "p2"), ("p1", "p2")]),
        (
            "grid",
            6,
            [
                ("p0", "p1"),
                ("p0", "p3"),
                ("p1", "p2"),
                ("p1", "p4"),
                ("p2", "p5"),
                ("p3", "p4"),
                ("p4", "p5"),
            ],
        ),
    ],
)
def test_fixed_shapes(kind, num_peers, expected):
    made = make_network(kind, num_peers)
    assert edges(made.network) == expected
    assert made.added_edges == 0


def test_a_grid_is_as_square_as_it_can_be():
    assert make_network("grid", 36).network.diameter == 10
    assert make_network("grid", 12).network.diameter == 5


def test_addresses_count_up_from_the_base_port():
    network = make_network("ring", 11, base_port=9000).network
    assert network.peers["p00"].address == "127.0.0.1:9000"
    assert network.peers["p10"].address == "127.0.0.1:9010"


def test_name_and_mixing_are_kept():
    network = make_network("ring", 3, name="lab", mixing="max-degree").network
    assert (network.name, network.mixing) == ("lab", "max-degree")
    assert make_network("ring", 3).network.name == "ring-3"


@pytest.mark.parametrize("kind", ["erdos-renyi", "k-regular", "small-world"])
def test_a_seed_gives_one_network_and_another_seed_another(kind):
    assert make_network(kind, 20, seed=5) == make_network(kind, 20, seed=5)
    assert edges(make_network(kind, 20, seed=5).network) != edges(make_network(kind, 20, seed=6).network)


def test_an_erdos_renyi_network_has_about_the_expected_edges():
    counts = [len(make_network("erdos-renyi", 20, p=0.5, seed=seed).network.edges) for seed in range(30)]
    # 95 expected, standard deviation of the mean 6.9 / √30
    assert np.mean(counts) == pytest.approx(95, abs=5)


@pytest.mark.parametrize(("num_peers", "degree"), [(20, 3), (20, 9), (20, 10), (40, 38), (7, 6), (9, 4)])
def test_k_regular_gives_every_peer_its_degree(num_peers, degree):
    made = make_network("k-regular", num_peers, degree=degree, seed=1)
    assert made.added_edges == 0
    assert degrees(made.network) == [degree] * num_peers


def test_small_world_without_moved_edges_is_a_lattice():
    made = make_network("small-world", 12, degree=4, p=0.0)
    assert degrees(made.network) == [4] * 12
    assert made.network.diameter == 3


def test_a_disconnected_draw_is_joined_by_as_many_edges_as_needed():
    made = make_network("erdos-renyi", 12, p=0.0, seed=2)
    assert made.added_edges == 11
    assert len(made.network.edges) == 11
    pairs = make_network("k-regular", 10, degree=1)
    assert pairs.added_edges == 4
    assert len(pairs.network.edges) == 9


def test_edges_that_join_are_random_but_seeded():
    trees = [edges(make_network("erdos-renyi", 12, p=0.0, seed=seed).network) for seed in (1, 1, 2)]
    assert trees[0] == trees[1] != trees[2]


@settings(deadline=None, max_examples=60)
@given(
    kind=st.sampled_from(["ring", "path", "star", "complete", "erdos-renyi", "small-world"]),
    num_peers=st.integers(5, 24),
    seed=st.integers(0, 2**32),
)
def test_every_shape_is_a_valid_network(kind, num_peers, seed):
    made = make_network(kind, num_peers, seed=seed)
    assert len(made.network.names) == num_peers
    assert made.network.diameter >= 1


@pytest.mark.parametrize(
    ("kind", "num_peers", "settings", "field", "mend"),
    [
        ("ring", 1, {}, "peers", "at least two"),
        ("ring", 0, {}, "peers", "at least two"),
        ("rign", 4, {}, "kind", "did you mean 'ring'?"),
        ("grid", 7, {}, "peers", "divisors"),
        ("ring", 4, {"p": 0.5}, "p", "leave it out"),
        ("ring", 4, {"degree": 2}, "degree", "leave it out"),
        ("erdos-renyi", 4, {"degree": 2}, "degree", "leave it out"),
        ("k-regular", 8, {"p": 0.1}, "p", "leave it out"),
        ("erdos-renyi", 4, {"p": -0.1}, "p", "0 to 1"),
        ("erdos-renyi", 4, {"p": 1.5}, "p", "0 to 1"),
        ("erdos-renyi", 4, {"p": float("nan")}, "p", "0 to 1"),
        ("k-regular", 4, {"degree": 4}, "degree", "1 to 3 neighbours"),
        ("k-regular", 4, {"degree": 0}, "degree", "1 to 3 neighbours"),
        ("k-regular", 5, {"degree": 3}, "degree", "even"),
        ("small-world", 8, {"degree": 3}, "degree", "even"),
        ("ring", 4, {"seed": -1}, "seed", "≥ 0"),
        ("ring", 4, {"base_port": 0}, "base-port", "from 1 to 65532"),
        ("ring", 4, {"base_port": 65533}, "base-port", "from 1 to 65532"),
        ("ring", 4, {"name": ""}, "name", "1 character"),
        ("ring", 4, {"mixing": "metropols"}, "mixing", "did you mean 'metropolis'?"),
    ],
)
def test_impossible_networks_are_refused(kind, num_peers, settings, field, mend):
    with pytest.raises(InputError) as caught:
        make_network(kind, num_peers, **settings)
    assert caught.value.field == field
    assert mend in caught.value.mend


def test_the_last_port_can_be_used():
    network = make_network("ring", 4, base_port=65532).network
    assert network.peers["p3"].address == "127.0.0.1:65535"


def test_every_kind_has_a_default_size_that_works():
    assert {kind: len(make_network(kind, 8).network.names) for kind in get_args(GraphKind)} == dict.fromkeys(
        get_args(GraphKind), 8
    )
