"""What a peer counts of a run."""

import errno
import os

import pytest

from peer.measure.ledger import Ledger
from peer.protocol.records import RunRecord, RunState
from peer.runtime.books import Books
from peer.runtime.worker import Worker


@pytest.fixture
def ledger(tmp_path):
    """With what the first process of the peer has sent in the run ``a``."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.recorder("p0", "a", 1).message("sent", "p1", 40, 60, 10, round_number=0, seq=0)
    ledger.flush()
    yield ledger
    ledger.close()


@pytest.mark.parametrize(("state", "sent"), [(RunState.RUNNING, (40, 60)), (RunState.CLOSED, (0, 0))])
async def test_a_process_goes_on_counting_where_the_one_before_it_ended(ledger, state, sent):
    disk = Worker("disk")
    books = Books("p0", 2, ledger, disk)
    books.recall(RunRecord("a", b"", state))
    await disk.run(lambda: None)
    notes = books.notes["a"]
    assert (notes.payload_bytes, notes.message_bytes) == sent
    assert disk.close(5)


async def test_rows_that_cannot_be_kept_beside_the_ledger_are_told_and_stay(ledger, monkeypatch, caplog):
    disk = Worker("disk")
    books = Books("p0", 2, ledger, disk)
    books.event("link-up", "p1 is there")

    def full(descriptor, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        books.note()()
    assert "a kill would lose 1 rows of the ledger: [Errno 28] No space left" in caplog.text
    assert ledger.pending == 1
    books.flush()
    await disk.run(lambda: None)
    assert ledger.pending == 0
    assert disk.close(5)


@pytest.mark.parametrize(("state", "rows"), [(RunState.RUNNING, 2), (RunState.CLOSED, 0)])
async def test_a_start_adds_no_rows_to_runs_that_are_over(ledger, state, rows):
    disk = Worker("disk")
    books = Books("p0", 2, ledger, disk)
    books.recall(RunRecord("a", b"", state))
    assert ledger.pending == rows
    assert disk.close(5)


async def test_a_ledger_that_cannot_be_read_keeps_no_run_from_going_on(ledger, caplog):
    disk = Worker("disk")
    books = Books("p0", 2, ledger, disk)
    ledger.path.unlink()
    books.recall(RunRecord("a", b"", RunState.RUNNING))
    await disk.run(lambda: None)
    assert books.notes["a"].message_bytes == 0
    assert "is not counted" in caplog.text
    assert disk.close(5)
