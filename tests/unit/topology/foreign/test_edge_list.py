import pytest

from topology.errors import InputError
from topology.foreign.edge_list import begins_with_count, read_counted_edges, read_edge_list


def test_names_places_and_edges():
    graph = read_edge_list("# comment\n\na b\nb\tc % other\n a , c \n", "f")
    assert graph.edges == (("a", "b"), ("b", "c"), ("a", "c"))
    assert graph.places == {"a": "line 3", "b": "line 3", "c": "line 4"}
    assert not graph.directed
    assert not graph.weighted


@pytest.mark.parametrize("rest", ["1", "0.5", "-1e-3", "{'weight': 2, 'colour': 'red'}"])
def test_a_weight_may_follow(rest):
    assert read_edge_list(f"a b {rest}\n", "f").weighted
    assert read_edge_list("a b {}\n", "f").edges == (("a", "b"),)


def test_the_attributes_of_networkx_without_any_are_no_weights():
    assert not read_edge_list("a b {}\n", "f").weighted


def test_heads_of_columns_are_passed_over():
    graph = read_edge_list("Source,Target,Weight\na,b,1\n", "f")
    assert graph.edges == (("a", "b"),)
    assert graph.notes == ("line 1 (Source, Target) is taken as the heads of columns",)


@pytest.mark.parametrize("line", ["c", "a b c", "a,,b", ",b", "a,", "a b 1 2", "a b nan?"])
def test_other_lines_are_refused_with_their_number(line):
    with pytest.raises(
        InputError, match=r"^f: line 2: found '.*' where two names are expected; write the names"
    ):
        read_edge_list(f"a b\n{line}\n", "f")


def test_a_count_comes_first_in_the_files_of_decentralizepy():
    assert begins_with_count("\n 16 \n0 1\n")
    assert not begins_with_count("0 1\n")
    assert not begins_with_count("")
    graph = read_counted_edges("3\n0 1\n1 0\n", "f")
    assert list(graph.places) == ["0", "1", "2"]
    assert graph.edges == (("0", "1"), ("1", "0"))


@pytest.mark.parametrize("line", ["0 3", "0", "0 1 2", "a b", "-1 0", "0,x", "0 9999999999"])
def test_ids_beyond_the_count_are_refused(line):
    with pytest.raises(
        InputError, match=r"^f: line 3: .* write two numbers from 0 to 2: line 1 says that there are 3"
    ):
        read_counted_edges(f"3\n0 1\n{line}\n", "f")


@pytest.mark.parametrize("first", ["", "a", "-3", "999999999", "9" * 5000])
def test_a_file_without_a_usable_count_is_refused(first):
    with pytest.raises(
        InputError, match=r"where the number of nodes is expected; write a number up to 65535"
    ):
        read_counted_edges(f"{first}\n", "f")
