"""A peer's tasks in memory."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.data.local import check, check_peer_name, from_tasks, task_order
from tests.unit.data.samples import TASK_ID, local_data, small
from topology.errors import InputError


def test_tasks_are_ordered_by_value_and_then_by_text():
    assert sorted(["b", "10", "2", "-3", "a", "02", "0"], key=task_order) == [
        "-3",
        "0",
        "2",
        "10",
        "02",
        "a",
        "b",
    ]


@settings(deadline=None)
@given(st.lists(TASK_ID | st.integers().map(str), unique=True))
def test_no_two_names_are_equal_in_the_order(names):
    assert len({task_order(name) for name in names}) == len(names)


@settings(deadline=None)
@given(local_data())
def test_what_from_tasks_lays_out_is_valid_and_gives_the_tasks_back(local):
    check(local)
    again = list(local.tasks())
    assert tuple(task.task_id for task in again) == local.task_ids
    assert np.concatenate([task.X for task in again]).tobytes() == local.X.tobytes()
    assert sum(0 if task.y_holdout is None else len(task.y_holdout) for task in again) == (
        0 if local.y_holdout is None else len(local.y_holdout)
    )
    assert from_tasks(again[::-1], local.features).task_ids == local.task_ids


def test_a_task_without_held_out_rows_may_stand_beside_one_with_them():
    one, other = small(("1",), held=2), small(("2",))
    local = from_tasks([*one.tasks(), *other.tasks()], one.features)
    check(local)
    assert local.holdout_ptr.tolist() == [0, 2, 2]


def test_num_tasks_and_dim():
    assert (small().num_tasks, small().dim) == (2, 3)


def _with(name, index, value):
    array = getattr(small(held=2), name).copy()
    array[index] = value
    return {name: array}


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        ({"task_ids": ()}, "task_ids", "no tasks"),
        ({"task_ids": ("", "2")}, "task_ids", "without a name"),
        ({"task_ids": ("2", "1")}, "task_ids", "ascending"),
        ({"task_ids": ("1", "1")}, "task_ids", "ascending"),
        ({"features": ()}, "features", "no features"),
        ({"features": ("a", "b", "a")}, "features", "same name"),
        ({"features": ("a", "b")}, "X", "not float64 of shape (9, 2)"),
        ({"task_ptr": np.array([0, 9])}, "task_ptr", "not int64 of shape (3,)"),
        ({"task_ptr": np.array([0.0, 4, 9])}, "task_ptr", "float64"),
        (_with("task_ptr", 1, 9), "task_ptr", "task '2' has fewer rows than 1"),
        (_with("task_ptr", 0, 1), "task_ptr", "begin elsewhere"),
        (_with("task_ptr", 2, 8), "X", "shape (8, 3)"),
        (_with("X", (6, 1), np.nan), "X", "row 7 holds nan"),
        (_with("y", 8, -np.inf), "y", "row 9 holds -inf"),
        ({"X": small().X.astype(np.float32)}, "X", "float32"),
        ({"y": small().y[:, np.newaxis]}, "y", "shape (9, 1)"),
        ({"holdout_ptr": None}, "holdout_ptr", "missing"),
        ({"X_holdout": None}, "X_holdout", "missing"),
        (_with("holdout_ptr", 1, 5), "holdout_ptr", "task '2' has fewer rows than 0"),
        (_with("X_holdout", (0, 0), np.inf), "X_holdout", "row 1 holds inf"),
    ],
)
def test_check_names_file_field_and_mend(change, field, problem):
    with pytest.raises(InputError) as caught:
        check(replace(small(held=2), **change), "some.file")
    assert caught.value.file == "some.file"
    assert caught.value.field == field
    assert problem in caught.value.problem
    assert "difpeer data" in caught.value.mend


@settings(deadline=None)
@given(local_data().filter(lambda local: local.preparation is not None))
def test_a_preparation_has_one_entry_per_feature(local):
    short = local.preparation.model_copy(update={"scale": (1.0,) * (local.dim + 1)})
    with pytest.raises(InputError, match=r"preparation\.scale"):
        check(replace(local, preparation=short))


@pytest.mark.parametrize("name", ["", "P0", "../p0", "a/b", "p" * 33, "p 0", "."])
def test_what_cannot_be_a_peers_name_is_refused(name):
    with pytest.raises(InputError, match="cannot be a name"):
        check_peer_name(name)
