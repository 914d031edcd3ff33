"""Rows that outlive a kill before their transaction, and come once."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from struct import pack
from zlib import crc32

import pytest

from peer.measure.journal import journal_files
from peer.measure.ledger import Ledger
from peer.measure.schema import open_ledger
from tests.unit.measure.killed import add, after_a_kill, copied, in_table, kills, note

ROOT = Path(__file__).parents[3]


def noted(books):
    """Numbers of the rows that a note has, by epoch."""
    return [[row[6] for row in batch.rows["messages"]] for batch in books.note()]


@pytest.fixture
def books(tmp_path):
    (tmp_path / "state").mkdir()
    opened = Ledger(tmp_path / "state" / "ledger.sqlite")
    yield opened
    opened.close()


def test_noted_rows_outlive_a_kill_and_others_do_not(books, tmp_path):
    note(books, 0, 1)
    note(books, 2)
    add(books, 3)
    assert books.pending == 8
    assert in_table(books.path.parent) == []
    assert after_a_kill(copied(books.path.parent, tmp_path / "killed")) == [0, 1, 2]


def test_a_note_has_what_came_since_the_last_one(books):
    add(books, 0)
    assert noted(books) == [[0]]
    assert noted(books) == []
    add(books, 1)
    assert noted(books) == [[1]]
    books.flush()
    assert books.pending == 0
    assert noted(books) == []
    add(books, 2)
    assert noted(books) == [[2]]


def test_rows_that_were_taken_and_are_not_written_yet_are_noted_too(books, tmp_path):
    note(books, 0)
    add(books, 1)
    first = books.take()
    add(books, 2)
    books.write(books.take())
    add(books, 3)
    second = books.take()
    note(books, 4)
    assert noted(books) == []
    assert after_a_kill(copied(books.path.parent, tmp_path / "killed")) == [2, 0, 1, 3, 4]
    books.write(second)
    books.write(first)
    assert after_a_kill(copied(books.path.parent, tmp_path / "later")) == [2, 3, 0, 1, 4]


def test_what_was_written_is_not_kept_for_a_note(books):
    for number in range(3):
        add(books, number)
        books.flush()
    assert len(books._unnoted) <= 1, "without a run there is no note: they must not heap up"
    books.take()
    assert books._unnoted == []


def test_nothing_noted_makes_no_file(books):
    books.append(books.note())
    assert not journal_files(books.path)


def test_a_kill_at_any_line_of_a_transaction_makes_no_row_twice_and_loses_none(books, tmp_path):
    note(books, 0, 1)
    note(books, 2)
    add(books, 3)
    left = kills(books.path.parent, tmp_path / "kills", books.flush)
    states = [(in_table(folder), len(journal_files(folder / "ledger.sqlite"))) for folder in left]
    assert states[0] == ([], 1)
    assert ([0, 1, 2, 3], 1) in states, "between the transaction and the end of the file"
    assert states[-1] == ([0, 1, 2, 3], 0)
    found = [after_a_kill(folder) for folder in left]
    assert [0, 1, 2] in found
    assert all(numbers in ([0, 1, 2], [0, 1, 2, 3]) for numbers in found)


def test_a_kill_at_any_line_of_a_note_loses_no_note_before_it(books, tmp_path):
    note(books, 0)
    add(books, 1)
    left = kills(books.path.parent, tmp_path / "kills", lambda: books.append(books.note()))
    assert [after_a_kill(folder) for folder in left] == [[0], [0, 1]]


def test_a_kill_at_any_line_of_a_replay_makes_no_row_twice_and_loses_none(books, tmp_path):
    note(books, 0, 1)
    killed = kills(books.path.parent, tmp_path / "first", books.flush)
    # One file whose rows are in the tables, and one whose rows are not.
    (both,) = [
        folder for folder in killed if in_table(folder) and len(journal_files(folder / "ledger.sqlite")) == 1
    ]
    note(books, 2)
    (later,) = journal_files(books.path).values()
    (both / later.name).write_bytes(later.read_bytes())
    assert len(journal_files(both / "ledger.sqlite")) == 2
    left = kills(both, tmp_path / "kills", lambda: Ledger(both / "ledger.sqlite").close())
    assert len(left) >= 5
    assert in_table(left[0]) == [0, 1]
    assert in_table(both) == [0, 1, 2]
    assert [after_a_kill(folder) for folder in left] == [[0, 1, 2]] * len(left)


def test_batches_of_several_epochs_are_written_in_any_order(books, tmp_path):
    taken = []
    for number in range(3):
        note(books, number)
        taken.append(books.take())
    assert len(journal_files(books.path)) == 3
    books.write(taken[1])
    assert after_a_kill(copied(books.path.parent, tmp_path / "one")) == [1, 0, 2]
    books.write(taken[2])
    books.write(taken[0])
    assert not journal_files(books.path)
    assert after_a_kill(copied(books.path.parent, tmp_path / "all")) == [1, 2, 0]


def test_what_is_in_the_tables_is_not_appended_any_more(books, tmp_path):
    add(books, 0)
    late = books.note()
    books.flush()
    books.append(late)
    assert not journal_files(books.path)
    assert after_a_kill(copied(books.path.parent, tmp_path / "killed")) == [0]


def test_an_append_behind_a_later_one_goes_to_its_own_epoch(books, tmp_path):
    add(books, 0)
    first, first_taken = books.note(), books.take()
    note(books, 1)
    books.append(first)
    assert len(journal_files(books.path)) == 2
    books.write(first_taken)
    assert after_a_kill(copied(books.path.parent, tmp_path / "killed")) == [0, 1]


def test_a_failed_transaction_leaves_what_was_noted(tmp_path):
    books = Ledger(tmp_path / "ledger.sqlite")
    note(books, 0)
    add(books, 1)
    books._connection.close()  # as a disk that fails: every write from now on
    with pytest.raises(sqlite3.Error):
        books.flush()
    books._journal.close()
    assert after_a_kill(tmp_path) == [0]


def recorded(books):
    """Three notes; returns the bytes of their file and where each ends."""
    ends = []
    for number in range(3):
        note(books, number)
        (file,) = journal_files(books.path).values()
        ends.append(file.stat().st_size)
    return file, file.read_bytes(), ends


def test_a_record_that_was_cut_off_is_passed_over(books, tmp_path):
    file, data, ends = recorded(books)
    killed = copied(books.path.parent, tmp_path / "killed")
    for length in {0, 1, 7, 8, 9, ends[0] - 1, ends[0], ends[0] + 5, ends[1], ends[2] - 1, ends[2]}:
        again = copied(killed, tmp_path / str(length))
        (again / file.name).write_bytes(data[:length])
        assert after_a_kill(again) == list(range(sum(length >= end for end in ends)))


def test_reading_stops_at_a_damaged_record(books, tmp_path):
    file, data, ends = recorded(books)
    killed = copied(books.path.parent, tmp_path / "killed")
    for at in (ends[0], ends[0] + 3, ends[0] + 4, ends[0] + 8, ends[1] - 1):
        again = copied(killed, tmp_path / str(at))
        (again / file.name).write_bytes(data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :])
        assert after_a_kill(again) == [0]


@pytest.mark.parametrize("rest", [bytes(4096), pack("<II", 0, crc32(b""))])
def test_zeros_of_a_power_failure_are_no_record(books, tmp_path, rest):
    file, data, _ = recorded(books)
    killed = copied(books.path.parent, tmp_path / "killed")
    (killed / file.name).write_bytes(data + rest)
    assert after_a_kill(killed) == [0, 1, 2]


def test_half_an_append_to_a_full_disk_hides_no_later_one(books, tmp_path, monkeypatch):
    note(books, 0)
    write = os.write
    add(books, 1)
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda descriptor, data: write(descriptor, data[: len(data) // 2]))
        with pytest.raises(OSError, match="No space left"):
            books.append(books.note())
    note(books, 2)
    killed = copied(books.path.parent, tmp_path / "killed")
    assert after_a_kill(killed) == [0, 2]
    assert books.pending == 6, "all are in memory still"


def test_an_append_does_not_wait_for_a_transaction(books, tmp_path):
    note(books, 0)
    with closing(sqlite3.connect(books.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        flushing = threading.Thread(target=books.flush)
        flushing.start()
        while not books._writing.locked():
            assert flushing.is_alive()
        note(books, 1)
        assert flushing.is_alive(), "it waits for the other program"
        assert after_a_kill(copied(books.path.parent, tmp_path / "killed")) == [0, 1]
        other.execute("ROLLBACK")
    flushing.join()
    assert in_table(books.path.parent) == [0]


def test_other_files_beside_a_ledger_are_none_of_its_rows(books):
    for name in (
        "ledger.sqlite.rows",
        "ledger.sqlite.x.rows",
        "other.sqlite.1.rows",
        "ledger.sqlite.1.rows~",
    ):
        (books.path.parent / name).write_bytes(b"")
    assert journal_files(books.path) == {}


PROCESS = """
import sys, threading
from peer.measure.ledger import Ledger
ledger = Ledger(sys.argv[1])
recorder = ledger.recorder("p0", "r1", 1)

def flush():
    while True:
        ledger.flush()

threading.Thread(target=flush, daemon=True).start()
number = 0
while True:
    recorder.message("sent", "p1", 40, 60, 7, round_number=number, seq=number)
    ledger.append(ledger.note())
    print(number, flush=True)
    number += 1
"""


def test_a_process_that_is_killed_while_two_threads_write_has_each_row_once(tmp_path):
    for kill in range(5):
        path = tmp_path / str(kill) / "ledger.sqlite"
        path.parent.mkdir()
        command = [sys.executable, "-c", PROCESS, str(path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                if int(line) == 150 * (kill + 1):
                    break
            process.send_signal(signal.SIGKILL)
            told = [line, *process.stdout.read().splitlines(keepends=True)]
        last = max(int(line) for line in told if line.endswith("\n"))
        Ledger(path).close()
        with closing(open_ledger(path)) as found:
            numbers = [number for (number,) in found.execute("SELECT seq FROM messages ORDER BY seq")]
        # What was noted is there; the row after it may be.
        assert numbers in (list(range(last + 1)), list(range(last + 2)))
