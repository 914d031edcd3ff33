"""Rows of another version of difpeer beside a ledger, and files that come back."""

import marshal
import os
import sqlite3
import stat
from contextlib import closing
from struct import pack
from zlib import crc32

import pytest

from peer.measure.journal import journal_files, replay
from peer.measure.ledger import Ledger
from tests.unit.measure.killed import after_a_kill, copied, in_table, kills, note


@pytest.fixture
def books(tmp_path):
    (tmp_path / "state").mkdir()
    opened = Ledger(tmp_path / "state" / "ledger.sqlite")
    yield opened
    opened.close()


def record(rows):
    body = marshal.dumps(rows, 4)
    return pack("<II", len(body), crc32(body)) + body


EVENT = ("p0", "r1", 1, 7, "2026-03-01T12:30:01+00:00", "link-up", "p1 is there")
UNFIT = {
    "a column less": {"events": [EVENT[:-1]]},
    "as many values in all": {"events": [EVENT[:-1], (*EVENT, "more")] * 16},
    "an unknown table": {"accidents": [EVENT]},
    "nothing where something has to be": {"events": [(*EVENT[:-1], None)]},
    "a number of no database": {"events": [(*EVENT[:3], 1 << 70, *EVENT[4:])]},
    "a value of no database": {"events": [(*EVENT[:-1], [])]},
    "no rows": {"events": 7},
    "no tables": [EVENT],
    "pairs": [("events", [EVENT])],
    "texts that are as long as a row": {"events": ["1234567"]},
    "an unknown table without rows": {"accidents": []},
}


@pytest.mark.parametrize("rows", UNFIT.values(), ids=UNFIT)
def test_a_file_whose_rows_do_not_fit_the_tables_is_kept_aside_whole_and_the_others_are_taken(
    books, tmp_path, rows
):
    note(books, 0)
    books.take()
    note(books, 1)
    books.take()
    note(books, 2)
    killed = copied(books.path.parent, tmp_path / "killed")
    path = killed / "ledger.sqlite"
    middle = journal_files(path)[2]
    content = middle.read_bytes() + record(rows)
    middle.write_bytes(content)
    opened = Ledger(path)
    opened.close()
    kept = killed / "ledger.sqlite.2.rows.damaged"
    assert opened.damaged == (kept,)
    assert kept.read_bytes() == content
    assert after_a_kill(killed) == [0, 2]
    assert kept.read_bytes() == content
    # An epoch of the next process has the same number.
    (killed / "ledger.sqlite.2.rows").write_bytes(content[:-1] + bytes([content[-1] ^ 16]) + record(rows))
    assert Ledger(path).damaged == ()
    (killed / "ledger.sqlite.2.rows").write_bytes(record(rows))
    assert Ledger(path).damaged == (killed / "ledger.sqlite.2.rows.damaged.2",)
    assert kept.read_bytes() == content


def test_a_kill_at_any_line_of_a_replay_keeps_a_file_that_does_not_fit(books, tmp_path):
    note(books, 0)
    books.take()
    note(books, 1)
    killed = copied(books.path.parent, tmp_path / "killed")
    (killed / "ledger.sqlite.2.rows").write_bytes(content := record(UNFIT["an unknown table"]))
    for folder in kills(killed, tmp_path / "kills", lambda: Ledger(killed / "ledger.sqlite").close()):
        assert after_a_kill(folder) == [0]
        (kept,) = folder.glob("*.damaged*")
        assert kept.read_bytes() == content


def test_a_ledger_that_was_moved_away_leaves_no_rows_that_keep_the_next_from_opening(books, tmp_path):
    note(books, 0)
    killed = copied(books.path.parent, tmp_path / "killed")
    (killed / "ledger.sqlite.1.rows").write_bytes(record(UNFIT["a column less"]))
    for part in killed.glob("ledger.sqlite*"):
        if not part.name.endswith(".rows"):
            part.unlink()
    assert after_a_kill(killed) == []


def test_a_removed_file_is_gone_for_good_before_its_number_is_free(books, tmp_path, monkeypatch):
    """A kill just after a replay has removed the files; the next start finds none, and may not trust the folder."""
    note(books, 0)
    left = kills(
        copied(books.path.parent, tmp_path / "killed"),
        tmp_path / "kills",
        lambda: Ledger(tmp_path / "killed" / "ledger.sqlite").close(),
    )
    path = next(
        folder / "ledger.sqlite"
        for folder in left
        if in_table(folder) == [0] and not journal_files(folder / "ledger.sqlite")
    )
    done = []

    def sync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            done.append("sync")

    monkeypatch.setattr(os, "fsync", sync)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute("SELECT applied FROM journal").fetchall() == [(1,)]
        connection.set_trace_callback(
            lambda text: done.append("forget") if text.startswith("DELETE") else None
        )
        replay(connection, path)
    assert done == ["sync", "forget"]
