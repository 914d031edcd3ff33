"""The ledger: what happened in a run, row by row, in a SQLite file of the peer's state folder.

Adding a row only appends a tuple to a list. The rows go to the file in batches, in a thread beside the rounds::

    recorder = ledger.recorder("p0", run, incarnation)
    recorder.round(...)                     # in the event loop, about 0.3 µs
    batch = ledger.take()                   # in the event loop
    ledger.write(batch)                     # in a worker thread, about 1.5 µs for each row

A transaction costs as much as some 50 rows, so a batch should have a few hundred.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from peer.measure.collect import export
from peer.measure.recorder import Direction, Kind, Recorder, Row
from peer.measure.schema import TABLES, check, create, insert
from topology.errors import InputError

__all__ = ["Batch", "Direction", "Kind", "Ledger", "Recorder"]

_INSERT = {table: insert(table) for table in TABLES}


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows taken out of a ledger's memory, to be written; by table."""

    rows: Mapping[str, list[Row]]

    def __len__(self) -> int:
        return sum(map(len, self.rows.values()))


class Ledger:
    """One ledger file, open for writing.

    Methods may be called from any thread. `take` and the recorders never wait for the disk.

    Parameters
    ----------
    path : str or Path
        The file; made where it is missing, in an existing folder.

    Raises
    ------
    InputError
        If the file cannot be opened, or is not a ledger of this version.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._pending: dict[str, list[Row]] = {table: [] for table in TABLES}
        self._taking = Lock()
        self._writing = Lock()
        self._connection = _open(self.path)

    @property
    def pending(self) -> int:
        """Rows added and not yet taken."""
        return sum(map(len, self._pending.values()))

    def recorder(self, peer: str, run: str, incarnation: int) -> Recorder:
        """Return what adds rows of a run.

        Parameters
        ----------
        peer : str
            Name of the peer.
        run : str
            The run; empty for what belongs to none.
        incarnation : int
            Restart count of the peer.

        Returns
        -------
        Recorder
            For this ledger.
        """
        return Recorder(self._pending, peer, run, incarnation)

    def take(self) -> Batch:
        """Take all rows added so far; rows added meanwhile by other threads stay for the next batch.

        Returns
        -------
        Batch
            For `write`.
        """
        taken: dict[str, list[Row]] = {}
        with self._taking:
            for table, rows in self._pending.items():
                # Recorders append without a lock: only the part that was seen is copied and removed.
                count = len(rows)
                taken[table] = rows[:count]
                del rows[:count]
        return Batch(taken)

    def write(self, batch: Batch) -> None:
        """Write a batch in one transaction.

        Parameters
        ----------
        batch : Batch
            From `take`; batches may be written in any order.

        Raises
        ------
        sqlite3.Error
            If the disk is full or fails; then nothing of the batch is in the file.
        """
        if not len(batch):
            return
        with self._writing:
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                for table, rows in batch.rows.items():
                    if rows:
                        connection.executemany(_INSERT[table], rows)
                connection.execute("COMMIT")
            except BaseException:
                # A full disk may have ended the transaction already.
                with suppress(sqlite3.OperationalError):
                    connection.execute("ROLLBACK")
                raise

    def flush(self) -> None:
        """Write all rows added so far; raises sqlite3.Error as `write` does."""
        self.write(self.take())

    def export(self, run: str, path: str | Path) -> None:
        """Copy the rows of one run to a file of their own, after a flush.

        Parameters
        ----------
        run : str
            The run.
        path : str or Path
            The file to make.

        Raises
        ------
        InputError
            If the file exists or cannot be written.
        """
        self.flush()
        export(self.path, run, path)

    def close(self) -> None:
        """Write what is left and close the file."""
        try:
            self.flush()
        finally:
            with self._writing:
                self._connection.close()


def _open(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except sqlite3.OperationalError as error:
        raise InputError(
            f"the ledger cannot be opened ({error})", file=path, mend="check the folder and its permissions"
        ) from error
    try:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            connection.execute("BEGIN IMMEDIATE")
            create(connection)
            connection.execute("COMMIT")
        check(connection, path)
        # With WAL, NORMAL syncs at checkpoints only: after a power failure the last rows may be missing, but
        # the file is sound. A killed process loses nothing that was written.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -512")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise InputError(
            f"is not a ledger, or cannot be written ({error})",
            file=path,
            mend="check the folder's permissions, or move the file away: no result depends on it",
        ) from error
    except InputError:
        connection.close()
        raise
    return connection
