from html.parser import HTMLParser

import pytest

from topology.generators import make_network
from topology.mixing import peer_weights
from topology.network import Network
from topology.page import network_page
from topology.shipped import shipped_network
from topology.yamlfile import validate


class Page(HTMLParser):
    """Tags with their attributes, and the text of each <title>."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.titles, self._open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag == "title":
            self.titles.append("")

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if self._open and self._open[-1] == "title":
            self.titles[-1] += data

    def count(self, tag):
        return sum(one == tag for one, _ in self.tags)


@pytest.mark.parametrize("name", ["er8", "er20", "star6"])
def test_every_peer_and_edge_is_drawn_and_told(name):
    network = shipped_network(name)
    page = Page(network_page(network))
    assert (page.count("circle"), page.count("line")) == (len(network.names), len(network.edges))
    for peer in network.names:
        own, weights = peer_weights(network, peer)
        (told,) = [title for title in page.titles if title.startswith(f"{peer}, ")]
        assert network.peers[peer].address in told
        assert f"{len(weights)} neighbours, own weight {own:.4f}" in told
        assert all(f"{other}: {weight:.4f}" in told for other, weight in weights.items())
    for edge in network.edges:
        weight = peer_weights(network, edge.first)[1][edge.second]
        assert f"{edge.first} – {edge.second}: weight {weight:.4f}" in page.titles


def test_a_larger_weight_is_a_wider_line():
    network = shipped_network("er8")
    page = network_page(network)
    widths = {}
    for line in page.splitlines():
        if line.startswith("<line"):
            widths[line.partition("<title>")[2].partition(":")[0]] = float(
                line.split('stroke-width="')[1].split('"')[0]
            )
    weights = {
        f"{edge.first} – {edge.second}": peer_weights(network, edge.first)[1][edge.second]
        for edge in network.edges
    }
    assert sorted(widths, key=lambda edge: (widths[edge], edge)) == sorted(
        weights, key=lambda edge: (weights[edge], edge)
    )


def test_weights_that_differ_by_end_are_told_both():
    page = network_page(make_network("star", 4, mixing="uniform").network)
    assert "p0 – p1: weight 0.3333 at p0, 1.0000 at p1" in page


def test_nothing_comes_from_elsewhere_and_text_is_escaped():
    edges = [["a", "b"]]
    network = validate(Network, {"name": "<script>&", "peers": {"a": {}, "b": {}}, "edges": edges})
    text = network_page(network)
    assert "<title>&lt;script&gt;&amp;</title>" in text
    assert "http" not in text
    page = Page(text)
    assert page.count("script") == page.count("link") == page.count("img") == 0
    assert not any(key.startswith("on") or key in ("src", "href") for _, attrs in page.tags for key in attrs)


def test_it_fits_a_phone_and_the_dark():
    text = network_page(shipped_network("er8"))
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    assert "prefers-color-scheme: dark" in text


def test_names_of_many_peers_are_on_hover_only():
    network = make_network("small-world", 120).network
    page = Page(network_page(network))
    assert page.count("circle") == 120
    assert page.count("text") == 0
