"""``difpeer runs`` as users run it."""

import json

import pytest
from rich.console import Console
from typer.testing import CliRunner

from peer.cli.runs import app
from peer.protocol.records import RunState
from peer.state.folder import StateFolder
from peer.state.runs import RunFiles
from tests.unit.state.samples import PEER, checkpoint, failed, kept
from topology.errors import InputError


@pytest.fixture
def state(tmp_path):
    path = tmp_path / "state"
    with StateFolder(path, PEER) as folder:
        for run, record in {
            "a": kept(RunState.CLOSED, run="a"),
            "b": kept(RunState.TOMB, run="b", reason=failed("p1: [no]")),
            "c": kept(RunState.RUNNING, run="c"),
        }.items():
            RunFiles(folder.runs, PEER, run).write_record(record)
        RunFiles(folder.runs, PEER, "c").write_checkpoint(checkpoint(4, run="c"))
    return path


def runs(*words) -> str:
    done = CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_list(state):
    document = json.loads(runs("list", "--state", state, "--json"))
    assert (document["state"], document["peer"]) == (str(state), PEER)
    assert [entry["run"] for entry in document["runs"]] == ["a", "b", "c"]
    assert [entry["state"] for entry in document["runs"]] == ["closed", "failed", "running"]
    assert document["runs"][2]["iteration"] == 4
    text = runs("list", "--state", state)
    assert "runs of p0" in text
    assert "b: p1 says: p1: [no]" in text
    assert "ledger of all runs: 0 B" in text


def test_prune(state):
    assert "1 run removed, " in runs("prune", "--state", state, "--keep", 1)
    document = json.loads(runs("prune", "--state", state, "--json"))
    assert document["removed"] == ["b"]
    assert document["bytes"] > 0


def test_delete_says_what_it_means_for_the_neighbours(state):
    text = runs("delete", "c", "--state", state)
    assert text.startswith("run c is removed, ")
    assert "Its neighbours wait for this peer: when it is back they end the run by name" in text
    assert "difpeer cancel" in text
    document = json.loads(runs("delete", "a", "--state", state, "--json"))
    assert (document["was"], document["removed"]) == ("closed", ["a"])
    assert "result at this peer is gone" in document["means"]
    with pytest.raises(InputError, match="no run 'a' here"):
        runs("delete", "a", "--state", state)


def test_a_row_is_one_line_on_a_usual_terminal(state, monkeypatch):
    run = "20260105-101500-a1b2c3"
    RunFiles(state / "runs", PEER, run).write_record(kept(RunState.RUNNING, run=run))
    monkeypatch.setattr("peer.cli.runs.console", Console(width=80))
    (line,) = (line for line in runs("list", "--state", state).splitlines() if run in line)
    assert line.split()[1:3] == ["running", "dif-altgdmin"]


def test_ids_are_whole_on_a_narrow_terminal(state, monkeypatch):
    run = "20260105-101500-a1b2c3-and-a-name-of-its-own"
    RunFiles(state / "runs", PEER, run).write_record(kept(RunState.RUNNING, run=run))
    monkeypatch.setattr("peer.cli.runs.console", Console(width=60))
    assert run in runs("list", "--state", state)
