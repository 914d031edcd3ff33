"""Tasks dealt to peers, rows held out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.data.dealing import deal, held_out
from topology.errors import InputError


@settings(deadline=None)
@given(tasks=st.integers(1, 40), peers=st.integers(1, 40), seed=st.none() | st.integers(0, 2**70))
def test_every_task_goes_to_one_peer_and_the_shares_are_even(tasks, peers, seed):
    ids, names = [str(t) for t in range(tasks)], [f"p{i}" for i in range(peers)]
    if peers > tasks:
        with pytest.raises(
            InputError, match=rf"peers: {peers} peers for {tasks} tasks; .* 1 to {tasks} peers"
        ):
            deal(ids, names, seed)
        return
    shares = deal(ids, names, seed)
    assert list(shares) == names
    assert sorted(t for share in shares.values() for t in share) == sorted(ids)
    sizes = {len(share) for share in shares.values()}
    assert max(sizes) - min(sizes) <= 1
    assert deal(ids, names, seed) == shares


def test_without_a_seed_the_order_stays_and_a_seed_changes_it():
    ids = [str(t) for t in range(20)]
    assert deal(ids, ["a", "b"], None) == {"a": tuple(ids[:10]), "b": tuple(ids[10:])}
    assert deal(ids, ["a", "b"], 0) != deal(ids, ["a", "b"], 1)


@pytest.mark.parametrize("names", [[], ["a", "a"], ["A"]])
def test_names_of_peers_are_checked(names):
    with pytest.raises(InputError):
        deal(["1", "2"], names, 0)


@settings(deadline=None)
@given(n=st.integers(1, 50), fraction=st.floats(0, 0.999), seed=st.integers(0, 2**40))
def test_the_part_is_held_out_but_one_row_stays(n, fraction, seed):
    held = held_out("school", n, fraction, seed)
    assert held.shape == (n,)
    assert held.sum() == min(round(fraction * n), n - 1)
    np.testing.assert_array_equal(held, held_out("school", n, fraction, seed))


def test_each_task_and_seed_draws_its_own():
    draws = {held_out(task, 40, 0.5, seed).tobytes() for task in ("1", "2", "x") for seed in (0, 1, 2)}
    assert len(draws) == 9
