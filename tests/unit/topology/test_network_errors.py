"""Bad network files: each is refused with file, field and mend."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from topology.errors import InputError
from topology.network import Network, read_network
from topology.yamlfile import validate

KEY = "sha256:" + "ab" * 32


def lab(**changes):
    content = {
        "name": "lab",
        "mixing": "metropolis",
        "peers": {f"p{i}": {"address": f"127.0.0.1:{7100 + i}"} for i in range(4)},
        "edges": [["p0", "p1"], ["p1", "p2"], ["p2", "p3"]],
    }
    return {key: value for key, value in {**content, **changes}.items() if value is not None}


def with_peer(**fields):
    return lab(peers={**lab()["peers"], "p3": fields})


def with_edge(edge):
    return lab(edges=[*lab()["edges"], edge])


def renamed(name):
    return lab(peers={"p0": {}, name: {}}, edges=[["p0", name]])


BAD = {
    "unknown key": (lab(edge=[]), "edge", "did you mean 'edges'?"),
    "unknown key of a peer": (with_peer(adress="a:1"), "peers.p3.adress", "did you mean 'address'?"),
    "unknown key of an edge": (with_edge({"peers": ["p0", "p2"], "dail": "p0"}), "edges[3].dail", "'dial'?"),
    "no peers": (lab(peers=None), "peers", "add it"),
    "no edges": (lab(edges=None), "edges", "add it"),
    "no name": (lab(name=None), "name", "add it"),
    "empty name": (lab(name=""), "name", "at least 1 character"),
    "name with a newline": (lab(name="a\nb"), "name", "printable"),
    "name is a number": (lab(name=7), "name", "give text"),
    "mixing rule misspelled": (lab(mixing="metropols"), "mixing", "did you mean 'metropolis'?"),
    "peers is a list": (lab(peers=["p0", "p1"]), "peers", "give a mapping"),
    "edges is a mapping": (lab(edges={"p0": "p1"}), "edges", "give a list"),
    "peer is text": (lab(peers={**lab()["peers"], "p3": "here"}), "peers.p3", "give a mapping"),
    "peer name is a number": (lab(peers={1: {}, 2: {}}), "peers", 'put it in quotes: "1"'),
    "one peer": (lab(peers={"p0": {}}, edges=[]), "peers", "at least two"),
    "peer without edge": (lab(edges=[["p0", "p1"], ["p1", "p2"]]), "edges", "2 parts: p0, p1, p2 | p3"),
    "two parts": (lab(edges=[["p0", "p2"], ["p3", "p1"]]), "edges", "2 parts: p0, p2 | p1, p3"),
    "no edge at all": (lab(edges=[]), "edges", "4 parts: p0 | p1 | p2 | p3"),
    "self loop": (with_edge(["p1", "p1"]), "edges[3]", "'p1' is its own neighbour; remove the edge"),
    "edge twice": (with_edge(["p1", "p2"]), "edges[3]", "joined by edges[1] already"),
    "edge reversed": (with_edge(["p2", "p1"]), "edges[3]", "remove one of the two"),
    "edge with a stranger": (with_edge(["p0", "p33"]), "edges[3]", "called 'p33'; did you mean 'p3'?"),
    "edge of three": (with_edge(["p0", "p2", "p3"]), "edges[3]", "write [a, b]"),
    "edge of one": (with_edge(["p0"]), "edges[3]", "write [a, b]"),
    "edge of numbers": (with_edge([0, 1]), "edges[3]", "in quotes"),
    "edge is text": (with_edge("p0"), "edges[3]", "write [a, b]"),
    "edge without peers": (with_edge({"dial": "p0"}), "edges[3]", "write [a, b]"),
    "dial is no end": (with_edge({"peers": ["p0", "p2"], "dial": "p1"}), "edges[3].dial", "'p0' or 'p2'"),
    "dial is a number": (with_edge({"peers": ["p0", "p2"], "dial": 0}), "edges[3].dial", "give text"),
    "peer name is a path": (renamed("../p1"), "peers.../p1", "a-z, 0-9 and -"),
    "peer name has capitals": (renamed("P1"), "peers.P1", "a-z, 0-9 and -"),
    "peer name with a newline": (renamed("p1\n"), "peers.p1\n", "a-z, 0-9 and -"),
    "peer name is empty": (renamed(""), "peers", "a-z, 0-9 and -"),
    "peer name too long": (renamed("p" * 33), f"peers.{'p' * 33}", "1 to 32"),
    "address twice": (with_peer(address="127.0.0.1:7101"), "peers.p3.address", "also the address of 'p1'"),
    "address is a number": (with_peer(address=7100), "peers.p3.address", "give text"),
    "address without port": (with_peer(address="127.0.0.1"), "peers.p3.address", "write host:port"),
    "port 0": (with_peer(address="127.0.0.1:0"), "peers.p3.address", "port from 1 to 65535"),
    "port 65536": (with_peer(address="127.0.0.1:65536"), "peers.p3.address", "port from 1 to 65535"),
    "IPv6 without brackets": (with_peer(address="::1:7100"), "peers.p3.address", "in brackets"),
    "key too short": (with_peer(key="sha256:ab"), "peers.p3.key", "64 hexadecimal digits"),
    "key of another kind": (with_peer(key="md5:" + "ab" * 32), "peers.p3.key", "64 hexadecimal digits"),
    "key in capitals": (with_peer(key=KEY.upper()), "peers.p3.key", "64 hexadecimal digits"),
    "key is a number": (with_peer(key=1), "peers.p3.key", "one fingerprint"),
    "no keys": (with_peer(key=[]), "peers.p3.key", "one fingerprint"),
    "second key bad": (with_peer(key=[KEY, 3]), "peers.p3.key", "64 hexadecimal digits"),
    "operator's key bad": (lab(operators={"alice": "x"}), "operators.alice", "64 hexadecimal digits"),
    "operator's name bad": (lab(operators={"a/b": KEY}), "operators.a/b", "a-z, 0-9 and -"),
}


@pytest.mark.parametrize(("content", "field", "text"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_refused_with_file_field_and_mend(tmp_path, content, field, text):
    path = tmp_path / "lab.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError) as caught:
        read_network(path)
    error = caught.value
    assert (error.file, error.field) == (str(path), field)
    assert text in str(error)
    assert error.mend


def test_addresses_that_differ_in_spelling_only_are_the_same(tmp_path):
    peers = {"a": {"address": "Lab:7100"}, "b": {"address": "lab:7100"}}
    with pytest.raises(InputError, match="also the address of 'a'"):
        validate(Network, lab(peers=peers, edges=[["a", "b"]]))


def test_a_duplicate_key_is_refused(tmp_path):
    path = tmp_path / "lab.yaml"
    path.write_text("name: a\npeers: {p0: {}, p1: {}, p0: {}}\nedges: [[p0, p1]]\n")
    with pytest.raises(InputError, match=r"lab\.yaml: p0: duplicate key"):
        read_network(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"none\.yaml: no such file"):
        read_network(tmp_path / "none.yaml")


def test_of_many_parts_only_some_are_listed():
    peers = {f"p{i:02}": {} for i in range(30)}
    edges = [["p00", f"p{i:02}"] for i in range(1, 10)]
    with pytest.raises(InputError, match=r"21 parts: p00, p01, .*… \(10 peers\) \| p10 \| p11 \| p12 \| …"):
        validate(Network, lab(peers=peers, edges=edges))


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["p0", "p1", "peers", "uniform"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["p0", "p1", "peers", "dial", "address", "key"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["name", "mixing", "peers", "edges", "operators"]), values))
def test_any_content_is_a_network_or_an_input_error(changes):
    error = None
    try:
        validate(Network, {**lab(), **changes})
    except InputError as caught:
        error = caught
    assert error is None or (error.field and error.mend)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("clinics.csv", "from,to\na,b\n"),
        ("graph.edges", "3\n0 1\n1 2\n"),
        ("graph.json", '{"nodes": [], "links": []}'),
        ("graph.graphml", "<graphml/>"),
        ("graph.gexf", "<gexf/>"),
        ("graph.gml", "graph [ ]"),
    ],
)
def test_a_graph_of_another_program_is_told_how_to_be_converted(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match="difpeer topology convert") as caught:
        read_network(tmp_path / name)
    assert caught.value.file == str(tmp_path / name)
    with pytest.raises(InputError, match="no such file; check the path"):
        read_network(tmp_path / f"other-{name}")
