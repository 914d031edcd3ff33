"""What is said of data before anybody learns from them."""

import numpy as np
import pytest

from peer.data.dependence import MOST_FEATURES, dependences
from peer.data.local import Task, from_tasks
from peer.data.remarks import remarks_on
from tests.unit.data.samples import small

RNG = np.random.default_rng(0)
NET = np.round(RNG.uniform(1, 5, 200), 2)
GROSS = np.round(NET * 1.19, 2)
FIRST = RNG.integers(0, 2, 200).astype(float)
OTHER = RNG.standard_normal(200)
ONES = np.ones(200)


def remarks(*columns, names=None):
    X = np.column_stack(columns)
    names = names or tuple(f"f{i}" for i in range(X.shape[1]))
    tasks = [Task("a", X[:100], OTHER[:100]), Task("b", X[100:], OTHER[100:])]
    return remarks_on([from_tasks([task], names) for task in tasks])


def test_nothing_is_said_of_good_data():
    assert remarks_on([small(("1", "2")), small(("3",), seed=1)]) == []
    assert remarks(OTHER, FIRST, ONES) == []


def test_unequal_scales_are_told_with_both_names():
    told = remarks(OTHER * 80, OTHER[::-1] * 0.3, ONES, names=("visitors", "rain", "intercept"))
    assert len(told) == 1
    assert told[0].startswith("'visitors' has 267 times the spread of 'rain'; ")
    assert "--standardize" in told[0]


def test_a_feature_far_from_zero_is_told():
    told = remarks(2020 + OTHER, OTHER[::-1], names=("year", "rain"))
    assert len(told) == 1
    assert told[0].startswith("'year' lies far from 0 (mean 2020, spread 1); ")


def test_tasks_of_one_row_are_named():
    lone = [Task(name, np.ones((1, 3)), np.ones(1)) for name in ("K brot", "K Kuchen")]
    told = remarks_on([small(("1", "2"), seed=1), from_tasks(lone, ("x0", "x1", "x2"))])
    assert [remark for remark in told if "one row" in remark] == [
        "tasks with one row only to learn from: K Kuchen, K brot (the same task, spelled in another way?)"
    ]


def test_a_feature_that_follows_from_another_is_named():
    told = remarks(NET, GROSS, OTHER, names=("net", "gross", "other"))
    assert told == [
        "'gross' follows from 'net': 3 features tell no more than 2 would; leave such columns out, or keep the "
        "rank at or below that"
    ]


def test_all_levels_follow_from_each_other_beside_a_constant_only():
    columns = [OTHER, FIRST, 1 - FIRST]
    assert dependences(np.column_stack(columns)) == {}
    assert dependences(np.column_stack([*columns, ONES])) == {2: (1,)}


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_dependence_does_not_depend_on_scale(scale):
    X = np.column_stack([NET, OTHER, NET - 2 * OTHER, 2020 + OTHER[::-1]])
    assert dependences(X * scale) == {2: (0, 1)}


def test_few_rows_and_very_many_features_say_nothing():
    assert dependences(np.ones((3, 3))) == {}
    assert dependences(np.ones((MOST_FEATURES + 9, MOST_FEATURES + 1))) == {}
