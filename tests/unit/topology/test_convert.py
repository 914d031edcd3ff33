import json
from codecs import BOM_UTF8
from contextlib import suppress

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topology.convert import convert_file
from topology.errors import InputError
from topology.network import read_network, write_network

NAMES = st.text("abcxyz0189-", min_size=1, max_size=32).filter(lambda name: not name.isdigit())


@st.composite
def graphs(draw):
    """Connected graphs whose nodes are called as peers may be."""
    names = draw(st.lists(NAMES, min_size=2, max_size=9, unique=True))
    graph = nx.Graph()
    for position in range(1, len(names)):
        graph.add_edge(names[position], names[draw(st.integers(0, position - 1))])
    ends = st.sampled_from(names)
    graph.add_edges_from(
        pair for pair in draw(st.lists(st.tuples(ends, ends), max_size=8)) if pair[0] != pair[1]
    )
    return graph


def pairs(network):
    return {(edge.first, edge.second) for edge in network.edges}


def pairs_of(graph):
    return {tuple(sorted(map(str, pair))) for pair in graph.edges}


def write_json(spelling):
    return lambda graph, path: path.write_text(json.dumps(nx.node_link_data(graph, edges=spelling)))


def write_lines(separator):
    return lambda graph, path: path.write_text("".join(f"{a}{separator}{b}\n" for a, b in graph.edges))


WRITERS = {
    "lab.graphml": ("graphml", nx.write_graphml),
    "lab.json": ("node-link", write_json("edges")),
    "old.json": ("node-link", write_json("links")),
    "lab.edgelist": ("edge-list", nx.write_edgelist),
    "bare.txt": ("edge-list", lambda graph, path: nx.write_edgelist(graph, path, data=False)),
    "lab.csv": ("edge-list", write_lines(",")),
    "lab.tsv": ("edge-list", write_lines("\t")),
    "german.csv": ("edge-list", write_lines(";")),
    "lab.gexf": ("gexf", nx.write_gexf),
    "lab.gml": ("gml", nx.write_gml),
    "spaced.csv": ("edge-list", write_lines(" , ")),
}


@settings(deadline=None, max_examples=25)
@pytest.mark.parametrize("file", WRITERS)
@given(graphs())
def test_a_network_comes_back_from_every_format(tmp_path_factory, file, graph):
    path = tmp_path_factory.mktemp("convert") / file
    kind, write = WRITERS[file]
    write(graph, path)
    made = convert_file(path)
    assert (made.format, pairs(made.network)) == (kind, pairs_of(graph))
    assert [note for note in made.notes if "by the nodes' label" not in note] == []
    write_network(made.network, path.with_name("lab.yaml"))
    assert read_network(path.with_name("lab.yaml")) == made.network


@pytest.mark.parametrize("spelling", ["lab.graphml", "lab.json", "lab.edgelist"])
def test_numbers_become_names_that_sort(tmp_path, spelling):
    WRITERS[spelling][1](nx.cycle_graph(12), tmp_path / spelling)
    made = convert_file(tmp_path / spelling)
    assert made.network.names == tuple(f"p{i:02}" for i in range(12))
    assert {(first, second) for first, second in pairs(made.network)} >= {("p00", "p01"), ("p10", "p11")}
    assert made.names["7"] == "p07"
    assert made.notes == ("nodes are renamed: 0 → p00, 1 → p01, 2 → p02, 3 → p03, … (12 in all)",)


def test_the_names_that_igraph_and_yed_keep_beside_ids_of_their_own(tmp_path):
    graph = nx.Graph()
    graph.add_node("n0", name="Bad Homburg")
    graph.add_node("n1", name="Köln")
    graph.add_edge("n0", "n1")
    nx.write_graphml(graph, tmp_path / "igraph.graphml")
    made = convert_file(tmp_path / "igraph.graphml")
    assert made.network.names == ("bad-homburg", "koeln")
    assert made.names == {"Bad Homburg": "bad-homburg", "Köln": "koeln"}
    assert made.notes == (
        "peers are called by the nodes' name, not by the id (n0 is 'Bad Homburg')",
        "nodes are renamed: Bad Homburg → bad-homburg, Köln → koeln",
    )


def test_a_file_of_decentralizepy(tmp_path):
    (tmp_path / "96.edges").write_text("4\n0 1\n0 3\n1 0\n1 2\n2 1\n2 2\n2 3\n3 0\n3 2\n")
    made = convert_file(tmp_path / "96.edges", base_port=9000, mixing="max-degree")
    assert made.format == "edges"
    assert pairs(made.network) == {("p0", "p1"), ("p0", "p3"), ("p1", "p2"), ("p2", "p3")}
    assert (made.network.name, made.network.mixing) == ("96", "max-degree")
    assert made.network.peers["p3"].address == "127.0.0.1:9003"
    assert made.notes[1:] == ("self-loops are left out (p2): own weights come from the mixing rule",)


def test_a_directed_file_with_both_directions_needs_no_note(tmp_path):
    nx.write_graphml(nx.path_graph(["a", "b", "c"]).to_directed(), tmp_path / "a.graphml")
    assert convert_file(tmp_path / "a.graphml").notes == ()


def test_a_directed_file_without_reverse_edges_is_taken_as_undirected(tmp_path):
    nx.write_graphml(nx.DiGraph([("a", "b"), ("b", "a"), ("b", "c")]), tmp_path / "a.graphml")
    made = convert_file(tmp_path / "a.graphml")
    assert pairs(made.network) == {("a", "b"), ("b", "c")}
    (note,) = made.notes
    assert note.startswith(
        "the file is directed; edges without their reverse (b → c) are taken as undirected"
    )


def test_weights_repeated_edges_and_upper_case_are_told(tmp_path):
    (tmp_path / "a.txt").write_text("# who knows whom\nLab ward 0.5\nLab ward 0.25\n\nward x  # the last\n")
    made = convert_file(tmp_path / "a.txt", mixing="lazy-metropolis")
    assert pairs(made.network) == {("lab", "ward"), ("ward", "x")}
    assert made.notes == (
        "nodes are renamed: Lab → lab",
        "edges that are repeated are kept once (lab – ward)",
        "weights in the file are not used: the mixing rule (lazy-metropolis) decides them",
    )


def test_the_format_is_found_by_content_and_can_be_said(tmp_path):
    path = tmp_path / "network"
    for write, kind in ((nx.write_graphml, "graphml"), (write_json("links"), "node-link")):
        write(nx.path_graph(3), path)
        assert convert_file(path).format == kind
    nx.write_gexf(nx.path_graph(3), path)
    assert convert_file(path).format == "gexf"
    path.write_bytes(BOM_UTF8 + path.read_bytes())
    assert convert_file(path).format == "gexf"
    nx.write_gml(nx.path_graph(3), path)
    assert convert_file(path).format == "gml"
    path.write_text("3\n0 1\n1 2\n")
    assert convert_file(path).format == "edges"
    path.write_text("a b\nb c\n")
    with pytest.raises(InputError, match=r"line 1: found 'a b' where the number of nodes is expected"):
        convert_file(path, "edges")


REFUSED = {
    "dis.csv": ("a,b\nc,d\n", "edges: the network falls into 2 parts: a, b | c, d; join them by edges"),
    "lone.edges": ("3\n0 1\n", "edges: the network falls into 2 parts: p0, p1 | p2; join them by edges"),
    "empty.txt": ("# nothing\n", "the file holds no nodes; it was read as edge-list"),
    "one.edges": ("1\n0 0\n", "peers: found 1 peers; a network has at least two"),
    "name.txt": ("a b\nb ?!\n", "line 2: '\\?!' cannot be a peer's name; rename it in the file"),
    "two.txt": ("a b\nb A\n", "line 2: 'A' and 'a' \\(line 1\\) would both be called 'a'"),
    "ends.txt": (
        'graph {\n"a" -- "b"\n}',
        "this is a Graphviz file, which is not read; write it as GraphML, GEXF",
    ),
    "lab.dot": ("a b\n", "this is a Graphviz file, which is not read"),
    "lab.xlsx": (
        b"PK\3\4\xff",
        "this is a spreadsheet, which is not read; write it as .*an edge list \\(CSV\\)",
    ),
    "latin.txt": (b"caf\xe9 b\n", "not UTF-8 text"),
}


@pytest.mark.parametrize("file", REFUSED)
def test_what_is_no_network_is_refused_by_name(tmp_path, file):
    content, message = REFUSED[file]
    (tmp_path / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=f"{file}: {message}"):
        convert_file(tmp_path / file)


def test_options_are_not_blamed_on_the_file(tmp_path):
    (tmp_path / "a.txt").write_text("a b\n")
    for wrong in ({"name": ""}, {"base_port": 65535}):
        with pytest.raises(InputError) as caught:
            convert_file(tmp_path / "a.txt", **wrong)
        assert caught.value.file is None


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="no such file; check the path"):
        convert_file(tmp_path / "a.txt")
    with pytest.raises(InputError, match="cannot be read"):
        convert_file(tmp_path)


@settings(deadline=None, max_examples=150)
@given(
    content=st.one_of(st.binary(max_size=60), st.text('01ab ,\n{}<>[]":#', max_size=60).map(str.encode)),
    file=st.sampled_from(["a.txt", "a.json", "a.graphml", "a.gexf", "a.gml"]),
)
def test_any_file_is_a_network_or_an_input_error(tmp_path_factory, content, file):
    path = tmp_path_factory.getbasetemp() / file
    path.write_bytes(content)
    with suppress(InputError):
        convert_file(path)
