"""The same tasks at other peers."""

import numpy as np
import pytest

from peer.data.local import Preparation, from_tasks
from peer.data.splitting import split
from peer.data.store import write_all, write_peer
from peer.data.synthetic import synthesize
from tests.unit.data.samples import assert_same, small
from topology.errors import InputError


@pytest.fixture
def data(tmp_path):
    drawn = synthesize(["a", "b", "c"], num_tasks=9, dim=4, num_samples=(3, 7), rank=2, holdout=0.4, seed=1)
    write_all(tmp_path / "data", drawn)
    return tmp_path / "data"


def tasks_of(peers):
    return {task.task_id: task for local, _ in peers.values() for task in local.tasks()}


def test_every_task_keeps_its_rows_and_every_peer_gets_the_truth(data):
    before = tasks_of(synthesize(["a"], num_tasks=9, dim=4, num_samples=(3, 7), rank=2, holdout=0.4, seed=1))
    peers = split(data, ["p0", "p1", "p2", "p3"], seed=5)
    assert [local.num_tasks for local, _ in peers.values()] == [3, 2, 2, 2]
    after = tasks_of(peers)
    assert after.keys() == before.keys()
    for task_id, task in before.items():
        for name in ("X", "y", "X_holdout", "y_holdout"):
            assert getattr(task, name).tobytes() == getattr(after[task_id], name).tobytes()
    truths = {truth.tobytes() for _, truth in peers.values()}
    assert len(truths) == 1


def test_who_had_a_task_does_not_matter_but_the_seed_does(data, tmp_path):
    one = split(data, ["p0", "p1"], seed=3)
    write_all(tmp_path / "once", split(data, ["x", "y", "z", "w"], seed=8))
    other = split(tmp_path / "once", ["p0", "p1"], seed=3)
    for name in ("p0", "p1"):
        assert_same(one[name][0], other[name][0])
    assert split(data, ["p0", "p1"], seed=4)["p0"][0].task_ids != one["p0"][0].task_ids


def test_features_and_preparation_stay(tmp_path):
    how = Preparation(task="s", target="y", mean=(1.0, 2.0, 0.0), scale=(1.0, 2.0, 1.0), intercept=True)
    local = from_tasks(list(small().tasks()), ("a", "b", "intercept"), how)
    write_all(tmp_path / "data", {"p0": (local, None)})
    for found, truth in split(tmp_path / "data", ["q0", "q1"]).values():
        assert (found.features, found.preparation, truth) == (local.features, how, None)


@pytest.mark.parametrize(
    ("local", "truth", "field", "problem"),
    [
        (small(("9",), dim=5), None, "features", "5 features"),
        (small(("9",), dim=4), None, "U_true", "different truths"),
        (small(("9",), dim=4), np.eye(4)[:, :2], "U_true", "different truths"),
        (small(("t3",), dim=4), None, "task_ids", "task 't3' is at b too"),
    ],
)
def test_peers_that_do_not_belong_together_are_refused(data, local, truth, field, problem):
    write_peer(data / "d", local, truth)
    with pytest.raises(InputError) as caught:
        split(data, ["p0"])
    error = caught.value
    assert (error.file, error.field) == (str(data / "d"), field)
    assert problem in error.problem
    assert error.mend


def test_different_preparations_are_refused(tmp_path):
    peers = {}
    for name, task_id, scale in (("a", "1", 1.0), ("b", "2", 2.0)):
        how = Preparation(task="s", target="y", mean=(0.0,) * 3, scale=(scale,) * 3)
        peers[name] = (from_tasks(list(small((task_id,)).tasks()), ("x0", "x1", "x2"), how), None)
    write_all(tmp_path / "data", peers)
    with pytest.raises(
        InputError, match=r"data/b: preparation: peers a and b were prepared in different ways"
    ):
        split(tmp_path / "data", ["p0"])


def test_more_peers_than_tasks_are_refused(data):
    with pytest.raises(InputError, match=r"peers: 10 peers for 9 tasks; .*give 1 to 9 peers"):
        split(data, [f"p{i}" for i in range(10)])
