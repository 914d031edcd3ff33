import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings

from tests.unit.topology.strategies import networks
from topology.generators import make_network
from topology.layout import positions
from topology.network import Network
from topology.picture import picture
from topology.shipped import shipped_network
from topology.yamlfile import validate


def drawn(kind, peers, **shape):
    return "\n".join(picture(make_network(kind, peers, **shape).network))


def named(*names):
    peers = {name: {} for name in names}
    edges = [[names[0], other] for other in names[1:]]
    return validate(Network, {"name": "n", "peers": peers, "edges": edges})


def test_a_path_is_one_line():
    assert re.fullmatch("p0 ⠤+ p1 ⠤+ p2", drawn("path", 3))


def test_a_long_path_is_a_zigzag_so_that_its_edges_are_seen():
    top, *between, bottom = drawn("path", 20).splitlines()
    assert top.split() == [f"p{i:02}" for i in range(0, 20, 2)]
    assert bottom.split() == [f"p{i:02}" for i in range(1, 20, 2)]
    assert all(set(line) - {" "} for line in between)


@pytest.mark.parametrize("kind", ["ring", "star", "grid", "small-world"])
@pytest.mark.parametrize("peers", [6, 9, 25])
def test_all_names_are_there_and_the_width_is_kept(kind, peers):
    network = make_network(kind, peers).network
    for columns in (40, 78):
        lines = picture(network, columns=columns)
        assert max(map(len, lines)) <= columns
        assert len(lines) <= 25
        text = " ".join(lines)
        assert all(re.search(rf"\b{name}\b", text) for name in network.names)


def test_without_braille_it_is_ascii():
    for kind, peers in (("ring", 8), ("complete", 12), ("ring", 90)):
        assert "\n".join(picture(make_network(kind, peers).network, unicode=False)).isascii()


def test_a_tangle_is_shown_as_the_matrix():
    network = shipped_network("er20")
    *rows, empty, caption = picture(network)
    assert (empty, caption) == ("", "marked: neighbours; columns stand in the order of the rows")
    for name, row, joined in zip(network.names, rows, network.adjacency, strict=True):
        assert row == f"{name} {''.join('██' if one else '  ' for one in joined)}".rstrip()


def test_a_larger_matrix_has_two_rows_in_a_line():
    network = make_network("erdos-renyi", 51, p=0.1).network
    *rows, _, _ = picture(network)
    assert len(rows) == 26
    seen = np.zeros((52, 51), dtype=bool)
    for at, row in enumerate(rows):
        cells = row[4:].ljust(51)
        seen[2 * at] = [cell in "▀█" for cell in cells]
        seen[2 * at + 1] = [cell in "▄█" for cell in cells]
    assert np.array_equal(seen[:51], network.adjacency)


def test_a_large_network_is_counted_by_degree():
    assert picture(make_network("ring", 100).network) == ["      degree peers", f"{2:>12} {'█' * 48} 100"]
    lines = picture(make_network("erdos-renyi", 300, p=0.2).network)
    assert len(lines) <= 21
    assert max(map(len, lines)) <= 78
    assert sum(int(line.split()[-1]) for line in lines[1:]) == 300


def test_long_names_keep_both_ends():
    text = "\n".join(
        picture(named("lab", "clinic-of-the-university-north", "clinic-of-the-university-south"))
    )
    assert "clinic..-north" in text
    assert "clinic..-south" in text


@settings(deadline=None, max_examples=40)
@given(networks())
def test_every_network_can_be_drawn(network):
    places = positions(network)
    assert places.shape == (len(network.names), 2)
    assert places.min() == 0
    assert places.max() == 1
    assert max(map(len, picture(network, columns=40))) <= 40


def test_no_edge_runs_through_a_third_peer():
    network = shipped_network("er8")
    places = positions(network)
    for edge in network.edges:
        a, b = places[network.index(edge.first)], places[network.index(edge.second)]
        for name, place in zip(network.names, places, strict=True):
            if name not in (edge.first, edge.second):
                share = np.clip((place - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
                assert np.linalg.norm(place - a - share * (b - a)) > 0.04


def test_large_networks_are_placed_too():
    assert positions(make_network("small-world", 200).network).shape == (200, 2)


def test_names_that_have_no_room_are_shown_otherwise():
    names = [f"north-site-{i:02}" for i in range(25)]
    network = Network.model_validate(
        {
            "name": "long",
            "peers": {name: {} for name in names},
            "edges": [*pairwise(names)],
        }
    )
    text = "\n".join(picture(network, columns=40))
    # 23 in the middle of the row, one at each end.
    assert re.search("2 █+ 23$", text)
    assert max(map(len, text.splitlines())) <= 40
