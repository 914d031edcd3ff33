"""New rows get the features that the peer's own rows have."""

import numpy as np
import pytest

from peer.data.importing import ImportOptions, import_table
from peer.data.new_rows import held_out_rows, read_new_rows
from tests.unit.data.samples import small
from topology.errors import InputError

HEAD = "school,score,intake,age,sex\n"
TABLE = HEAD + "".join(
    f"{i % 3},{i * 7 % 11},{i * 3 % 8},{i * i % 13},{'MF'[i % 3 == 0]}\n" for i in range(24)
)


def imported(tmp_path, text=TABLE, **changes):
    file = tmp_path / "own.csv"
    file.write_text(text)
    known = {"task": "school", "target": "score", "one_hot": ("sex",), "peers": ("p0",)}
    return import_table(file, ImportOptions(**known | {"standardize": True, "intercept": True} | changes))[
        "p0"
    ][0]


def read(tmp_path, text, local):
    file = tmp_path / "new.csv"
    file.write_text(text)
    return read_new_rows(file, local)


def refused(tmp_path, text, local):
    with pytest.raises(InputError) as caught:
        read(tmp_path, text, local)
    assert caught.value.file == str(tmp_path / "new.csv")
    assert caught.value.mend
    return caught.value


def test_the_table_of_the_data_gives_the_data(tmp_path):
    local = imported(tmp_path)
    rows = read(tmp_path, TABLE, local)
    order = np.argsort(rows.task, kind="stable")
    assert np.array_equal(rows.X[order], local.X)
    assert np.array_equal(rows.y[order], local.y)
    assert np.array_equal(rows.task[order], np.repeat(np.arange(3), np.diff(local.task_ptr)))


def test_columns_may_lie_otherwise_and_others_are_not_looked_at(tmp_path):
    local = imported(tmp_path)
    rows = read(tmp_path, "note,sex,age,intake,school\nsome text,F,2,3,1\n", local)
    assert rows.y is None
    same = read(tmp_path, HEAD + "1,0,3,2,F\n", local)
    assert np.array_equal(rows.X, same.X)
    assert rows.task.tolist() == [1]


def test_a_task_that_the_peer_does_not_have_is_named_with_its_line(tmp_path):
    error = refused(tmp_path, HEAD + "0,1,1,1,M\n7,1,1,1,M\n", imported(tmp_path))
    assert "no task '7'" in error.problem
    assert "line 3" in error.field
    assert "use one of: 0, 1, 2" in error.mend


def test_a_missing_column_is_named_with_the_nearest(tmp_path):
    error = refused(tmp_path, "school,intak,age,sex\n0,1,1,M\n", imported(tmp_path))
    assert "'intake'" in error.problem
    assert error.mend == "rename 'intak' to 'intake'"
    error = refused(tmp_path, "school,INTAKE,age,sex\n0,1,1,M\n", imported(tmp_path))
    assert error.mend == "rename 'INTAKE' to 'intake'"
    error = refused(tmp_path, "school,age,sex\n0,1,M\n", imported(tmp_path))
    assert error.mend.startswith("add it")
    error = refused(tmp_path, "schol,intake,age,sex\n0,1,1,M\n", imported(tmp_path))
    assert "'school'" in error.problem


def test_a_level_that_was_not_in_the_data_is_named(tmp_path):
    error = refused(tmp_path, HEAD + "0,1,1,1,X\n", imported(tmp_path))
    assert "'X'" in error.problem
    assert "F, M" in error.mend


def test_a_missing_value_is_named_with_its_line(tmp_path):
    error = refused(tmp_path, HEAD + "0,1,1,1,M\n0,1,,1,M\n", imported(tmp_path))
    assert "column 'intake', line 3" in error.field
    assert error.mend == "fill it in, or remove the row"
    error = refused(tmp_path, HEAD + "0,1,x,1,M\n", imported(tmp_path))
    assert error.mend == "write a number such as 1234.5"
    error = refused(tmp_path, HEAD + "0,1,inf,1,M\n", imported(tmp_path))
    assert error.mend == "write a finite number, or remove the row"


def test_an_empty_column_of_targets_is_not_known(tmp_path):
    local = imported(tmp_path)
    assert read(tmp_path, HEAD + "0,,3,1,M\n1,,4,1,F\n", local).y is None
    error = refused(tmp_path, HEAD + "0,,3,1,M\n1,2,4,1,F\n", local)
    assert "column 'score', line 2" in error.field
    arrays = {"X": np.ones((2, 3)), "task": np.array([1, 2])}
    np.savez(tmp_path / "new.npz", **arrays, y=np.array([np.nan, np.nan]))
    assert read_new_rows(tmp_path / "new.npz", small()).y is None


def test_rows_of_a_matrix(tmp_path):
    local, rng = small(), np.random.default_rng(1)
    X = rng.standard_normal((4, 3))
    np.savez(tmp_path / "new.npz", X=X, task=np.array([2, 1, 2, 2]))
    rows = read_new_rows(tmp_path / "new.npz", local)
    assert np.array_equal(rows.X, X)
    assert rows.task.tolist() == [1, 0, 1, 1]
    np.savez(tmp_path / "narrow.npz", X=X[:, :2], task=np.array([2, 1, 2, 2]))
    with pytest.raises(InputError, match="has 2 columns, and feature 'x2'"):
        read_new_rows(tmp_path / "narrow.npz", local)


def test_held_out_rows(tmp_path):
    assert held_out_rows(imported(tmp_path)) is None
    local = imported(tmp_path, holdout=0.25)
    rows = held_out_rows(local)
    assert len(rows.y) == 6
    assert rows.task.tolist() == [0, 0, 1, 1, 2, 2]


def test_a_task_of_another_peer_is_named_with_that_peer(tmp_path):
    local = imported(tmp_path)
    (tmp_path / "new.csv").write_text(HEAD + "7,1,1,1,M\n")
    with pytest.raises(InputError) as caught:
        read_new_rows(tmp_path / "new.csv", local, {"7": "p4"})
    assert caught.value.mend == "it is at p4: predict it there, and leave its rows out here"
