import numpy as np
import pytest

from peer.protocol.facts import PeerFact, network_facts, own_fact, profiles_differ, verdict
from tests.support.problems import dif_spec

SPEC = dif_spec(rank=2, iterations=5)


def fact(**fields) -> PeerFact:
    usual = {"dim": 6, "num_tasks": 3, "num_samples": 30, "min_samples": 10, "max_samples": 10}
    return PeerFact(**{**usual, **fields})


def test_own_fact_counts_tasks_and_rows():
    found = own_fact(np.array([0, 4, 7, 12]), 6, software="1.0", profile="blas")
    assert found == fact(
        num_tasks=3, num_samples=12, min_samples=3, max_samples=5, software="1.0", profile="blas"
    )


def test_a_fact_travels_as_canonical_json():
    found = fact(profile="ä")
    assert PeerFact.from_bytes(found.to_bytes()) == found
    assert found.to_bytes() == PeerFact.from_bytes(found.to_bytes()).to_bytes()
    assert found.to_bytes().startswith(b'{"dim":6,"dtype":"<f8",')


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"dim":6}',
        fact().to_bytes().replace(b'"dim":6', b'"dim":0'),
        fact().to_bytes()[:-1] + b',"x":1}',
    ],
)
def test_what_is_not_a_fact_is_refused(data):
    with pytest.raises(ValueError, match="not a peer fact"):
        PeerFact.from_bytes(data)


def test_network_facts_sum_up_the_table():
    found = network_facts(
        {"p0": fact(), "p1": fact(num_tasks=1, num_samples=20, min_samples=20, max_samples=20)}
    )
    assert (found.num_peers, found.num_tasks, found.total_samples, found.dim) == (2, 4, 50, 6)
    assert found.num_samples == 12.5
    assert not found.equal_samples
    assert network_facts({"p0": fact(), "p1": fact()}).equal_samples


def test_peers_that_fit_have_no_verdict():
    assert verdict(SPEC, {"p0": fact(), "p1": fact(num_tasks=1)}) is None


@pytest.mark.parametrize(
    ("odd", "text"),
    [
        (
            {"dim": 7},
            "p1 (dim 7) does not fit the others (dim 6); give all peers data with the same features",
        ),
        (
            {"dtype": "<f4"},
            "p1 (dtype <f4) does not fit the others (dtype <f8); install the same difpeer version",
        ),
    ],
)
def test_who_does_not_fit_is_named(odd, text):
    table = {"p0": fact(), "p1": fact(**odd), "p2": fact()}
    assert verdict(SPEC, table).startswith(text)


def test_verdict_is_the_same_text_whatever_the_order_of_the_table():
    table = {"p0": fact(dim=7), "p1": fact(), "p2": fact(), "p3": fact(dim=8)}
    told = {verdict(SPEC, dict(items)) for items in (table.items(), reversed(table.items()))}
    (text,) = told
    assert text.startswith("p0 (dim 7), p3 (dim 8) does not fit")


def test_in_a_tie_the_verdict_still_is_one_text():
    """Two peers of two kinds: neither is the odd one, but all must say the same."""
    table = {"p0": fact(dim=7), "p1": fact(dim=6)}
    told = {verdict(SPEC, dict(items)) for items in (table.items(), reversed(table.items()))}
    assert len(told) == 1


def test_data_too_small_for_the_spec_are_named_with_the_smallest_task():
    table = {"p0": fact(), "p1": fact(min_samples=1)}
    text = verdict(SPEC, table)
    assert text.startswith("rank: 2 is above the rows of the smallest task, 1")
    assert text.endswith("(smallest task: at p1)")
    few = verdict(dif_spec(rank=7, iterations=5), {"p0": fact(), "p1": fact(min_samples=1)})
    assert few.endswith("use a rank of at most 6"), "no task has to do with it"
    assert verdict(dif_spec(rank=7, iterations=5), table).startswith("rank: 7 is above the dimension 6")


def test_profiles_that_differ_are_listed_with_their_peers():
    assert profiles_differ({"p0": fact(profile="a"), "p1": fact(profile="a")}) == {}
    table = {"p2": fact(profile="b"), "p0": fact(profile="a"), "p1": fact(profile="b")}
    assert profiles_differ(table) == {"a": ["p0"], "b": ["p1", "p2"]}


def test_versions_that_differ_are_listed_too():
    table = {name: fact(profile="a", software=version) for name, version in (("p0", "1.0"), ("p1", "1.1"))}
    assert profiles_differ(table) == {"difpeer 1.0, a": ["p0"], "difpeer 1.1, a": ["p1"]}


def test_the_package_of_an_algorithm_is_told_only_where_it_is_not_difpeers_own():
    assert b"algorithm" not in fact().to_bytes()
    own = fact(algorithm="own-pca 0.1.0")
    assert own.to_bytes().startswith(b'{"algorithm":"own-pca 0.1.0","dim":6,')
    assert PeerFact.from_bytes(own.to_bytes()) == own
    text = verdict(SPEC, {"p0": own, "p1": fact(algorithm="own-pca 0.2.0"), "p2": own})
    assert text == (
        "p1 (algorithm own-pca 0.2.0) does not fit the others (algorithm own-pca 0.1.0); "
        "install the same version of that package at all peers"
    )
