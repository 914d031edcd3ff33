"""Names from elsewhere as names of peers."""

import unicodedata

import pytest

from topology.entries import is_peer_name
from topology.spelling import peer_name_of


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Bad Homburg", "bad-homburg"),
        ("  bad_homburg ", "bad-homburg"),
        ("Köln", "koeln"),
        ("KÖLN", "koeln"),
        (unicodedata.normalize("NFD", "Köln"), "koeln"),
        ("Weißenfels (Süd)", "weissenfels-sued"),
        ("Orléans/2", "orleans-2"),
        ("Tromsø", "tromsoe"),
        ("Łódź", "lodz"),
        ("№ 7", "no-7"),
    ],
)
def test_a_name_is_written_in_the_letters_of_peers_names(text: str, name: str) -> None:
    assert peer_name_of(text) == name
    assert is_peer_name(name)


@pytest.mark.parametrize("name", ["p07", "a--b", "-x-", "bad-homburg"])
def test_a_peers_name_stays_as_it_is(name: str) -> None:
    assert peer_name_of(name) == name


@pytest.mark.parametrize("text", ["", "  ", "Москва", "x y" * 20])
def test_what_cannot_be_a_name_is_left_for_the_caller_to_refuse(text: str) -> None:
    assert not is_peer_name(peer_name_of(text))
