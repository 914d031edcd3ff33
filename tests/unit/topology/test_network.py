import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings

from tests.unit.topology.strategies import networks
from topology.errors import InputError
from topology.network import Edge, Network, PeerEntry, read_network, write_network
from topology.yamlfile import validate

KEY, OTHER_KEY, ALICES_KEY = ("sha256:" + pair * 32 for pair in ("ab", "cd", "ef"))

FILE = f"""
name: lab
mixing: lazy-metropolis
peers:
  p0: {{address: "127.0.0.1:7100", key: "{KEY}"}}
  p1: {{address: "[::1]:7101", key: ["{OTHER_KEY}", "sha256:{"0" * 64}"]}}
  p2: {{}}
  p3: {{}}
edges: [[p1, p0], [p1, p2], {{peers: [p3, p2], dial: p3}}, [p3, p0]]
operators: {{alice: "{ALICES_KEY}"}}
"""


@pytest.fixture
def lab(tmp_path):
    path = tmp_path / "lab.yaml"
    path.write_text(FILE)
    return read_network(path)


def test_a_file_is_read(lab):
    assert lab.name == "lab"
    assert lab.mixing == "lazy-metropolis"
    assert lab.names == ("p0", "p1", "p2", "p3")
    assert lab.peers["p0"] == PeerEntry(address="127.0.0.1:7100", key=KEY)
    assert lab.peers["p1"].key == (OTHER_KEY, "sha256:" + "0" * 64)
    assert lab.peers["p2"] == PeerEntry()
    assert lab.operators == {"alice": ALICES_KEY}
    assert [(edge.first, edge.second) for edge in lab.edges] == [
        ("p0", "p1"),
        ("p0", "p3"),
        ("p1", "p2"),
        ("p2", "p3"),
    ]


def test_mixing_and_operators_may_be_left_out():
    network = validate(Network, {"name": "n", "peers": {"a": {}, "b": {}}, "edges": [["a", "b"]]})
    assert network.mixing == "metropolis"
    assert network.operators == {}


def test_a_peer_may_say_that_it_has_no_address_and_no_key():
    peers = {"a": {"address": None, "key": None}, "b": {}}
    network = validate(Network, {"name": "n", "peers": peers, "edges": [["a", "b"]]})
    assert network.peers["a"] == network.peers["b"] == PeerEntry()


def test_the_lower_name_dials_unless_the_edge_says_otherwise(lab):
    assert lab.edge("p1", "p0").dialler == "p0"
    assert lab.edge("p2", "p3").dialler == "p3"


def test_who_says_dial_is_not_dialled_and_nobody_dials_a_peer_without_address():
    network = validate(
        Network,
        {
            "name": "n",
            "peers": {"p0": {"address": "h0:1"}, "p1": {"address": "h1:1"}, "p2": {}},
            "edges": [
                ["p0", "p1"],
                {"peers": ["p0", "p2"], "dial": "p2"},
                {"peers": ["p1", "p2"], "dial": "p2"},
            ],
        },
    )
    assert network.can_dial("p0", "p1")
    assert network.can_dial("p1", "p0")
    assert network.can_dial("p2", "p0")
    assert not network.can_dial("p0", "p2")
    with_address = network.with_addresses({"p2": "h2:1"})
    assert not with_address.can_dial("p0", "p2"), "its address may be of use to others than p0"
    with pytest.raises(InputError):
        network.can_dial("p0", "p0")


def test_an_edge_is_the_same_from_both_ends():
    assert Edge(first="b", second="a") == Edge(first="a", second="b")


def test_neighbours_and_positions_are_in_the_order_of_names(lab):
    assert lab.neighbours("p1") == ("p0", "p2")
    assert [lab.index(name) for name in lab.names] == [0, 1, 2, 3]


def test_the_adjacency_is_read_only_and_in_the_order_of_names(lab):
    expected = np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]], dtype=bool)
    np.testing.assert_array_equal(lab.adjacency, expected)
    with pytest.raises(ValueError, match="read-only"):
        lab.adjacency[0, 0] = True


def test_the_diameter_counts_hops(lab):
    assert lab.diameter == 2


def test_of_two_shortest_paths_the_lowest_name_is_taken(lab):
    assert lab.next_hop("p0", "p2") == "p1"
    assert lab.next_hop("p3", "p1") == "p0"
    assert lab.next_hop("p2", "p3") == "p3"


@settings(deadline=None)
@given(networks())
def test_every_route_ends_and_is_a_shortest_one(network):
    adjacency = network.adjacency.astype(int)
    walks = np.eye(len(network.names), dtype=int)
    shortest = np.zeros_like(walks)
    for hops in range(1, len(network.names)):
        walks = np.minimum(walks @ adjacency, 1)
        shortest[(shortest == 0) & (walks > 0)] = hops
    np.fill_diagonal(shortest, 0)
    assert network.diameter == shortest.max()
    for source in network.names:
        for target in set(network.names) - {source}:
            at, hops = source, 0
            while at != target:
                at, hops = network.next_hop(at, target), hops + 1
                assert hops <= network.diameter
            assert hops == shortest[network.index(source), network.index(target)]


@settings(deadline=None)
@given(networks())
def test_what_is_written_is_read_back(tmp_path_factory, network):
    path = tmp_path_factory.mktemp("trip") / "network.yaml"
    write_network(network, path)
    again = read_network(path)
    assert again == network
    assert again.edges == network.edges
    write_network(again, path.with_name("again.yaml"))
    assert path.with_name("again.yaml").read_bytes() == path.read_bytes()


def test_a_file_has_one_line_for_each_peer_and_edge(lab, tmp_path):
    write_network(lab, tmp_path / "out.yaml")
    lines = (tmp_path / "out.yaml").read_text().splitlines()
    assert "- [p0, p1]" in lines
    assert f"  p0: {{address: '127.0.0.1:7100', key: '{KEY}'}}" in lines


def test_networks_stay_equal_when_their_tables_were_asked_for(lab):
    copy = pickle.loads(pickle.dumps(lab))
    assert lab.diameter == 2
    assert lab == copy
    assert pickle.loads(pickle.dumps(lab)) == copy


def test_a_network_cannot_be_changed(lab):
    with pytest.raises(ValueError, match="frozen"):
        lab.name = "other"


def test_new_addresses_make_a_new_network(lab):
    moved = lab.with_addresses({"p2": "127.0.0.1:9000"})
    assert moved.peers["p2"].address == "127.0.0.1:9000"
    assert moved.peers["p1"] == lab.peers["p1"]
    assert moved.edges == lab.edges
    assert lab.peers["p2"].address is None


def test_new_addresses_are_checked(lab):
    with pytest.raises(InputError, match="is also the address of 'p0'"):
        lab.with_addresses({"p2": "127.0.0.1:7100"})
    with pytest.raises(InputError, match="called 'p22'; did you mean 'p2'"):
        lab.with_addresses({"p22": "127.0.0.1:7104"})


def test_questions_about_strangers_are_input_errors(lab):
    with pytest.raises(InputError, match="no peer of network 'lab' is called 'p9'; use one of: p0, p1"):
        lab.index("p9")
    with pytest.raises(InputError, match="called 'q'"):
        lab.neighbours("q")
    with pytest.raises(InputError, match="'p0' and 'p2' are no neighbours"):
        lab.edge("p0", "p2")
    with pytest.raises(InputError, match="source and target"):
        lab.next_hop("p0", "p0")


def test_a_serving_peer_reads_networks_without_graph_libraries():
    code = (
        "import sys, topology.network, topology.mixing, topology.shipped as s;"
        "from topology.mixing import mixing_matrix, gamma;"
        "gamma(mixing_matrix(s.shipped_network('er20')));"
        "print([m for m in ('networkx', 'scipy', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
