"""``difpeer predict`` from a run folder and a peer's own data."""

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from peer.cli.predict import app
from peer.data.importing import ImportOptions, import_table
from peer.data.prepared import prepared_digest
from peer.data.store import read_peer, write_all
from peer.measure.run_folder import write_run_folder
from peer.registry import parse_spec
from peer.simulate.simulation import simulate
from topology.errors import InputError
from topology.generators import make_network

HEAD = "school,score,a,b,c\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A table, the peers' data and a run on them; the targets are exactly of rank one."""
    folder, rng = tmp_path_factory.mktemp("predict"), np.random.default_rng(0)
    lines = []
    for _ in range(120):
        school, x = int(rng.integers(0, 6)), rng.standard_normal(3).tolist()
        lines.append(f"{school},{(school + 1) * (x[0] - 2 * x[1] + x[2] / 2)!r},{x[0]!r},{x[1]!r},{x[2]!r}\n")
    (folder / "own.csv").write_text(HEAD + "".join(lines[:90]))
    (folder / "new.csv").write_text(HEAD + "".join(lines[90:]))
    network = make_network("path", 3).network
    options = ImportOptions(task="school", target="score", peers=network.names, holdout=0.2)
    write_all(folder / "data", import_table(folder / "own.csv", options))
    data = {name: read_peer(folder / "data" / name) for name in network.names}
    spec = parse_spec({"algorithm": "dif-altgdmin", "rank": 1, "iterations": 60})
    done = simulate(spec, network, data, {}, exact=False)
    results = {
        name: {"U": U, "prepared": np.array(prepared_digest(data[name]))} for name, U in done.bases.items()
    }
    write_run_folder(
        folder / "run", summary={"run_id": "r1"}, spec=spec, network=network, results=results, ledgers=[]
    )
    return folder


def call(*words):
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "160", "TERM": "dumb"})
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def own_rows(made, peer, file):
    """The rows of a table whose tasks the peer has, as a table."""
    tasks = read_peer(made / "data" / peer).task_ids
    lines = (made / "new.csv").read_text().splitlines(keepends=True)
    file.write_text(lines[0] + "".join(line for line in lines[1:] if line.split(",")[0] in tasks))
    return file


def test_new_rows_are_predicted(made, tmp_path):
    table = own_rows(made, "p1", tmp_path / "new.csv")
    words = (made / "run", "--peer", "p1", "--store", made / "data", "--data", table)
    document = json.loads(call(*words, "--json").stdout)
    with table.open() as file:
        targets = [float(row["score"]) for row in csv.DictReader(file)]
    assert len(targets) == document["num_rows"] > 0
    np.testing.assert_allclose(document["predictions"], targets, rtol=1e-3, atol=1e-3)
    assert document["rmse"] == pytest.approx(
        np.sqrt(np.mean((np.array(document["predictions"]) - targets) ** 2))
    )
    text = call(*words, "--out", tmp_path / "predicted.csv").stdout
    assert "RMSE over all rows" in text
    with (tmp_path / "predicted.csv").open() as file:
        rows = list(csv.DictReader(file))
    np.testing.assert_allclose(
        [float(row["prediction"]) for row in rows], document["predictions"], rtol=1e-11
    )
    np.testing.assert_allclose([float(row["target"]) for row in rows], targets, rtol=1e-11)
    assert all(len(row["prediction"].lstrip("-")) <= 18 for row in rows)
    bare = call(*words)
    assert bare.stdout == (tmp_path / "predicted.csv").read_text()
    assert "RMSE over all rows" in bare.stderr
    assert all(task in bare.stderr for task in document["tasks"])


def test_errors_stand_beside_those_of_each_task_alone_and_of_its_mean(made):
    words = (made / "run", "--peer", "p0", "--store", made / "data")
    document = json.loads(call(*words, "--json").stdout)
    for part in (document, *document["tasks"].values()):
        assert part["rmse_alone"] < 1e-9  # the targets have no noise
        assert part["rmse"] < 1e-2 < part["rmse_mean"]
    text = call(*words).stderr
    assert "RMSE" in text
    assert f"{document['rmse_mean']:.4g}" in text
    assert "alone: least squares of each task by itself" in text


def test_rows_with_an_empty_column_of_targets(made, tmp_path):
    table = own_rows(made, "p1", tmp_path / "new.csv")
    head, *lines = table.read_text().splitlines()
    emptied = (",".join([task, "", *rest]) for task, _, *rest in (line.split(",") for line in lines))
    table.write_text("\n".join([head, *emptied]) + "\n")
    words = (made / "run", "--peer", "p1", "--store", made / "data", "--data", table)
    told = call(*words)
    assert told.stdout.startswith("row,task,prediction\n1,")
    assert "targets not known" in told.stderr
    assert "RMSE" not in told.stderr


def test_without_a_table_the_held_out_rows_are_predicted(made):
    document = json.loads(call(made / "run", "--peer", "p0", "--store", made / "data", "--json").stdout)
    local = read_peer(made / "data" / "p0")
    np.testing.assert_allclose(document["predictions"], local.y_holdout, rtol=1e-3, atol=1e-3)
    assert set(document["tasks"]) == set(local.task_ids)


def refused(*words):
    with pytest.raises(InputError) as caught:
        call(*words)
    assert caught.value.mend
    return caught.value


def test_bad_input_is_told(made, tmp_path):
    error = refused(made / "run", "--peer", "p9", "--store", made / "data")
    assert "no peer 'p9'" in error.problem
    error = refused(made / "none", "--peer", "p0", "--store", made / "data")
    assert error.file == str(made / "none")
    other = next(
        t for t in ("0", "1", "2", "3", "4", "5") if t not in read_peer(made / "data" / "p0").task_ids
    )
    (tmp_path / "foreign.csv").write_text(f"{HEAD}{other},1,1,1,1\n")
    error = refused(
        made / "run", "--peer", "p0", "--store", made / "data", "--data", tmp_path / "foreign.csv"
    )
    assert f"no task {other!r}" in error.problem
    (tmp_path / "there.csv").touch()
    error = refused(made / "run", "--peer", "p0", "--store", made / "data", "--out", tmp_path / "there.csv")
    assert error.field == "--out"


def test_features_that_were_prepared_in_another_way_are_refused(made, tmp_path):
    options = {"task": "school", "target": "score", "peers": ("p0", "p1", "p2"), "holdout": 0.2}
    same = import_table(made / "own.csv", ImportOptions(**options, seed=7))
    write_all(tmp_path / "same", same)
    words = (made / "run", "--peer", "p0", "--store")
    assert "predictions" in call(*words, tmp_path / "same", "--json").stdout
    scaled = import_table(made / "own.csv", ImportOptions(**options, standardize=True))
    write_all(tmp_path / "scaled", scaled)
    error = refused(*words, tmp_path / "scaled")
    assert (error.field, error.file) == ("--store", str(tmp_path / "scaled" / "p0"))
    assert "prepared in another way" in error.problem
    (tmp_path / "renamed.csv").write_text((made / "own.csv").read_text().replace("a,b,c", "b,a,c", 1))
    write_all(tmp_path / "renamed", import_table(tmp_path / "renamed.csv", ImportOptions(**options)))
    assert "other names" in refused(*words, tmp_path / "renamed").problem


def test_data_of_another_dimension_or_without_held_out_rows(made, tmp_path):
    text = "school,score,a,b\n" + "".join(f"{i % 2},{i},{i * i % 7},{i % 5}\n" for i in range(12))
    (tmp_path / "t.csv").write_text(text)
    options = ImportOptions(task="school", target="score", peers=("p0", "p1"))
    write_all(tmp_path / "data", import_table(tmp_path / "t.csv", options))
    assert (
        "no rows are held out" in refused(made / "run", "--peer", "p0", "--store", tmp_path / "data").problem
    )
    words = ("--peer", "p0", "--store", tmp_path / "data", "--data", tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text(
        "school,a,b\n" + f"{read_peer(tmp_path / 'data' / 'p0').task_ids[0]},1,2\n"
    )
    assert "2 features" in refused(made / "run", *words).problem
