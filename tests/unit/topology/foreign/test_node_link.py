import json

import pytest

from topology.errors import InputError
from topology.foreign.node_link import read_node_link


def read(**found):
    return read_node_link(json.dumps(found), "f")


AB = [{"id": "a"}, {"id": "b", "colour": "red"}]


@pytest.mark.parametrize("spelling", ["edges", "links"])
def test_both_spellings(spelling):
    graph = read(
        nodes=AB, directed=True, graph={}, **{spelling: [{"source": "a", "target": "b", "weight": 2}]}
    )
    assert graph.places == {"a": "nodes[0]", "b": "nodes[1]"}
    assert graph.edges == (("a", "b"),)
    assert graph.directed
    assert graph.weighted


def test_numbers_become_text():
    graph = read(nodes=[{"id": 0}, {"id": 1}], edges=[{"source": 1, "target": 0}])
    assert graph.edges == (("1", "0"),)
    assert not graph.directed
    assert not graph.weighted


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"nodes": AB}, "links: this list is missing; node-link JSON has a list under edges or links"),
        ({"edges": []}, "nodes: this list is missing; node-link JSON has a list of nodes"),
        ({"nodes": {}, "edges": []}, "nodes: this list is missing"),
        (
            {"nodes": ["a"], "edges": []},
            r"nodes\[0\]\.id: found no text or whole number; each node has an id",
        ),
        ({"nodes": [{"id": True}], "edges": []}, r"nodes\[0\]\.id: found no text"),
        ({"nodes": [{"id": 0.5}], "edges": []}, r"nodes\[0\]\.id: found no text"),
        ({"nodes": AB, "edges": [{"source": "a"}]}, r"edges\[0\]\.target: found no text"),
        ({"nodes": AB, "edges": [[0, 1]]}, r"edges\[0\]\.source: found no text"),
        (
            {"nodes": AB, "links": [{"source": "a", "target": "bb"}]},
            r"links\[0\]\.target: no node has the id 'bb'; did",
        ),
        (
            {"nodes": [{"id": 0}, {"id": "0"}], "edges": []},
            r"nodes\[1\]\.id: '0' is also the id of nodes\[0\]",
        ),
    ],
)
def test_what_is_no_node_link_graph_is_refused(found, message):
    with pytest.raises(InputError, match=f"^f: {message}"):
        read(**found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"nodes": [],\n]', "line 2: no JSON"),
        ("[]", "no JSON object; write it with networkx's node_link_data"),
        ("[" * 100_000, "no JSON that can be read"),
        ("9" * 5000, "no JSON that can be read"),
    ],
)
def test_what_is_no_json_object_is_refused(text, message):
    with pytest.raises(InputError, match=f"^f: {message}"):
        read_node_link(text, "f")
