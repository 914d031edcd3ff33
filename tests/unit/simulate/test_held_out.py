"""The error on held-out rows, against least squares task by task."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from peer.data.local import LocalData
from peer.data.synthetic import synthesize
from peer.registry import parse_spec
from peer.simulate.held_out import held_out_rmse
from peer.simulate.simulation import simulate
from tests.support.problems import network_of

NETWORK = network_of([("p0", "p1"), ("p1", "p2")])
FIELDS = {"algorithm": "dif-altgdmin", "rank": 2, "iterations": 5}


def parted(local, holdout):
    """The same tasks with the last rows of each held out."""
    rows = [slice(start, end) for start, end in pairwise(local.task_ptr)]
    tasks = [(local.X[of_task], local.y[of_task]) for of_task in rows]
    learn, held = len(tasks[0][1]) - holdout, holdout
    return LocalData(
        task_ids=local.task_ids,
        features=local.features,
        task_ptr=np.arange(len(tasks) + 1) * learn,
        X=np.concatenate([X[:learn] for X, _ in tasks]),
        y=np.concatenate([y[:learn] for _, y in tasks]),
        holdout_ptr=np.arange(len(tasks) + 1) * held,
        X_holdout=np.concatenate([X[learn:] for X, _ in tasks]),
        y_holdout=np.concatenate([y[learn:] for _, y in tasks]),
    )


@pytest.fixture(scope="module")
def whole():
    rng = np.random.default_rng(0)
    made = synthesize(NETWORK.names, num_tasks=9, dim=6, num_samples=12, rank=2)
    return {
        name: replace(local, y=local.y + rng.normal(scale=0.3, size=len(local.y)))
        for name, (local, _) in made.items()
    }


def squares(local, U, ridge):
    found = []
    for task in range(local.num_tasks):
        rows = slice(local.task_ptr[task], local.task_ptr[task + 1])
        A = local.X[rows] @ U
        b = np.linalg.solve(A.T @ A + ridge * np.eye(U.shape[1]), A.T @ local.y[rows])
        held = slice(local.holdout_ptr[task], local.holdout_ptr[task + 1])
        found.append((local.X_holdout[held] @ U @ b - local.y_holdout[held]) ** 2)
    return np.concatenate(found)


@pytest.mark.parametrize("ridge", [0.0, 2.0])
def test_errors_are_those_of_each_tasks_own_fit(whole, ridge):
    # p1 holds nothing out; the others not equally many rows, so that the error of all is no mean of means.
    data = {"p0": parted(whole["p0"], 4), "p1": whole["p1"], "p2": parted(whole["p2"], 2)}
    spec = parse_spec({**FIELDS, "coefficients": {"ridge": ridge}})
    bases = simulate(spec, NETWORK, data, {}, exact=False).bases
    of_peer = {name: squares(data[name], bases[name], ridge) for name in ("p0", "p2")}
    assert held_out_rmse(spec, data, bases) == {
        "all": pytest.approx(np.sqrt(np.concatenate(list(of_peer.values())).mean()), rel=1e-9),
        "peers": {name: pytest.approx(np.sqrt(found.mean()), rel=1e-9) for name, found in of_peer.items()},
    }


def test_without_held_out_rows_there_is_none(whole):
    spec = parse_spec(FIELDS)
    assert held_out_rmse(spec, whole, simulate(spec, NETWORK, whole, {}, exact=False).bases) is None
