import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from peer.measure.ledger import Ledger
from peer.protocol.records import RunState
from peer.state.folder import StateFolder
from peer.state.inventory import DAMAGED, delete_run, inventory, prune_runs
from peer.state.runs import RunFiles
from tests.unit.state.samples import PEER, checkpoint, failed, kept
from topology.errors import InputError


@pytest.fixture
def state(tmp_path):
    """Runs a to e: closed, tomb, closed, cancelled after it was done here, running."""
    path = tmp_path / "state"
    with StateFolder(path, PEER) as folder, closing(Ledger(folder.ledger)) as ledger:
        for run, record in {
            "a": kept(RunState.CLOSED, run="a"),
            "b": kept(RunState.TOMB, run="b", reason=failed("p1: no")),
            "c": kept(RunState.CLOSED, run="c"),
            "d": kept(RunState.DONE, run="d", reason=failed()),
            "e": kept(RunState.RUNNING, run="e"),
        }.items():
            files = RunFiles(folder.runs, PEER, run)
            files.write_record(record)
            if run != "b":
                files.write_checkpoint(checkpoint(4, run=run))
            recorder = ledger.recorder(PEER, run, 1)
            recorder.event(1, datetime.now(UTC), "test", "x" * 500)
            for iteration in range({"a": 10, "b": 3}.get(run, 0)):
                recorder.iteration(iteration, 1, {"moved": 0.5})
    return path


def names(state):
    return [entry.run for entry in inventory(state).runs]


def rows(state):
    with closing(sqlite3.connect(state / "ledger.sqlite")) as ledger:
        return [run for (run,) in ledger.execute("SELECT run FROM events ORDER BY run")]


def test_what_is_there(state):
    found = inventory(state)
    assert found.peer == PEER
    assert found.ledger_bytes == (state / "ledger.sqlite").stat().st_size
    (state / "ledger.sqlite.3.rows").write_bytes(b"a serving peer's")
    assert inventory(state).ledger_bytes == found.ledger_bytes + 16
    told = {entry.run: entry for entry in found.runs}
    assert {run: entry.state for run, entry in told.items()} == {
        "a": "closed",
        "b": "failed",
        "c": "closed",
        "d": "failed",
        "e": "running",
    }
    assert [entry.over for entry in found.runs] == [True, True, True, True, False]
    assert (told["e"].round, told["e"].iteration, told["e"].algorithm) == (12, 4, "dif-altgdmin")
    assert (told["b"].round, told["b"].iteration, told["b"].reason) == (None, 2, "p1 says: p1: no")
    assert (told["a"].iteration, told["c"].iteration) == (9, None), "from the ledger, where it has any"
    assert told["e"].bytes == sum(path.stat().st_size for path in (state / "runs" / "e").iterdir())


def test_damage_is_told_and_does_not_hide_the_rest(state):
    record, newest = state / "runs" / "a" / "record", state / "runs" / "e" / "checkpoint-5"
    record.write_bytes(b"")
    newest.write_bytes(b"x")
    told = {entry.run: entry for entry in inventory(state).runs}
    assert (told["a"].state, told["a"].over, told["a"].reason) == (DAMAGED, False, f"{record} is empty")
    assert told["e"].round == 12
    assert told["e"].reason.startswith(f"{newest} is cut short")
    assert len(told) == 5


def test_a_damaged_or_missing_result_and_a_damaged_ledger_are_no_obstacle(state):
    result, gone = (state / "runs" / run / "checkpoint-4" for run in ("a", "c"))
    result.write_bytes(result.read_bytes()[:-1])
    gone.unlink()
    told = {entry.run: entry.reason for entry in inventory(state).runs}
    assert told["a"].startswith(f"{result} is cut short")
    assert told["c"] == f"{gone.parent}: its result is missing"
    assert told["b"] == "p1 says: p1: no", "it has none"
    (state / "ledger.sqlite").write_bytes(b"no ledger" * 1000)
    assert {entry.run: entry.iteration for entry in inventory(state).runs}["a"] is None


def test_a_run_in_use_can_be_looked_at_and_not_removed(state):
    with StateFolder(state, PEER):
        assert names(state) == ["a", "b", "c", "d", "e"]
        for removal in (lambda: prune_runs(state, 0), lambda: delete_run(state, "a")):
            with pytest.raises(
                InputError, match=r"the state folder is in use by process \d+; stop the peer first"
            ):
                removal()
    assert names(state) == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("keep", "left"), [(0, ["e"]), (1, ["d", "e"]), (3, ["b", "c", "d", "e"]), (9, list("abcde"))]
)
def test_what_is_over_goes_but_for_the_newest(state, keep, left):
    before = inventory(state)
    gone = prune_runs(state, keep)
    assert [entry.run for entry in gone] == [run for run in "abcde" if run not in left]
    assert names(state) == left
    assert rows(state) == left
    assert [entry for entry in before.runs if entry.run in left] == list(inventory(state).runs)
    # Nothing is started by it.
    with StateFolder(state, PEER) as folder:
        assert folder.incarnation == 2


def test_any_run_can_be_deleted_also_a_damaged_one(state):
    assert delete_run(state, "e").state == "running"
    (state / "runs" / "a" / "record").write_bytes(b"")
    assert delete_run(state, "a").state == DAMAGED
    assert names(state) == rows(state) == ["b", "c", "d"]
    with pytest.raises(InputError, match=r"RUN: no run 'e' here; use one of: b, c, d"):
        delete_run(state, "e")


def test_a_run_that_was_half_deleted_does_not_stand_in_the_way(state, monkeypatch):
    def cut_off(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("peer.state.runs.shutil.rmtree", cut_off)
    with pytest.raises(KeyboardInterrupt):
        delete_run(state, "a")
    monkeypatch.undo()
    assert names(state) == ["b", "c", "d", "e"]
    RunFiles(state / "runs", PEER, "a").write_record(kept(run="a"))
    delete_run(state, "a")
    assert sorted(path.name for path in (state / "runs").iterdir()) == ["b", "c", "d", "e"]


def test_what_is_no_state_folder_is_refused(tmp_path):
    for look in (inventory, lambda path: prune_runs(path, 0), lambda path: delete_run(path, "a")):
        with pytest.raises(InputError, match="there is no such folder"):
            look(tmp_path / "none")
        with pytest.raises(InputError, match=r"is no state folder: it has no peer.json"):
            look(tmp_path)
    assert list(tmp_path.iterdir()) == [], "and left as it is"


def test_rows_that_could_not_be_removed_are_removed_the_next_time(state, monkeypatch):
    with monkeypatch.context() as patch:

        def full(path, runs):
            raise InputError("the disk is full", file=path)

        patch.setattr("peer.state.inventory.forget_others", full)
        with pytest.raises(InputError, match="full"):
            prune_runs(state, 0)
    assert names(state) == ["e"]
    assert rows(state) == ["a", "b", "c", "d", "e"]
    assert prune_runs(state, 0) == []
    assert rows(state) == ["e"]


def test_damage_of_an_older_checkpoint_is_told_too(state):
    older = state / "runs" / "e" / "checkpoint-3"
    older.write_bytes(b"x")
    told = {entry.run: entry for entry in inventory(state).runs}
    assert told["e"].round == 12
    assert told["e"].reason.startswith(f"{older} is cut short")
