"""Tables that cannot be used: the message names file, field and mend."""

import numpy as np
import pandas as pd
import pytest

from peer.data.dealing import held_out
from peer.data.importing import ImportOptions, import_table
from tests.unit.data.refusals import ARRAYS, OPTIONS, refused
from topology.errors import InputError

GOOD = """school,score,intake,age,sex
1,0.5,3.0,10,M
1,0.7,2.0,11,F
2,0.1,5.0,10,F
2,0.9,4.5,12,M
"""


def csv(tmp_path, text, **changes):
    file = tmp_path / "exam.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return refused(file, **OPTIONS | changes)


@pytest.mark.parametrize(
    ("old", "new", "field", "problem", "mend"),
    [
        ("5.0", "abc", "column 'intake', line 4", "text 'abc'", "--one-hot"),
        ("5.0", '"5,0"', "column 'intake', line 4", "text '5,0'", "write 5.0: a point"),
        ("5.0", '"1.005,0"', "column 'intake', line 4", "text '1.005,0'", "write 1005.0"),
        ("0.9", '"0,9"', "column 'score', line 5", "text '0,9'", "write 0.9"),
        ("5.0", "", "column 'intake', line 4", "no value (NaN)", "fill it in"),
        ("5.0", "NaN", "column 'intake', line 4", "no value (NaN)", "fill it in"),
        ("5.0", "-inf", "column 'intake', line 4", "found -inf", "finite"),
        (
            "3.0,10,M\n1,0.7,2.0",
            "NA,10,M\n1,0.7,x",
            "column 'intake', line 2",
            "no value (NaN)",
            "fill it in",
        ),
        ("0.9", "NA", "column 'score', line 5", "no value (NaN)", "fill it in"),
        ("0.9", "x", "column 'score', line 5", "text 'x'", "number"),
        ("\n2,0.9", "\n\n\n ,0.9", "column 'school', line 7", "no value", "fill it in"),
        ("\n2,0.9", "\n,0.9", "column 'school', line 5", "no value", "fill it in"),
        ("2,0.1", '"2,0.1', "line 4", "1 value(s), but 5 columns", "quotes"),
        ("2,0.1", '"2\n3",0.1', "column 'school', line 4", "found '2\\n3'", "quote"),
        (",12,M", ",12", "line 5", "4 value(s), but 5 columns", "all columns"),
        ("age", "intake", "columns", "two columns are called 'intake'", "rename"),
        (",", "\t", "line 1", "parted by tabs", "commas"),
        (GOOD, GOOD.splitlines()[0] + "\n", "rows", "no rows", "data"),
        (GOOD, GOOD.splitlines()[0], "rows", "Empty CSV", "data"),
    ],
)
def test_values_and_lines_of_csv(tmp_path, old, new, field, problem, mend):
    error = csv(tmp_path, GOOD.replace(old, new))
    assert error.field == field
    assert problem in error.problem
    assert mend in error.mend


def test_a_cell_too_long_to_find_its_line_is_found_by_its_row(tmp_path):
    error = csv(tmp_path, GOOD.replace("M", "M" * 200_000, 1).replace(",12,M", ",12"))
    assert error.field == "row 4"


def test_an_empty_csv(tmp_path):
    file = tmp_path / "exam.csv"
    for text in ("", "\n\n"):
        file.write_text(text)
        with pytest.raises(InputError, match=r"exam\.csv: rows: .*Empty.*; give names in the first line"):
            import_table(file, ImportOptions(**OPTIONS))


@pytest.mark.parametrize(
    ("encoding", "field", "problem"),
    [
        ("latin-1", "line 4", "byte 0xe9"),
        ("utf-16", "line 1", "byte 0xff"),
        ("utf-16-le", "line 1", "zero byte"),
    ],
)
def test_another_encoding(tmp_path, encoding, field, problem):
    error = csv(tmp_path, GOOD.replace("2,0.1", "é,0.1").encode(encoding))
    assert error.field == field
    assert problem in error.problem
    assert "UTF-8" in error.mend


@pytest.mark.parametrize("kind", ["csv", "parquet", "npz"])
def test_constant_columns(tmp_path, kind):
    table = pd.DataFrame(
        {"school": [1, 1, 2, 2], "score": [1.0, 2, 3, 4], "intake": 3.0, "age": [1, 2, 3, 4]}
    )
    file = tmp_path / f"t.{kind}"
    if kind == "npz":
        np.savez(file, **{name: table[name].to_numpy() for name in table})
    else:
        getattr(table, f"to_{kind}")(file, index=False)
    error = refused(file, **OPTIONS)
    assert error.field == "column 'intake'"
    assert "is 3 in all rows for learning" in error.problem
    assert "--intercept" in error.mend
    error = refused(file, **OPTIONS | {"target": "intake", "features": ("age",)})
    assert error.field == "column 'intake'"
    assert "--target" in error.mend


def test_a_column_that_varies_only_in_held_out_rows_is_constant(tmp_path):
    # Where row 5 is held out, the column is 0 in all that are left.
    seed = next(seed for seed in range(20) if held_out("1", 10, 0.5, seed)[5])
    text = "school,score,intake,age\n" + "".join(f"1,{i},{i},{int(i == 5)}\n" for i in range(10))
    error = csv(tmp_path, text, peers=("p0",), holdout=0.5, seed=seed)
    assert error.field == "column 'age'"


def test_a_one_hot_column_of_one_level_is_constant(tmp_path):
    error = csv(tmp_path, GOOD.replace("F", "M"), one_hot=("sex",))
    assert error.field == "column 'sex=M'"


def test_a_column_of_identifiers_is_not_one_hot(tmp_path):
    text = "school,score,intake,age,sex\n" + "".join(f"{i % 2},{i},{i},{i},id{i}\n" for i in range(1001))
    error = csv(tmp_path, text, one_hot=("sex",))
    assert error.field == "--one-hot sex"
    assert "1001 levels" in error.problem


@pytest.mark.parametrize("value", ["1e200", "1e-200"])
def test_numbers_that_cannot_be_standardised(tmp_path, value):
    text = "school,score,intake,age\n1,1,-{0},1\n1,2,{0},2\n2,3,0,3\n".replace("{0}", value)
    error = csv(tmp_path, text, standardize=True)
    assert error.field == "column 'intake'"
    assert "too large, or too close" in error.problem


def test_a_task_on_two_peers(tmp_path):
    text = GOOD.replace("M\n", "left\n").replace("F\n", "right\n")
    error = csv(tmp_path, text, peer="sex", peers=None)
    assert error.field == "column 'sex', line 3"
    assert "task '1' is at 'right', but at 'left' in line 2" in error.problem
    assert "one peer" in error.mend
    assert "--task sex,school" in error.mend


def test_a_peer_with_a_name_that_cannot_be(tmp_path):
    error = csv(tmp_path, GOOD.replace("F", "Москва"), peer="sex", peers=None)
    assert error.field == "column 'sex', line 3"
    assert error.problem == "'Москва' cannot be a name"


def test_two_peers_of_one_name(tmp_path):
    text = "clinic,who,y,a\nBad Homburg,1,1,2\nbad homburg,2,3,4\nBad_Homburg,3,2,5\n"
    error = csv(tmp_path, text, task="who", target="y", features=("a",), peer="clinic", peers=None)
    assert error.field == "column 'clinic', line 4"
    assert "'Bad_Homburg' and 'Bad Homburg' would both be the peer 'bad-homburg'" in error.problem


def test_peers_are_called_in_the_letters_of_peers_names(tmp_path):
    (tmp_path / "t.csv").write_text("clinic,who,y,a\nBad Homburg,1,1,2\nKöln,2,3,4\nbad homburg,3,2,5\n")
    found = import_table(tmp_path / "t.csv", ImportOptions(task="who", target="y", peer="clinic"))
    assert {name: local.task_ids for name, (local, _) in found.items()} == {
        "bad-homburg": ("1", "3"),
        "koeln": ("2",),
    }


def test_peers_are_called_by_lower_case_names(tmp_path):
    (tmp_path / "t.csv").write_text("clinic,who,y,a\nNorth,1,1,2\nSOUTH,2,3,4\nnorth,1,2,5\nSouth,2,4,1\n")
    found = import_table(tmp_path / "t.csv", ImportOptions(task="who", target="y", peer="clinic"))
    assert {name: local.task_ids for name, (local, _) in found.items()} == {"north": ("1",), "south": ("2",)}


@pytest.mark.parametrize(
    ("changes", "field", "problem", "mend"),
    [
        ({"task": "shool"}, "--task", "no column 'shool'", "did you mean 'school'"),
        ({"target": "scores"}, "--target", "no column 'scores'", "did you mean 'score'"),
        ({"features": ("age", "in-take")}, "--features", "no column 'in-take'", "did you mean 'intake'"),
        ({"one_hot": ("sexe",)}, "--one-hot", "no column 'sexe'", "did you mean 'sex'"),
        ({"peer": "sxe", "peers": None}, "--peer", "no column 'sxe'", "did you mean 'sex'"),
        ({"task": None}, "--task", "no column is named", "--task COL"),
        ({"target": None}, "--target", "no column is named", "--target COL"),
        ({"peers": None}, "--peer", "which peer holds which task", "--peers L"),
        ({"peer": "sex"}, "--peer", "--peer excludes --peers", "one"),
        ({"features": ()}, "--features", "no features", "name some"),
        ({"features": ("age", "age")}, "--features", "'age' twice", "once"),
        ({"one_hot": ("sex", "sex")}, "--one-hot", "'sex' twice", "once"),
        ({"features": ("age", "score")}, "--features", "'score' is --target already", "leave it out"),
        ({"one_hot": ("school",)}, "--one-hot", "'school' is --task already", "leave it out"),
        ({"target": "school"}, "--target", "one column as two of", "its own"),
        ({"peer": "school", "peers": None}, "--peer", "one column as two of", "its own"),
        ({"task": "school,sexe"}, "--task", "no column 'sexe'", "did you mean 'sex'"),
        ({"task": "school,score"}, "--target", "one column as two of", "its own"),
        ({"task": ","}, "--task", "no column ','", "use one of"),
        ({"features": None, "without": ("agee",)}, "--without", "no column 'agee'", "did you mean 'age'"),
        ({"without": ("age",)}, "--without", "excludes --features", "one of them"),
        ({"features": None, "without": ("sex",), "one_hot": ("sex",)}, "--without", "--one-hot", "once"),
    ],
)
def test_columns_with_the_wrong_role(tmp_path, changes, field, problem, mend):
    error = csv(tmp_path, GOOD, **changes)
    assert error.field == field
    assert problem in error.problem
    assert mend in error.mend


def test_two_features_of_one_name(tmp_path):
    text = GOOD.replace("intake", "sex=M")
    error = csv(tmp_path, text, features=("sex=M",), one_hot=("sex",))
    assert "two features are called 'sex=M'" in error.problem
    error = csv(tmp_path, GOOD.replace("intake", "intercept"), features=("intercept",), intercept=True)
    assert "two features are called 'intercept'" in error.problem


def test_a_column_without_a_name_is_no_feature_by_default(tmp_path):
    rows = GOOD.splitlines()
    text = "\n".join([f",{rows[0]}", *(f"{i},{row}" for i, row in enumerate(rows[1:]))])
    error = csv(tmp_path, text, features=None, one_hot=("sex",))
    assert (error.field, error.problem) == ("--features", "column 1 has no name")


def test_fewer_tasks_than_peers(tmp_path):
    (tmp_path / "exam.csv").write_text(GOOD)
    with pytest.raises(
        InputError, match="peers: 3 peers for 2 tasks; every peer needs a task: give 1 to 2 peers"
    ):
        import_table(tmp_path / "exam.csv", ImportOptions(**OPTIONS | {"peers": ("p0", "p1", "p2")}))


@pytest.mark.parametrize(("changes", "field"), [({"holdout": 1.0}, "holdout"), ({"seed": -1}, "seed")])
def test_holdout_and_seed(tmp_path, changes, field):
    (tmp_path / "exam.csv").write_text(GOOD)
    with pytest.raises(InputError) as caught:
        import_table(tmp_path / "exam.csv", ImportOptions(**OPTIONS | changes))
    assert caught.value.field == field
    assert caught.value.mend


@pytest.mark.parametrize(
    ("name", "content", "problem", "mend"),
    [
        ("t.npz", b"", "NPZ", "savez"),
        ("t.npz", b"PK\x05\x06" + b"\0" * 18, "no column 'task'", ""),
        ("t.npz", b"\x93NUMPY", "NPZ", "savez"),
        ("t.parquet", b"PAR1", "Parquet", "again"),
        ("t.xlsx", b"", "'.xlsx' is unknown", ".csv, .parquet or .npz"),
        ("t", b"", "'' is unknown", ".csv, .parquet or .npz"),
    ],
)
def test_files_that_are_no_tables(tmp_path, name, content, problem, mend):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        import_table(file, ImportOptions(**({} if name.endswith("npz") else OPTIONS)))
    assert caught.value.file == str(file)
    assert problem in caught.value.problem
    assert mend in caught.value.mend


@pytest.mark.parametrize("kind", ["csv", "parquet", "npz"])
def test_a_file_that_is_not_there(tmp_path, kind):
    with pytest.raises(InputError, match="no such file; give a file"):
        import_table(tmp_path / f"t.{kind}", ImportOptions(**OPTIONS))
    (tmp_path / f"t.{kind}").mkdir()
    with pytest.raises(InputError, match="is a folder; give a file"):
        import_table(tmp_path / f"t.{kind}", ImportOptions(**OPTIONS))


@pytest.mark.parametrize("kind", ["parquet", "npz"])
def test_a_file_cut_short(tmp_path, kind):
    file = tmp_path / f"t.{kind}"
    if kind == "npz":
        np.savez(file, **ARRAYS)
    else:
        pd.DataFrame({"school": range(100), "score": 1.0}).to_parquet(file)
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(InputError, match="cannot be read as"):
        import_table(file, ImportOptions(**({} if kind == "npz" else OPTIONS)))


@pytest.mark.parametrize(
    ("old", "new", "field", "mend"),
    [
        ("5,0", "5.0", "column 'intake', line 4", "write 5,0: beside semicolons a comma"),
        ("5,0", "1.005,0", "column 'intake', line 4", "write a number such as 1234,5, name"),
        ("5,0", "", "column 'intake', line 4", "fill it in"),
        (";12;M", ";12", "line 5", "put text with semicolons in quotes"),
    ],
)
def test_values_and_lines_beside_semicolons(tmp_path, old, new, field, mend):
    error = csv(tmp_path, GOOD.replace(",", ";").replace(".", ",").replace(old, new))
    assert error.field == field
    assert mend in error.mend


def test_a_target_of_text_is_not_to_be_coded(tmp_path):
    error = csv(tmp_path, GOOD.replace("0.9", "x"))
    assert error.mend == "write a number such as 1234.5"


def test_a_slash_in_a_part_of_a_tasks_name(tmp_path):
    error = csv(tmp_path, GOOD.replace("F", "a/b"), task="sex,school")
    assert error.field == "column 'sex', line 3"
    assert "without /" in error.mend


def test_all_columns_that_cannot_be_features_are_told_at_once(tmp_path):
    text = "school,score,intake,age,sex\n1,1,x,,M\n1,2,3,,F\n2,3,4,5,\n2,4,5,6,M\n"
    error = csv(tmp_path, text, one_hot=("sex",))
    assert (error.field, error.problem) == ("column 'intake', line 2", "found the text 'x'")
    assert error.mend.endswith(
        ". Likewise column 'age', line 2: no value (NaN), and in 1 more row; column 'sex', line 4: no value"
    )


def test_all_constant_columns_are_told_at_once(tmp_path):
    error = csv(tmp_path, "school,score,intake,age\n1,1,3,7\n1,2,3,7\n2,3,3,7\n")
    assert error.field == "column 'intake'"
    assert "--without" in error.mend
    assert error.mend.endswith("Likewise column 'age': is 7 in all rows for learning")
