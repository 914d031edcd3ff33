"""The ledger: what happened in a run, row by row, in a SQLite file of the peer's state folder.

Adding a row only appends a tuple to a list. The rows go to the file in batches, in a thread beside the rounds::

    recorder = ledger.recorder("p0", run, incarnation)
    recorder.round(...)                     # in the event loop, about 0.3 µs
    batch = ledger.take()                   # in the event loop
    ledger.write(batch)                     # in a worker thread, about 1.5 µs for each row

A transaction costs as much as some 50 rows, so a batch should have a few hundred. Rows that shall outlive a kill
before there are as many are noted: appended to a plain file beside the ledger (:mod:`peer.measure.journal`), from which
the next process takes them::

    noted = ledger.note()                   # in the event loop
    ledger.append(noted)                    # in a worker thread, some 50 µs for a few dozen rows
"""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from peer.measure.collect import export
from peer.measure.journal import Epoch, Journal, mark, replay
from peer.measure.recorder import Direction, Kind, Recorder, Row
from peer.measure.schema import TABLES, check, create, insert_rows
from topology.errors import InputError

__all__ = ["Batch", "Direction", "Kind", "Ledger", "Recorder"]

MakeRecorder = Callable[[Mapping[str, list[Row]], str, str, int], Recorder]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of a ledger's memory, to be written; by table, and of which epoch of its journal they are."""

    rows: dict[str, list[Row]]
    epoch: Epoch

    def __len__(self) -> int:
        return sum(map(len, self.rows.values()))


class Ledger:
    """One ledger file, open for writing.

    Methods may be called from any thread. `note`, `take` and the recorders never wait for the disk. What was noted by a
    process that was killed is put into the tables first.

    Parameters
    ----------
    path : str or Path
        The file; made where it is missing, in an existing folder.
    make_recorder : callable, optional
        Makes its recorders: `Recorder`, or one that also counts.

    Attributes
    ----------
    path : Path
        The file.
    damaged : tuple of Path
        Files that an earlier process had left, whose rows do not fit: kept beside the ledger, and not in it.

    Raises
    ------
    InputError
        If the file cannot be opened, or is not a ledger of this version.
    """

    def __init__(self, path: str | Path, make_recorder: MakeRecorder = Recorder) -> None:
        self.path = Path(path)
        self._make_recorder = make_recorder
        self._pending: dict[str, list[Row]] = {table: [] for table in TABLES}
        self._noted = dict.fromkeys(TABLES, 0)  # as many of the pending rows, from the first
        self._unnoted: list[Batch] = []  # taken before they were noted, and not known to be written
        self._taking = Lock()
        self._writing = Lock()
        self._connection, self.damaged = _open(self.path)
        self._journal = Journal(self.path)
        self._epoch = self._journal.begin()

    @property
    def pending(self) -> int:
        """Rows added and not yet taken, noted ones too."""
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
        return self._make_recorder(self._pending, peer, run, incarnation)

    def note(self) -> list[Batch]:
        """Copy the rows added since the last note and not yet in the tables; pending ones stay so.

        Returns
        -------
        list of Batch
            For `append`; of more than one epoch where rows were taken meanwhile, and perhaps not yet written.
        """
        with self._taking:
            noted = [batch for batch in self._unnoted if not batch.epoch.applied]
            self._unnoted = []
            new: dict[str, list[Row]] = {}
            for table, rows in self._pending.items():
                begin, count = self._noted[table], len(rows)
                if begin < count:
                    new[table] = rows[begin:count]
                    self._noted[table] = count
            if new:
                noted.append(Batch(new, self._epoch))
        return noted

    def append(self, noted: list[Batch]) -> None:
        """Keep noted rows beside the ledger until they are in it; a kill does not lose them, a power failure may.

        It never waits for a transaction, nor for another program that holds the ledger.

        Parameters
        ----------
        noted : list of Batch
            From `note`; what has been written meanwhile is left out.

        Raises
        ------
        OSError
            If the disk is full or fails; the rows are pending still.
        """
        for batch in noted:
            self._journal.append(batch.epoch, batch.rows)

    def take(self) -> Batch:
        """Take all rows added so far; rows added meanwhile by other threads stay for the next batch.

        Returns
        -------
        Batch
            For `write`.
        """
        taken: dict[str, list[Row]] = {}
        with self._taking:
            self._unnoted = [batch for batch in self._unnoted if not batch.epoch.applied]
            unnoted: dict[str, list[Row]] = {}
            for table, rows in self._pending.items():
                # Recorders append without a lock: only the part that was seen is copied and removed.
                if count := len(rows):
                    taken[table] = rows[:count]
                    del rows[:count]
                    unnoted[table] = taken[table][self._noted[table] :]
                    self._noted[table] = 0
            epoch, self._epoch = self._epoch, self._journal.begin()
            if any(unnoted.values()):
                self._unnoted.append(Batch(unnoted, epoch))
        return Batch(taken, epoch)

    def write(self, batch: Batch) -> None:
        """Write a batch in one transaction.

        Parameters
        ----------
        batch : Batch
            From `take`; batches may be written in any order.

        Raises
        ------
        sqlite3.Error
            If the disk is full or fails; then nothing of the batch is in the file. What was noted of it is beside the
            ledger, and is put into it when it is opened again.
        OSError
            If the rows are in the file, and what was noted of them cannot be removed.
        """
        if not len(batch):
            return
        with self._writing:
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                insert_rows(connection, batch.rows)
                mark(connection, batch.epoch.number)
                connection.execute("COMMIT")
            except BaseException:
                # A full disk may have ended the transaction already.
                with suppress(sqlite3.OperationalError):
                    connection.execute("ROLLBACK")
                raise
        self._journal.applied(batch.epoch)

    def flush(self) -> None:
        """Write all rows added so far; raises what `write` does."""
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
            self._journal.close()
            with self._writing:
                self._connection.close()


def _open(path: Path) -> tuple[sqlite3.Connection, tuple[Path, ...]]:
    """Open a ledger, and take what was left beside it; returns also which files of that could not be taken."""
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
        connection.execute("PRAGMA journal_mode = WAL")
        damaged = replay(connection, path)
        # With WAL, NORMAL syncs at checkpoints only: after a power failure the last rows may be missing, but
        # the file is sound. A killed process loses nothing that was written.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -512")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise InputError(
            f"is not a ledger, or cannot be written ({error})",
            file=path,
            mend="check the folder's permissions, or move the file away: no result depends on it",
        ) from error
    except OSError as error:
        connection.close()
        raise InputError(
            f"rows that were kept beside it cannot be taken into it ({error.strerror})",
            file=error.filename or path,
            mend="check the folder's permissions, or move the file away: no result depends on it",
        ) from error
    except InputError:
        connection.close()
        raise
    return connection, damaged
