"""Values: entries, bytes, freezing, and the sum in order."""

import numpy as np
import pytest

from peer.program import entry_of, freeze, payload_bytes, snapshot, sum_in_order


def test_an_entry_is_what_travels_over_one_edge():
    array = np.arange(12.0).reshape(2, 3, 2)
    codes = (np.zeros((2, 3), dtype=np.uint8), np.ones((2, 1), dtype=np.float32))
    vectors = [np.zeros(4, dtype=np.uint8), np.zeros(9, dtype=np.uint8)]
    assert payload_bytes(entry_of(array, 1)) == 6 * 8
    assert payload_bytes(entry_of(codes, 1)) == 3 + 4
    assert [payload_bytes(entry_of(vectors, i)) for i in (0, 1)] == [4, 9]
    np.testing.assert_array_equal(entry_of(array, 1), array[1])
    assert isinstance(entry_of(np.zeros(2), 0), np.ndarray)  # a number stays an array


@pytest.mark.parametrize("value", [np.zeros(2), (np.zeros(2), np.zeros(3)), [np.zeros(2), np.zeros(3)]])
def test_frozen_values_cannot_change(value):
    assert freeze(value) is value
    for part in (value,) if isinstance(value, np.ndarray) else value:
        with pytest.raises(ValueError, match="read-only"):
            part[0] = 1


def test_a_snapshot_keeps_the_arrays_and_lets_the_dict_go_on():
    state = {"x": np.zeros(2), "iteration": 3}
    kept = snapshot(state)
    state["x"] = state["x"] + 1
    state["iteration"] = 4
    assert kept["iteration"] == 3
    np.testing.assert_array_equal(kept["x"], [0, 0])
    with pytest.raises(ValueError, match="read-only"):
        kept["x"][0] = 1


def test_terms_are_added_one_after_the_other_from_zero():
    # 1e16 + 1 - 1e16 shows the order: pairwise or in any other order it is not 0
    terms = [np.array([1e16]), np.array([1.0]), np.array([-1e16]), np.array([0.5])]
    assert sum_in_order(terms, np.ones(4), np.zeros(1))[0] == 0.5
    assert not np.signbit(sum_in_order([np.array([-0.0])], np.ones(1), np.zeros(1)))[0]


def test_narrow_numbers_are_weighted_in_float64():
    value = np.array([0.1], dtype=np.float32)
    total = sum_in_order([value], np.array([1 / 3]), np.zeros(1))
    assert total.dtype == np.float64
    assert total[0] == np.float64(np.float32(0.1)) * (1 / 3)
