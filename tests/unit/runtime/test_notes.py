"""Since when a run waits."""

from types import SimpleNamespace

import pytest

from peer.protocol.records import RunRecord, RunState
from peer.protocol.rounds import Waiting
from peer.runtime.notes import RunNotes


@pytest.fixture
def notes(monkeypatch):
    """A run that began 100 s ago, sent its values 2 s ago, and gave the disk a checkpoint 3 s ago."""
    monkeypatch.setattr("peer.runtime.notes.monotonic", lambda: 500.0)
    monkeypatch.setattr("peer.runtime.notes.monotonic_ns", lambda: 500 * 10**9)
    made = RunNotes.of(RunRecord("a", b"", RunState.RUNNING), None)
    made.changed_s = 400.0
    made.driver = SimpleNamespace(sent_ns=498 * 10**9, checkpoint_ns=497 * 10**9)
    return made


@pytest.mark.parametrize(
    ("kind", "seconds"), [("round", 2.0), ("disk", 3.0), ("facts", 100.0), ("done", 100.0)]
)
def test_since_when_a_run_waits(notes, kind, seconds):
    assert notes.waited_s(Waiting(kind, 7, "descent", ("p1",))) == seconds


def test_a_run_whose_program_has_not_started_waits_since_its_state_changed(notes):
    notes.driver = None
    assert notes.waited_s(Waiting("round", 0, "", ())) == 100.0
