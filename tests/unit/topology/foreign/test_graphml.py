from io import BytesIO

import networkx as nx
import pytest

from topology.errors import InputError
from topology.foreign.graphml import read_graphml

HEAD = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="undirected">'
TAIL = "</graph></graphml>"


def written(graph):
    out = BytesIO()
    nx.write_graphml(graph, out)
    return out.getvalue()


def test_nodes_edges_and_direction():
    graph = read_graphml(written(nx.DiGraph([("a", "b"), ("b", "c")])), "f")
    assert set(graph.places) == {"a", "b", "c"}
    assert set(graph.edges) == {("a", "b"), ("b", "c")}
    assert graph.directed
    assert not graph.weighted


def test_weights_and_parallel_edges():
    graph = nx.MultiGraph()
    graph.add_edge("a", "b", weight=2.0)
    graph.add_edge("a", "b", weight=1.0)
    read = read_graphml(written(graph), "f")
    assert read.edges == (("a", "b"), ("a", "b"))
    assert read.weighted
    assert not read.directed


def test_the_labels_that_yed_draws():
    node = (
        '<node id="{}"><data key="d6"><y:ShapeNode><y:NodeLabel>{}<y:LabelModel/></y:NodeLabel></y:ShapeNode></data>'
        "</node>"
    )
    text = (
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:y="http://www.yworks.com/xml/graphml">'
        '<key for="node" id="d6" yfiles.type="nodegraphics"/><graph edgedefault="undirected">'
        f"{node.format('n0', 'Homburg')}{node.format('n1', 'Mainz')}"
        '<edge source="n0" target="n1"/></graph></graphml>'
    )
    assert read_graphml(text.encode(), "f").edges == (("Homburg", "Mainz"),)


BOMB = (
    '<?xml version="1.0"?>\n<!DOCTYPE g [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>\n'
    f'{HEAD}<node id="&b;"/>{TAIL}'
)
FOREIGN_FILE = f'<!DOCTYPE g [<!ENTITY a SYSTEM "file:///etc/passwd">]>{HEAD}<node id="&a;"/>{TAIL}'


@pytest.mark.parametrize(("text", "line"), [(BOMB, 2), (FOREIGN_FILE, 1)])
def test_a_document_type_is_refused_before_anything_is_expanded(text, line):
    with pytest.raises(
        InputError, match=rf"^f: line {line}: the file has a document type, .*; remove the line"
    ):
        read_graphml(text.encode(), "f")


def test_a_document_type_is_found_in_any_encoding():
    text = BOMB.replace("?>", ' encoding="utf-16"?>', 1)
    with pytest.raises(InputError, match="document type"):
        read_graphml(text.encode("utf-16"), "f")


@pytest.mark.parametrize("text", ["", "<", "<graphml>\n<node></graphml>", "a b\n"])
def test_what_is_no_xml_is_refused_with_its_line(text):
    with pytest.raises(InputError, match=r"^f: line [12]: no XML \(.*\); give a GraphML file"):
        read_graphml(text.encode(), "f")


@pytest.mark.parametrize("encoding", ["rot13", "utf-7", "euc-jp", "nothing"])
def test_encodings_that_xml_readers_do_not_know(encoding):
    with pytest.raises(InputError, match=r"^f: .*no XML"):
        read_graphml(f'<?xml version="1.0" encoding="{encoding}"?>{HEAD}{TAIL}'.encode(), "f")


@pytest.mark.parametrize(
    "inner",
    [
        '<node id="a"/><hyperedge/>',
        '<node id="a"><data key="k">1</data></node>',
        '<node id="a"/><edge source="a"/>',
        "<node/>",
        '<node id=""/>',
        '<node id="a"/><node id="b"/><edge source="a" target="b" directed="true"/>',
    ],
)
def test_what_networkx_cannot_read_is_refused(inner):
    with pytest.raises(InputError, match=r"^f: no GraphML that networkx can read \(.+\); write it again"):
        read_graphml(f"{HEAD}{inner}{TAIL}".encode(), "f")


def test_a_number_that_is_none_is_refused():
    key = '<key id="k" for="node" attr.name="age" attr.type="int"/>'
    text = HEAD.replace("<graph ", f"{key}<graph ") + '<node id="a"><data key="k">old</data></node>' + TAIL
    with pytest.raises(InputError, match="networkx can read"):
        read_graphml(text.encode(), "f")


def test_other_xml_is_refused():
    with pytest.raises(InputError, match="networkx can read"):
        read_graphml(b"<html/>", "f")


def test_more_than_one_graph_is_refused():
    two = HEAD + '<node id="a"/></graph><graph edgedefault="undirected"><node id="z"/>' + TAIL
    with pytest.raises(InputError, match="more than one graph"):
        read_graphml(two.encode(), "f")
