import pytest

from topology.errors import InputError
from topology.foreign.naming import peer_names_of


def names(*nodes):
    return list(peer_names_of({node: f"line {at}" for at, node in enumerate(nodes, 1)}, "f").values())


def test_numbers_get_a_letter_and_as_many_digits():
    assert names("0", "7", "10") == ["p00", "p07", "p10"]
    assert names("3", "4") == ["p3", "p4"]


def test_other_names_stay_in_lower_case():
    assert names("lab", "Ward-3", "4") == ["lab", "ward-3", "4"]
    assert names("007", "7") == ["007", "7"]


def test_names_with_blanks_and_umlauts_are_written_as_peers_names():
    assert names("Bad Homburg", "Köln", "my_lab") == ["bad-homburg", "koeln", "my-lab"]


@pytest.mark.parametrize("node", ["Москва", "_", "x" * 33, "1" * 33, "?!"])
def test_what_no_peer_can_be_called_is_refused(node):
    with pytest.raises(
        InputError, match=r"^f: line 2: .* cannot be a peer's name; rename it in the file: 1 to 32"
    ):
        names("a", node)


def test_equal_names_are_refused():
    with pytest.raises(
        InputError, match=r"^f: line 2: 'a_b' and 'a b' \(line 1\) would both be called 'a-b'"
    ):
        names("a b", "a_b")
    with pytest.raises(
        InputError, match=r"^f: line 2: 'A' and 'a' \(line 1\) would both be called 'a'; rename one"
    ):
        names("a", "A")
