"""What a kill leaves of a ledger and the rows beside it."""

import sys
from contextlib import closing

from peer.measure import journal, ledger
from peer.measure.journal import journal_files
from peer.measure.ledger import Ledger
from peer.measure.schema import open_ledger

TRACED = {journal.__file__, ledger.__file__}


def add(books, *numbers):
    recorder = books.recorder("p0", "r1", 1)
    for number in numbers:
        recorder.message("sent", "p1", 40, 60, 7, round_number=number, seq=number)
        recorder.iteration(number, 1, {"moved": 0.5})


def note(books, *numbers):
    add(books, *numbers)
    books.append(books.note())


def rows(path):
    with closing(open_ledger(path)) as found:
        numbers = [number for (number,) in found.execute("SELECT seq FROM messages ORDER BY rowid")]
        iterations = found.execute("SELECT iteration, value FROM iterations ORDER BY rowid").fetchall()
    assert iterations == [(number, 0.5) for number in numbers]
    return numbers


def after_a_kill(folder):
    """Open what a killed process has left, twice; returns the rows, which are the same."""
    path = folder / "ledger.sqlite"
    Ledger(path).close()
    found = rows(path)
    assert not journal_files(path)
    Ledger(path).close()
    assert rows(path) == found
    return found


def copied(folder, to):
    """Copy what a kill at this moment would leave; memory shared with others is gone with them."""
    to.mkdir()
    for path in folder.iterdir():
        if not path.name.endswith("-shm"):
            (to / path.name).write_bytes(path.read_bytes())
    return to


def kills(folder, to, work):
    """Do some work; returns what a kill before each of its lines would have left, where it differs."""
    seen, made = set(), []

    def look():
        names = [path for path in sorted(folder.iterdir()) if not path.name.endswith("-shm")]
        state = tuple((path.name, path.read_bytes()) for path in names)
        if state not in seen:
            seen.add(state)
            made.append(copied(folder, to / str(len(made))))

    def trace(frame, event, _):
        if frame.f_code.co_filename not in TRACED:
            return None
        look()
        return trace

    to.mkdir()
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    look()
    return made


def in_table(folder):
    return rows(folder / "ledger.sqlite")
