import pytest

from topology.errors import InputError
from topology.foreign.gml import read_gml

NODES = 'node [ id 0 label "Homburg" ]\nnode [ id 1 label "Köln" ]\n'


def test_labels_are_names():
    graph = read_gml(f"graph [\n{NODES}edge [ source 0 target 1 weight 2 ]\n]", "f")
    assert graph.edges == (("Homburg", "Köln"),)
    assert graph.places["Köln"] == "node 1"
    assert graph.weighted
    assert not graph.directed


def test_nodes_without_labels_and_a_direction():
    graph = read_gml("graph [\ndirected 1\nnode [ id 0 ]\nnode [ id 1 ]\nedge [ source 1 target 0 ]\n]", "f")
    assert graph.edges == (("1", "0"),)
    assert graph.directed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "graph [",
        "graph 3",
        f"graph [{NODES} edge [ source 0 target 7 ] ]",
        "graph [ node [ label 1 ] ]",
        "a?",
    ],
)
def test_what_is_no_gml_is_refused(text):
    with pytest.raises(InputError, match=r"^f: no GML that networkx can read \(.*\); mend the file"):
        read_gml(text, "f")
