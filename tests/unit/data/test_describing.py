"""What is in a data folder, in numbers."""

import json

import pytest

from peer.data.describing import describe, summarize
from peer.data.store import write_all
from peer.data.synthetic import synthesize
from tests.unit.data.samples import small
from topology.errors import InputError


def test_the_numbers(tmp_path):
    peers = {"p0": (small(("1", "2"), held=2), None), "p1": (small(("3",), held=1), None)}
    write_all(tmp_path / "data", peers)
    found = describe(tmp_path / "data")
    assert found == {
        "data": str(tmp_path / "data"),
        "num_peers": 2,
        "num_tasks": 3,
        "num_rows": 13,
        "num_holdout_rows": 5,
        "num_samples": {"min": 4, "max": 5, "mean": 13 / 3},
        "dim": 3,
        "features": ["x0", "x1", "x2"],
        "preparation": None,
        "truth_rank": None,
        "remarks": [],
        "peers": {
            "p0": {
                "num_tasks": 2,
                "task_ids": ["1", "2"],
                "num_rows": 9,
                "num_holdout_rows": 4,
                "num_samples": {"min": 4, "max": 5},
                "truth": False,
            },
            "p1": {
                "num_tasks": 1,
                "task_ids": ["3"],
                "num_rows": 4,
                "num_holdout_rows": 1,
                "num_samples": {"min": 4, "max": 4},
                "truth": False,
            },
        },
    }
    assert json.loads(json.dumps(found)) == found
    assert summarize(tmp_path / "data", peers) == found


def test_the_truth_is_known_by_its_rank(tmp_path):
    write_all(tmp_path / "data", synthesize(["a", "b"], num_tasks=5, dim=4, num_samples=3, rank=2))
    found = describe(tmp_path / "data")
    assert found["truth_rank"] == 2
    assert all(peer["truth"] for peer in found["peers"].values())


@pytest.mark.parametrize("file", ["rows.npz", "truth.npz", "manifest.json"])
def test_describing_checks_every_file(tmp_path, file):
    write_all(tmp_path / "data", synthesize(["a", "b"], num_tasks=5, dim=4, num_samples=3, rank=2))
    (tmp_path / "data" / "b" / file).write_bytes(b"")
    with pytest.raises(InputError) as caught:
        describe(tmp_path / "data")
    assert caught.value.file == str(tmp_path / "data" / "b" / file)
