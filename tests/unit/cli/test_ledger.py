"""``difpeer ledger export``."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from peer.measure.schema import TABLES
from tests.support.ledgers import loosen
from tests.unit.report.folders import RUN, write_folder


def difpeer(*arguments, hidden=(), cwd=None):
    hide = "".join(f"sys.modules[{name!r}] = None; " for name in hidden)
    code = f"import sys; {hide}from peer.cli.main import main; main()"
    command = [sys.executable, "-c", code, "ledger", "export", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=cwd)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("here") / "runs" / RUN)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_tables(folder, tmp_path, form):
    done = difpeer(RUN, "--format", form, "--out", tmp_path / "out", "--json", cwd=folder.parents[1])
    assert (done.returncode, done.stderr) == (0, "")
    files = [str(tmp_path / "out" / f"{table}.{form}") for table in TABLES]
    assert json.loads(done.stdout) == {"run_id": RUN, "format": form, "files": files}
    assert sorted(map(str, (tmp_path / "out").iterdir())) == sorted(files)


def test_a_trace_of_some_rounds_needs_no_pyarrow(folder, tmp_path):
    out = tmp_path / "run.json"
    done = difpeer(folder, "--format", "trace", "--rounds", "20:30", "--out", out, hidden=["pyarrow"])
    assert (done.returncode, done.stderr) == (0, "")
    events = json.loads(out.read_text())["traceEvents"]
    assert done.stdout == f"written: {out} ({len(events)} events of rounds 20 to 29)\n"
    assert list(tmp_path.iterdir()) == [out]


def test_in_a_trace_no_message_arrives_before_it_was_sent(folder, tmp_path):
    """The clocks of the folder's peers are up to a second apart, the messages take a millisecond."""
    out = tmp_path / "run.json"
    assert difpeer(folder, "--format", "trace", "--out", out).returncode == 0
    ends = {"s": {}, "f": {}}
    for event in json.loads(out.read_text())["traceEvents"]:
        if event["ph"] in ends:
            ends[event["ph"]][event["id"]] = event["ts"]
    assert ends["s"].keys() == ends["f"].keys()
    took_us = [ends["f"][number] - sent for number, sent in ends["s"].items()]
    assert len(took_us) > 1000
    assert min(took_us) > -1.0  # offsets are rounded
    assert max(took_us) < 50_000


def test_a_peer_whose_clock_is_not_known_begins_with_the_others(tmp_path):
    """Without b's ledger nothing ties c's clock to a's; as they are they would be seconds or days apart."""
    folder = write_folder(tmp_path / "run", lost=("b",))
    out = tmp_path / "run.json"
    done = difpeer(folder, "--format", "trace", "--out", out)
    assert done.returncode == 0
    assert "nothing tells how the clocks of c differ: these begin with the others)" in " ".join(
        done.stdout.split()
    )
    events = json.loads(out.read_text())["traceEvents"]
    named = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    firsts = {
        name: min(e["ts"] for e in events if e["pid"] == pid and "ts" in e) for pid, name in named.items()
    }
    assert firsts == {"a": 0, "c": 0}


def test_a_machine_that_started_again_is_said(tmp_path):
    folder = write_folder(tmp_path / "run")
    loosen(folder / "ledger.sqlite")
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger, ledger:
        for table, column in (("rounds", "started_ns"), ("messages", "at_ns")):
            ledger.execute(
                f"UPDATE {table} SET incarnation = 2, {column} = {column} + 500000000000 "
                "WHERE peer = 'c' AND round > 100"
            )
    done = difpeer(folder, "--format", "trace", "--out", tmp_path / "run.json")
    assert done.returncode == 0
    assert "; c had another clock before a new start: older times" in " ".join(done.stdout.split())


def test_without_pyarrow_it_says_how_to_get_it(folder, tmp_path):
    done = difpeer(folder, "--format", "csv", "--out", tmp_path / "out", hidden=["pyarrow"])
    assert done.returncode == 2
    assert "written by pyarrow, which is not installed; pip install pyarrow" in done.stderr
    assert not (tmp_path / "out").exists()


BAD = {
    "a format": (("--format", "xml", "--out", "new"), "--format"),
    "a folder that is there": (("--format", "csv", "--out", "."), "--out: exists already"),
    "a file that is there": (("--format", "trace", "--out", "there"), "--out: exists already"),
    "a place that is not there": (
        ("--format", "trace", "--out", "no/run.json"),
        "--out: its folder is not there",
    ),
    "no range": (
        ("--format", "trace", "--out", "new", "--rounds", "3"),
        "--rounds: '3' is no range; give A:B",
    ),
    "no number": (("--format", "trace", "--out", "new", "--rounds", "a:b"), "--rounds: 'a:b' is no range"),
    "no round": (("--format", "trace", "--out", "new", "--rounds", "900:950"), "its rounds are 0:253"),
    "rounds of a table": (
        ("--format", "csv", "--out", "new", "--rounds", "1:2"),
        "--rounds: only a trace is cut",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_options(folder, tmp_path, kind):
    options, said = BAD[kind]
    (tmp_path / "there").touch()
    done = difpeer(folder, *options, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
