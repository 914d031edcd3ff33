"""``difpeer compare``, and ``difpeer report`` of two runs, through the whole command line."""

import json
import sqlite3
import sys
from contextlib import closing

import numpy as np
import pytest

from peer.cli.main import main
from peer.measure.run_folder import SUMMARY
from tests.unit.report.folders import RUN, write_folder
from tests.unit.report.test_versus import OTHER, another

OK = "bytes_per_round: {payload: {times_base: 1.0}}\n"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = write_folder(tmp_path_factory.mktemp("runs") / "base")
    summary = json.loads((folder / SUMMARY).read_text())
    summary["bytes"]["uncounted_connections"] = 0
    (folder / SUMMARY).write_text(json.dumps(summary))
    return folder


@pytest.fixture
def here(base, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    another(base, tmp_path / "run", slower=1.4)
    (tmp_path / "budget.yaml").write_text(OK)
    return tmp_path


@pytest.fixture
def difpeer(capsys, monkeypatch):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["difpeer", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return ended.value.code, told.out, told.err

    return run


def test_within_the_budget(here, base, difpeer):
    status, out, err = difpeer("compare", base, "run", "--budget", "budget.yaml")
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "ok        bytes a round, values: 1 times BASE, limit 1 times BASE",
        "within the budget (1 limit)",
    ]


def test_a_slower_run_exceeds_it(here, base, difpeer):
    (here / "budget.yaml").write_text(OK + "round_latency_ms: {p95: {times_base: 1.2}}\n")
    status, out, _ = difpeer("compare", base, "run", "--budget", "budget.yaml")
    assert status == 1
    assert "exceeded  latency of a round, p95: 1.4 times BASE (" in out
    assert "the excess is beyond the interval" in out
    assert out.endswith("\n1 limit exceeded\n")


@pytest.mark.parametrize("missing", ["missing_peers", "missing_ledgers"])
def test_a_run_without_rows_of_a_peer_is_within_no_budget(base, tmp_path, difpeer, missing):
    """What is not there has no bytes and no slow rounds."""
    write_folder(tmp_path / "run", changes={missing: {"c": "killed"}})
    (tmp_path / "budget.yaml").write_text(
        OK
        + "round_latency_ms: {p95: {at_most: 1000000}}\n"
        + "to_distance: {distance: 0.1, rounds: {times_base: 2}, bytes: {times_base: 2}, seconds: {times_base: 9}}\n"
    )
    status, out, _ = difpeer("compare", base, tmp_path / "run", "--budget", tmp_path / "budget.yaml")
    assert status == 2
    assert out.count("cannot be told, RUN: the run was collected without c") == 5
    assert out.endswith("\n5 limits cannot be told\n")


def test_what_cannot_be_told_is_not_ok(here, base, difpeer):
    (here / "budget.yaml").write_text(OK + "to_distance: {distance: 1.0e-30, seconds: {times_base: 2.0}}\n")
    status, out, _ = difpeer("compare", base, "run", "--budget", "budget.yaml")
    assert status == 2
    assert "cannot be told, RUN: the run does not come to 1.0 × 10⁻³⁰" in out
    # What is exceeded is exceeded, whatever cannot be told beside it.
    budget = (here / "budget.yaml").read_text() + "round_latency_ms: {p50: {at_most: 1.0e-9}}\n"
    (here / "budget.yaml").write_text(budget)
    assert difpeer("compare", base, "run", "--budget", "budget.yaml")[0] == 1


def test_one_json_document(here, base, difpeer):
    (here / "budget.yaml").write_text("round_latency_ms: {p95: {times_base: 1.2, at_most: 1000000}}\n")
    status, out, err = difpeer("compare", base, "run", "--budget", "budget.yaml", "--json")
    assert (status, err) == (1, "")
    document = json.loads(out)
    assert (document["base"], document["run"], document["outcome"]) == (RUN, OTHER, "exceeded")
    first, second = document["limits"]
    assert (first["verdict"], first["beyond"], first["kind"], first["limit"]) == (
        "exceeded",
        True,
        "times_base",
        1.2,
    )
    assert first["interval"][0] < first["found"] < first["interval"][1]
    assert (second["verdict"], second["kind"]) == ("ok", "at_most")


def test_report_of_two_runs(here, base, difpeer):
    status, out, err = difpeer("report", base, "run", "--figures", "figures")
    assert (status, err) == (0, "")
    assert out.startswith("B sends the same bytes a round; its median round is 1.40 times as long (")
    assert "written: run/comparison.html" in out
    assert (here / "run" / "comparison.html").stat().st_size > 1_000_000
    assert {path.name for path in (here / "figures").iterdir()} >= {"latency.svg", "learning-bytes.png"}
    status, out, _ = difpeer("report", base, "run", "--out", "page.html", "--distance", "0.001", "--json")
    document = json.loads(out)
    assert (status, document["report"], document["distance"]) == (0, "page.html", 0.001)
    assert document["figures"]["to_distance.rounds"]["equal"]


def set_version(folder):
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as books:
        books.execute("PRAGMA user_version = 3")
        books.commit()


def set_summary_version(folder):
    summary = json.loads((folder / SUMMARY).read_text()) | {"version": 9}
    (folder / SUMMARY).write_text(json.dumps(summary))


def drop_ledger(folder):
    (folder / "ledger.sqlite").unlink()


def simulated(folder):
    summary = json.loads((folder / SUMMARY).read_text()) | {"driver": "simulation"}
    (folder / SUMMARY).write_text(json.dumps(summary))
    drop_ledger(folder)


def other_features(folder):
    for path in (folder / "results").iterdir():
        np.savez(path, U=np.eye(9)[:, :2])


FOLDERS = {
    "a ledger of another version": (set_version, "ledger of version 3, this program reads version 2"),
    "a summary of another version": (
        set_summary_version,
        "summary of version 9, this program reads version 1",
    ),
    "no ledger": (drop_ledger, "ledger.sqlite: is missing, and the run was no simulation"),
}
COMMANDS = {
    "report": ("report", "base", "run", "--out", "page.html"),
    "compare": ("compare", "base", "run", "--budget", "budget.yaml"),
    "export": ("ledger", "export", "run", "--format", "csv", "--out", "new"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", FOLDERS)
def test_folders_that_cannot_be_read(here, base, difpeer, command, kind):
    spoil, said = FOLDERS[kind]
    spoil(here / "run")
    words = [base if word == "base" else word for word in COMMANDS[command]]
    status, out, err = difpeer(*words)
    assert (status, out) == (2, "")
    assert err.startswith("error: run/")
    assert said in err
    assert not (here / "new").exists()


@pytest.mark.parametrize("command", ["report", "compare"])
def test_different_problems(here, base, difpeer, command):
    other_features(here / "run")
    status, _, err = difpeer(*(base if word == "base" else word for word in COMMANDS[command]))
    assert status == 2
    assert "A has 5 features and B has 9: they are of different problems" in err
    assert "give two runs on the same data" in err


def test_a_simulation_without_a_ledger(here, base, difpeer):
    simulated(here / "run")
    status, _, err = difpeer(*COMMANDS["export"])
    assert status == 2
    assert "run: is a simulation, which has no ledger; give a run of peers" in err
    (here / "budget.yaml").write_text(
        "bytes_per_round: {socket: {times_base: 1.0}}\nround_latency_ms: {p50: {at_most: 1}}\n"
    )
    summary = json.loads((here / "run" / SUMMARY).read_text())
    summary["bytes"]["socket"] = None
    (here / "run" / SUMMARY).write_text(json.dumps(summary))
    status, out, _ = difpeer("compare", base, "run", "--budget", "budget.yaml")
    assert status == 2
    assert "bytes a round, socket (TCP): cannot be told, RUN: a simulation has none" in out
    assert "latency of a round, p50: cannot be told, RUN: no round was timed" in out


def test_an_unknown_key_of_a_budget(here, base, difpeer):
    (here / "budget.yaml").write_text("bytes_per_round: {sockets: {times_base: 1.0}}\n")
    status, _, err = difpeer("compare", base, "run", "--budget", "budget.yaml")
    assert status == 2
    assert "budget.yaml: bytes_per_round.sockets: " in err
    assert "did you mean 'socket'?" in err


def test_options_and_folders_that_are_not_there(here, base, difpeer):
    for words, said in (
        (("compare", base, "run", "--budget", "none.yaml"), "none.yaml: no such file"),
        (("compare", "nowhere", "run", "--budget", "budget.yaml"), "nowhere: RUN: there is no such folder"),
        (("report", "run", "nowhere"), "nowhere: RUN: there is no such folder"),
        (("report", "run", "--distance", "0.1"), "--distance: is for two runs"),
    ):
        status, out, err = difpeer(*words)
        assert (status, out) == (2, ""), words
        assert said in err
