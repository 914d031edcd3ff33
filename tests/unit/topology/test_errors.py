import pickle

import pytest

from topology.errors import InputError, name_hint


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({}, "it is wrong"),
        ({"file": "a.yaml"}, "a.yaml: it is wrong"),
        ({"field": "rank"}, "rank: it is wrong"),
        ({"mend": "mend it"}, "it is wrong; mend it"),
        ({"file": "a.yaml", "field": "rank", "mend": "mend it"}, "a.yaml: rank: it is wrong; mend it"),
    ],
)
def test_the_message_has_the_parts_that_are_known(parts, text):
    assert str(InputError("it is wrong", **parts)) == text


def test_it_comes_whole_out_of_another_process():
    error = pickle.loads(pickle.dumps(InputError("wrong", file="a.yaml", field="rank", mend="mend it")))
    assert str(error) == "a.yaml: rank: wrong; mend it"
    assert (error.problem, error.file, error.field, error.mend) == ("wrong", "a.yaml", "rank", "mend it")


def test_a_near_name_is_suggested():
    assert name_hint("metropols", ["uniform", "metropolis"]) == "did you mean 'metropolis'?"


def test_known_names_are_listed_when_none_is_near():
    assert name_hint("zzz", ["p1", "p0"]) == "use one of: p0, p1"
    assert name_hint("zzz", [f"p{i:02}" for i in range(40)]).endswith("p11, …")


def test_without_known_names_the_mend_is_to_remove_it():
    assert name_hint("zzz", []) == "remove it"
