"""Rows that are not in the ledger's file yet, kept in plain files beside it.

A row that is appended to such a file outlives a kill at a fraction of what a transaction costs. An *epoch* is what
one transaction will take: it has one file, ``<ledger>.<epoch>.rows``, which goes when the transaction is done. What a
killed process has left is put into the ledger when it is opened again. The table ``journal`` names the epochs whose
rows are in the ledger's tables: with it, a kill between a transaction and the end of its file makes no row twice.
"""

import errno
import marshal
import os
import sqlite3
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from struct import Struct
from threading import Lock
from zlib import crc32

from peer.measure.recorder import Row
from peer.measure.schema import TABLES, insert_rows

__all__ = ["Epoch", "Journal", "journal_files", "mark", "replay", "unfit"]

Rows = dict[str, list[Row]]

_SUFFIX = ".rows"
_DAMAGED = ".damaged"
_HEAD = Struct("<II")  # bytes of the rows, and their CRC-32
_FORMAT = 4  # of marshal, since Python 3.4
_UNFIT = (
    *(EOFError, TypeError, ValueError, OverflowError),
    *(sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError),
)
"""What reading or adding rows of another difpeer may raise; never what a disk does."""


class Epoch:
    """What one transaction will take.

    Parameters
    ----------
    number : int
        Never used twice while its file, or its row in ``journal``, may be there.
    path : Path
        Its file, made with the first rows.

    Attributes
    ----------
    applied : bool
        Whether its rows are in the ledger's tables.
    """

    __slots__ = ("applied", "number", "path")

    def __init__(self, number: int, path: Path) -> None:
        self.number = number
        self.path = path
        self.applied = False


class Journal:
    """Appends rows to the files of epochs; from any thread.

    Nothing here waits for SQLite: the lock is held while a file is written or removed.

    Parameters
    ----------
    ledger : Path
        The ledger, whose journal has been replayed.
    """

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self._epochs = 0
        self._lock = Lock()
        self._epoch: Epoch | None = None  # whose file is open
        self._descriptor = -1

    def begin(self) -> Epoch:
        """Return the next epoch; to be called by one thread at a time."""
        self._epochs += 1
        return Epoch(self._epochs, self._ledger.with_name(f"{self._ledger.name}.{self._epochs}{_SUFFIX}"))

    def append(self, epoch: Epoch, rows: Rows) -> None:
        """Write rows to the file of their epoch, unless they are in the ledger already.

        Parameters
        ----------
        epoch : Epoch
            Whose rows these are.
        rows : dict of str to list of tuple
            By table.

        Raises
        ------
        OSError
            If the disk is full or fails; then none of the rows is in the file.
        """
        body = marshal.dumps(rows, _FORMAT)
        record = _HEAD.pack(len(body), crc32(body)) + body
        with self._lock:
            if epoch.applied:
                return
            if self._epoch is not epoch:
                self._close()
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                self._descriptor = os.open(epoch.path, flags, 0o666)
                self._epoch = epoch
            written = os.write(self._descriptor, record)
            if written < len(record):
                # What comes after half a record would not be found.
                os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(epoch.path))

    def applied(self, epoch: Epoch) -> None:
        """Remove the file of an epoch whose rows are in the ledger's tables.

        Raises
        ------
        OSError
            If it cannot be removed; it is not needed any more.
        """
        with self._lock:
            epoch.applied = True
            if self._epoch is epoch:
                self._close()
            epoch.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file that is open."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._epoch is not None:
            self._epoch = None
            os.close(self._descriptor)


def journal_files(ledger: Path) -> dict[int, Path]:
    """Find the files of rows beside a ledger.

    Parameters
    ----------
    ledger : Path
        The ledger.

    Returns
    -------
    dict of int to Path
        By epoch, ascending.
    """
    begin = f"{ledger.name}."
    found: dict[int, Path] = {}
    for path in ledger.parent.iterdir():
        number = path.name.removeprefix(begin).removesuffix(_SUFFIX)
        if number.isdecimal() and path.name == f"{begin}{number}{_SUFFIX}":
            found[int(number)] = path
    return dict(sorted(found.items()))


def mark(connection: sqlite3.Connection, epoch: int) -> None:
    """Say, in the transaction that adds an epoch's rows, that they are in the ledger."""
    connection.execute("INSERT INTO journal VALUES (?)", (epoch,))


def replay(connection: sqlite3.Connection, ledger: Path) -> tuple[Path, ...]:
    """Put into a ledger what was left beside it, and remove the files.

    A kill between any two steps makes no row twice and loses none; nor does a machine without power, if the connection
    syncs its commits. A file with rows that do not fit the tables, as another version of difpeer may leave it, is kept
    under another name, and none of its rows is taken.

    Parameters
    ----------
    connection : sqlite3.Connection
        The ledger, open for writing, without a transaction; nobody else writes to it.
    ledger : Path
        Its file.

    Returns
    -------
    tuple of Path
        The files that are kept, ``<ledger>.<epoch>.rows.damaged``.

    Raises
    ------
    sqlite3.DatabaseError
        If the ledger cannot be written.
    OSError
        If a file can be neither read nor removed.
    """
    connection.execute("CREATE TABLE IF NOT EXISTS journal (applied INTEGER NOT NULL)")
    applied = {number for (number,) in connection.execute("SELECT applied FROM journal")}
    left = journal_files(ledger)
    misfits: set[int] = set()
    if left.keys() - applied:
        connection.execute("BEGIN IMMEDIATE")
        misfits = {n for n, path in left.items() if n not in applied and not _taken(connection, n, path)}
        connection.execute("COMMIT")
    damaged = tuple(_set_aside(left.pop(number)) for number in sorted(misfits))
    for path in left.values():
        path.unlink()
    if left or damaged or applied:
        # A file that came back after a power failure would be taken for a new one without its row in the table; an
        # earlier start may have removed it, and have been killed before this.
        _sync(ledger.parent)
        connection.execute("DELETE FROM journal")
    return damaged


def unfit(kept: Path) -> str:
    """Say what a file is that `replay` keeps."""
    return (
        f"{kept} has rows that do not fit the ledger's tables, as of another version of difpeer; none of them is "
        "taken, the file is kept, and no result depends on it"
    )


def _taken(connection: sqlite3.Connection, number: int, path: Path) -> bool:
    """Add the rows of one file, all of them or, where they do not fit, none."""
    data = path.read_bytes()
    connection.execute("SAVEPOINT one")
    try:
        for rows in _records(data):
            _check(rows)
            insert_rows(connection, rows)
    except _UNFIT:
        connection.execute("ROLLBACK TO one")
        return False
    mark(connection, number)
    return True


def _check(rows: Rows) -> None:
    """Raise TypeError unless these are rows by table, each with a value for each column."""
    if not isinstance(rows, dict):
        raise TypeError
    for table, added in rows.items():
        if table not in TABLES or not isinstance(added, list):
            raise TypeError(table)
        if any(type(row) is not tuple or len(row) != len(TABLES[table]) for row in added):
            raise TypeError(table)


def _set_aside(path: Path) -> Path:
    """Give a file a name of its own, under which it is nobody's journal."""
    kept = path.with_name(path.name + _DAMAGED)
    for number in count(2):
        if not kept.exists():
            break
        kept = path.with_name(f"{path.name}{_DAMAGED}.{number}")
    return path.rename(kept)


def _records(data: bytes) -> Iterator[Rows]:
    """Rows of each record, up to the first that is cut off or damaged."""
    view, begin = memoryview(data), 0
    while begin + _HEAD.size <= len(view):
        size, check = _HEAD.unpack_from(view, begin)
        begin += _HEAD.size
        body = view[begin : begin + size]
        # Zeros, which a power failure may leave, are no record either.
        if not size or len(body) < size or crc32(body) != check:
            return
        yield marshal.loads(body)  # noqa: S302 - what this peer wrote, in its own folder, and whole
        begin += size


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
