"""Bad input through the whole command line: the message names file, field and mend, the exit status is 2.

What needs serving peers is in tests/integration/test_bad_input.py and test_bad_input_network.py.
"""

import sys

import numpy as np
import pytest

from peer.cli.main import main
from peer.data.store import write_all
from tests.unit.data.samples import small
from topology.generators import make_network
from topology.network import write_network

NETWORK = "name: lab\npeers: {p0: {}, p1: {}}\nedges: [[p0, p1]]\n"
SPEC = "algorithm: dif-altgdmin\nrank: 1\niterations: 2\n"
TABLE = "task,y,a,b\n" + "".join(f"{i % 2},{i},{i * i % 7},{i % 5}\n" for i in range(12))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "net.yaml").write_text(NETWORK)
    (tmp_path / "run.yaml").write_text(SPEC)
    (tmp_path / "t.csv").write_text(TABLE)
    data = {"p0": (small(("1", "2"), seed=0), None), "p1": (small(("3", "4"), seed=1), None)}
    write_all(tmp_path / "data", data)
    return tmp_path


def refused(capsys, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["difpeer", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    assert ended.value.code == 2, printed.err
    assert printed.out == ""
    assert "Traceback" not in printed.err
    return printed.err


def network(**changes):
    parts = {
        "name": "name: lab",
        "peers": "peers: {p0: {}, p1: {}, p2: {}}",
        "edges": "edges: [[p0, p1], [p1, p2]]",
    }
    return "\n".join({**parts, **changes}.values()) + "\n"


NETWORKS = {
    "unknown key": (network(x="colour: red"), "colour"),
    "duplicate key": (network(x="name: other"), "name"),
    "wrong type": (network(edges="edges: 3"), "edges"),
    "disconnected": (network(edges="edges: [[p0, p1]]"), "p2"),
    "one peer": ("name: lab\npeers: {p0: {}}\nedges: []\n", "peers"),
    "self loop": (network(edges="edges: [[p0, p1], [p1, p2], [p1, p1]]"), "p1"),
    "an edge twice": (network(edges="edges: [[p0, p1], [p1, p2], [p0, p1]]"), "p0"),
    "an edge reversed": (network(edges="edges: [[p0, p1], [p1, p2], [p1, p0]]"), "p0"),
    "unknown peer": (network(edges="edges: [[p0, p1], [p1, p7]]"), "p7"),
    "a name that is a path": (network(peers="peers: {../p0: {}, p1: {}, p2: {}}"), "../p0"),
    "an address twice": (
        network(peers='peers: {p0: {address: "h:1"}, p1: {address: "h:1"}, p2: {}}'),
        "h:1",
    ),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_network_files(folder, capsys, monkeypatch, kind):
    text, named = NETWORKS[kind]
    (folder / "net.yaml").write_text(text)
    for command in ("lint", "show"):
        told = refused(capsys, monkeypatch, "topology", command, folder / "net.yaml")
        assert "net.yaml" in told
        assert named in told


SPECS = {
    "unknown key": (SPEC + "rnak: 2\n", "rnak", "rank"),
    "duplicate key": (SPEC + "rank: 2\n", "rank", ""),
    "wrong type": (SPEC.replace("rank: 1", "rank: two"), "rank", ""),
    "rank 0": (SPEC.replace("rank: 1", "rank: 0"), "rank", ""),
    "iterations 0": (SPEC.replace("iterations: 2", "iterations: 0"), "iterations", ""),
    "rounds 0": (SPEC + "agreement: {rounds: 0}\n", "agreement.rounds", ""),
    "rank above the dimension": (SPEC.replace("rank: 1", "rank: 4"), "rank", ""),
    "an unknown algorithm": (SPEC.replace("dif-altgdmin", "dif-altgdmn"), "algorithm", "dif-altgdmin"),
    "not YAML": ("rank: [", "run.yaml", ""),
}


@pytest.mark.parametrize("kind", SPECS)
def test_specifications(folder, capsys, monkeypatch, kind):
    text, field, mend = SPECS[kind]
    (folder / "run.yaml").write_text(text)
    told = refused(capsys, monkeypatch, "simulate", "run.yaml", "--network", "net.yaml", "--data", "data")
    assert field in told
    assert mend in told


def test_more_columns_than_rows_need_a_ridge(folder, capsys, monkeypatch):
    few = {
        "p0": (small(("1",), dim=6, seed=0), None),
        "p1": (small(("2", "3", "4", "5"), dim=6, seed=1), None),
    }
    write_all(folder / "few", few)
    (folder / "run.yaml").write_text(SPEC.replace("rank: 1", "rank: 5"))
    told = refused(capsys, monkeypatch, "simulate", "run.yaml", "--network", "net.yaml", "--data", "few")
    assert "ridge" in told


TABLES = {
    "NaN": (TABLE + "0,1,NaN,2\n", "column 'a', line 14"),
    "text": (TABLE + "0,1,many,2\n", "'many'"),
    "a constant column": ("task,y,a,b\n0,1,3,1\n0,2,3,2\n1,2,3,5\n1,1,3,2\n", "'a'"),
    "another encoding": ("task,y,ä,b\n0,1,2,3\n".encode("latin-1"), "UTF-8"),
    "another separator": (TABLE.replace(",", "\t"), "commas"),
    "a line too short": (TABLE + "0,1\n", "line 14"),
    "a column twice": (TABLE.replace("task,y,a,b", "task,y,a,a"), "'a'"),
    "no rows": ("task,y,a,b\n", "rows"),
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables(folder, capsys, monkeypatch, kind):
    text, named = TABLES[kind]
    (folder / "t.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    words = ("data", "import", "t.csv", "--task", "task", "--target", "y", "--peers", "2", "--out", "new")
    told = refused(capsys, monkeypatch, *words)
    assert "t.csv" in told
    assert named in told
    assert not (folder / "new").exists()


OPTIONS = {
    "a column that is not there": (("--target", "yy"), "did you mean 'y'?"),
    "an output that exists": (("--out", "data"), "exists already"),
    "a task on two peers": (("--peer", "b"), "task '"),
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_options_of_an_import(folder, capsys, monkeypatch, kind):
    changed, named = OPTIONS[kind]
    options = {"--task": "task", "--target": "y", "--peers": "2", "--out": "new"} | dict([changed])
    if "--peer" in options:
        del options["--peers"]
    words = [word for option in options.items() for word in option]
    assert named in refused(capsys, monkeypatch, "data", "import", "t.csv", *words)


def test_arrays(folder, capsys, monkeypatch):
    arrays = {"X": np.arange(12.0).reshape(4, 3) ** 2, "y": np.arange(4.0), "task": np.array([0, 0, 1, 1])}
    words = ("data", "import", "t.npz", "--peers", "2", "--out", "new")
    np.savez(folder / "t.npz", **{**arrays, "y": np.array([1, "x", None, 2], dtype=object)})
    assert "y" in refused(capsys, monkeypatch, *words)
    np.savez(folder / "t.npz", **arrays, U_true=np.eye(2))
    assert "U_true" in refused(capsys, monkeypatch, *words)


def test_a_corrupt_data_folder(folder, capsys, monkeypatch):
    rows = folder / "data" / "p1" / "rows.npz"
    damaged = bytearray(rows.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    rows.write_bytes(damaged)
    told = refused(capsys, monkeypatch, "simulate", "run.yaml", "--network", "net.yaml", "--data", "data")
    assert "rows.npz" in told
    assert refused(capsys, monkeypatch, "data", "describe", "data")


def test_a_peer_without_data_or_tasks(folder, capsys, monkeypatch):
    write_network(make_network("path", 3).network, folder / "three.yaml")
    told = refused(capsys, monkeypatch, "simulate", "run.yaml", "--network", "three.yaml", "--data", "data")
    assert "peer p2 has no data" in told
    words = ("data", "import", "t.csv", "--task", "task", "--target", "y", "--peers", "3", "--out", "new")
    assert "3" in refused(capsys, monkeypatch, *words)
