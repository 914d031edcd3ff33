import pytest

from topology.errors import InputError
from topology.foreign.edge_table import read_edge_table

GEPHI = "Source,Target,Type,Id,Label,Weight\n0,1,Undirected,0,,1.0\n1,2,Undirected,1,,1.0\n"


def test_the_table_that_gephi_writes():
    graph = read_edge_table(GEPHI, "f")
    assert graph.edges == (("0", "1"), ("1", "2"))
    assert graph.places == {"0": "line 2", "1": "line 2", "2": "line 3"}
    assert graph.weighted
    assert not graph.directed
    assert graph.notes == (
        "line 1 (Source, Target) is taken as the heads of columns",
        "columns that are not used: Id, Label",
    )
    assert read_edge_table(GEPHI.replace("Undirected", "Directed"), "f").directed


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("pair", ["source target", "TO from", "src dst"])
def test_columns_stand_anywhere_and_names_hold_blanks(separator, pair):
    first, second = pair.split()
    lines = ["# made by hand", "", f"since;{second};;{first}", "2020;Köln;1; Bad Homburg "]
    graph = read_edge_table("\n".join(lines).replace(";", separator), "f")
    assert set(graph.edges[0]) == {"Köln", "Bad Homburg"}
    assert graph.places["Köln"] == "line 4"


def test_text_with_the_separator_in_quotes():
    assert read_edge_table('from,to\n"Köln, Dom",b\n', "f").edges == (("Köln, Dom", "b"),)


@pytest.mark.parametrize("text", ["", "a,b\n", "source target\na b\n", "a,b\nsource,target\n"])
def test_what_has_no_heads_is_left_to_others(text):
    assert read_edge_table(text, "f") is None


@pytest.mark.parametrize("line", ["a", "a,", ",b", "a,b,0,5", "a,b,,"])
def test_lines_that_do_not_fit_the_heads_are_refused(line):
    with pytest.raises(
        InputError, match=r"^f: line 3: found \d values of 2, or no source, target; give each line"
    ):
        read_edge_table(f"source,target\na,b\n{line}\n", "f")


def test_what_is_no_csv_is_refused():
    with pytest.raises(InputError, match=r"^f: line 2: cannot be read \(.*\); write it again as CSV"):
        read_edge_table(f"source,target\n{'a' * 200_000},b\n", "f")
