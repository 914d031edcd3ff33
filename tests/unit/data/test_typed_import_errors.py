"""Parquet tables and NPZ archives that cannot be used: the message names file, field and mend."""

import numpy as np
import pandas as pd
import pytest

from tests.unit.data.refusals import ARRAYS, OPTIONS, refused


def npz(tmp_path, changes, **options):
    file = tmp_path / "t.npz"
    np.savez(file, **{name: array for name, array in (ARRAYS | changes).items() if array is not None})
    return refused(file, **({"peers": ("p0",)} | options))


@pytest.mark.parametrize(
    ("values", "field", "problem"),
    [
        (pd.to_datetime(["2020-01-01", "2020-01-02"] * 2), "column 'intake'", "timestamp"),
        ([1.0, None, 2.0, 3.0], "column 'intake', row 2", "no value"),
        (["1", "2", "x", "4"], "column 'intake', row 3", "text 'x'"),
        ([[1.0], [2.0], [3.0], [4.0]], "column 'intake'", "list"),
    ],
)
def test_values_of_parquet(tmp_path, values, field, problem):
    table = pd.DataFrame(
        {"school": [1, 1, 2, 2], "score": [1.0, 2, 3, 4], "intake": values, "age": [1, 2, 3, 5]}
    )
    table.to_parquet(tmp_path / "t.parquet")
    error = refused(tmp_path / "t.parquet", **OPTIONS)
    assert error.field == field
    assert problem in error.problem


def test_tasks_of_parquet_are_whole_numbers_or_text(tmp_path):
    table = pd.DataFrame(
        {"school": [1.5, 1, 2, 2], "score": [1.0, 2, 3, 4], "intake": [1, 2, 3, 4], "age": 1}
    )
    table.to_parquet(tmp_path / "t.parquet")
    error = refused(tmp_path / "t.parquet", **OPTIONS)
    assert (error.field, error.problem) == ("column 'school'", "holds double")
    table["school"] = pd.array([1, 1, None, 2], dtype="Int64")
    table.to_parquet(tmp_path / "t.parquet")
    assert refused(tmp_path / "t.parquet", **OPTIONS).field == "column 'school', row 3"


@pytest.mark.parametrize(
    ("changes", "field", "problem"),
    [
        ({"X": np.array([[1, 2], [3, "a"], [5, 6], [7, 8]], dtype=object)}, "array 'X'", "Python objects"),
        ({"task": np.array(["a", "a", 2, 2], dtype=object)}, "array 'task'", "Python objects"),
        ({"U_true": np.array([None])}, "array 'U_true'", "Python objects"),
        ({"X": ARRAYS["X"].astype(complex)}, "array 'X'", "complex128"),
        ({"X": ARRAYS["X"].astype(str)}, "array 'X'", "<U"),
        ({"X": np.zeros((4, 2, 2))}, "array 'X'", "shape (4, 2, 2)"),
        ({"X": ARRAYS["X"][:3]}, "array 'X'", "shape (3, 2)"),
        ({"X": np.zeros((4, 0))}, "array 'X'", "shape (4, 0)"),
        ({"X": None, "x": ARRAYS["X"]}, "--features", "no column 'X'"),
        ({"task": None}, "--task", "no column 'task'"),
        ({"y": None}, "--target", "no column 'y'"),
        ({"y": ARRAYS["X"]}, "array 'y'", "2 columns"),
        ({"y": np.float64(1)}, "array 'y'", "shape ()"),
        ({"y": np.array([1, 2, np.nan, 4])}, "column 'y', row 3", "no value"),
        ({"X": np.where(ARRAYS["X"] == 5, np.inf, ARRAYS["X"])}, "column 'X[:, 1]', row 2", "found inf"),
        ({"task": np.array([1.0, 1, 2, 2])}, "array 'task'", "float64"),
        ({"task": ARRAYS["task"][:, np.newaxis]}, "array 'task'", "shape (4, 1)"),
        ({"task": np.array([], dtype=int)}, "rows", "no rows"),
        ({"task": np.array(["a", "a", "", "b"])}, "column 'task', row 3", "no value"),
        ({"U_true": np.zeros((3, 1))}, "array 'U_true'", "shape (3, 1), with 2 features"),
        ({"U_true": np.zeros(2)}, "array 'U_true'", "shape (2,)"),
        ({"U_true": np.zeros((2, 3))}, "array 'U_true'", "shape (2, 3)"),
        ({"U_true": np.zeros((2, 0))}, "array 'U_true'", "shape (2, 0)"),
        ({"U_true": np.ones((2, 2))}, "array 'U_true'", "linearly dependent"),
        ({"U_true": np.array([[1.0], [np.nan]])}, "array 'U_true'", "NaN"),
    ],
)
def test_arrays_of_npz(tmp_path, changes, field, problem):
    error = npz(tmp_path, changes)
    assert error.field == field
    assert problem in error.problem


def test_the_wrong_case_of_an_array_gets_a_hint(tmp_path):
    assert "x" in npz(tmp_path, {"X": None, "x": ARRAYS["X"]}).mend


def test_a_truth_does_not_survive_standardising_and_needs_a_row_for_the_intercept(tmp_path):
    truth = {"U_true": np.eye(2)[:, :1]}
    assert "standardised" in npz(tmp_path, truth, standardize=True).problem
    error = npz(tmp_path, truth, intercept=True)
    assert "with 3 features" in error.problem
    assert "(3, r)" in error.mend


def test_npz_without_peers_says_what_to_give(tmp_path):
    assert npz(tmp_path, {}, peers=None).field == "--peer"
