import json
from contextlib import closing

import numpy as np
import pytest

from peer.measure.run_folder import read_run_folder, write_run_folder
from peer.measure.schema import open_ledger
from peer.registry import parse_spec
from tests.support.problems import network_of
from tests.unit.measure.books import write_books
from topology.errors import InputError

NETWORK = network_of([("p0", "p1")])
SPEC = parse_spec({"algorithm": "dif-altgdmin", "rank": 2, "iterations": 3, "tolerance": 1e-6})
SUMMARY = {"run_id": "r1", "subspace_distance": None, "bytes": {"payload": 12}, "gamma": 0.1 + 0.2}
RESULTS = {
    "p0": {"U": np.arange(6.0).reshape(3, 2), "B": np.ones((2, 2)), "task_ids": np.array(["a", "schön"])},
    "p1": {"U": np.full((3, 2), np.pi)},
}


@pytest.fixture
def parts(tmp_path):
    ledgers = [write_books(tmp_path, peer) for peer in NETWORK.names]
    for ledger in ledgers:
        ledger.close()
    return [ledger.path for ledger in ledgers]


def write(path, parts, **changes):
    inputs = {"summary": SUMMARY, "spec": SPEC, "network": NETWORK, "results": RESULTS, "ledgers": parts}
    write_run_folder(path, **{**inputs, **changes})


def test_what_is_written_is_read_again(tmp_path, parts):
    write(tmp_path / "runs" / "r1", parts)
    run = read_run_folder(tmp_path / "runs" / "r1")
    assert (run.summary, run.spec, run.network) == (SUMMARY, SPEC, NETWORK)
    assert {name: set(arrays) for name, arrays in run.results.items()} == {
        name: set(arrays) for name, arrays in RESULTS.items()
    }
    for name, arrays in RESULTS.items():
        for key, array in arrays.items():
            assert run.results[name][key].dtype == array.dtype
            assert run.results[name][key].tobytes() == array.tobytes()
    with closing(open_ledger(run.ledger)) as ledger:
        peers = ledger.execute("SELECT DISTINCT peer FROM rounds ORDER BY peer").fetchall()
    assert peers == [("p0",), ("p1",)]


def test_the_files_have_their_names(tmp_path, parts):
    write(tmp_path / "r1", parts)
    files = {str(path.relative_to(tmp_path / "r1")) for path in (tmp_path / "r1").rglob("*")}
    assert files == {
        "summary.json",
        "spec.yaml",
        "network.yaml",
        "ledger.sqlite",
        "results",
        "results/p0.npz",
        "results/p1.npz",
    }
    assert json.loads((tmp_path / "r1" / "summary.json").read_text()) == SUMMARY


def test_an_existing_folder_is_refused(tmp_path, parts):
    (tmp_path / "r1").mkdir()
    with pytest.raises(InputError, match="r1: exists already"):
        write(tmp_path / "r1", parts)
    assert not list((tmp_path / "r1").iterdir())


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"ledgers": ["/nowhere/p0.sqlite"]}, InputError),
        ({"summary": {"gamma": float("nan")}}, ValueError),
        ({"results": {"p0": {"U": np.array([None, 1])}}}, ValueError),
    ],
)
def test_a_failure_leaves_nothing(tmp_path, parts, changes, error):
    with pytest.raises(error):
        write(tmp_path / "r1", parts, **changes)
    assert not [path for path in tmp_path.iterdir() if "r1" in path.name]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("summary.json", None),
        ("summary.json", b"[1]"),
        ("summary.json", b'{"run_id": '),
        ("spec.yaml", None),
        ("network.yaml", b"peers: 3"),
        ("ledger.sqlite", None),
        ("ledger.sqlite", b"nothing of the kind"),
        ("results/p1.npz", None),
        ("results/p1.npz", b""),
        ("results/p1.npz", b"PK\x03\x04 but cut"),
    ],
)
def test_a_damaged_folder_names_the_file(tmp_path, parts, file, content):
    write(tmp_path / "r1", parts)
    path = tmp_path / "r1" / file
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=file.replace(".", r"\.")):
        read_run_folder(tmp_path / "r1")


def test_a_missing_folder(tmp_path):
    with pytest.raises(InputError, match="there is no such folder"):
        read_run_folder(tmp_path / "r1")


def test_a_folder_without_a_missing_peer(tmp_path, parts):
    summary = {**SUMMARY, "missing_peers": {"p1": "p1 knows no run r1"}}
    write(tmp_path / "r1", parts[:1], summary=summary, results={"p0": RESULTS["p0"]})
    assert list(read_run_folder(tmp_path / "r1").results) == ["p0"]
