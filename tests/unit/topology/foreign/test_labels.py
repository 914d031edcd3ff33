import pytest

from topology.foreign.graph import ForeignGraph
from topology.foreign.labels import by_labels

GRAPH = ForeignGraph({"n0": "line 1", "n1": "line 2"}, (("n0", "n1"),), notes=("before",))


def labelled(key, first, second):
    return by_labels(GRAPH, {"n0": {key: first}, "n1": {key: second}})


@pytest.mark.parametrize("key", ["name", "label"])
def test_nodes_are_called_by_their_name_or_label(key):
    graph = labelled(key, " Lab ", "Köln")
    assert graph.places == {"Lab": "line 1", "Köln": "line 2"}
    assert graph.edges == (("Lab", "Köln"),)
    assert graph.notes == ("before", f"peers are called by the nodes' {key}, not by the id (n0 is 'Lab')")


def test_numbers_are_labels_too():
    assert list(labelled("label", 3, 4).places) == ["3", "4"]


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (("lab", ""), "n1 has none"),
        (("lab", "Lab"), "n0 and n1 would both be called 'lab'"),
        (("lab", "Москва"), "'Москва' cannot be a peer's name"),
    ],
)
def test_labels_that_peers_cannot_have_are_told_and_left(labels, why):
    graph = labelled("name", *labels)
    assert graph.places == GRAPH.places
    assert graph.notes == ("before", f"the nodes' name is not used: {why}")


def test_where_names_cannot_be_used_labels_may():
    graph = by_labels(GRAPH, {"n0": {"name": "x", "label": "a"}, "n1": {"name": "x", "label": "b"}})
    assert list(graph.places) == ["a", "b"]
    assert len(graph.notes) == 3


@pytest.mark.parametrize("labels", [("n0", "n1"), (None, None), (True, 0.5)])
def test_nothing_is_said_where_there_are_no_other_names(labels):
    assert labelled("label", *labels) == GRAPH
