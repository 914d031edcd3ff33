"""Ledgers of single runs, and one ledger of all peers."""

import json
import logging
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from peer.measure.compact import add_rows, create_compact
from peer.measure.journal import replay, unfit
from peer.measure.schema import TABLES, check, check_size, open_ledger
from topology.errors import InputError

__all__ = ["export", "forget_others", "merge", "require_whole"]

log = logging.getLogger("difpeer")


def export(source: str | Path, run: str, path: str | Path) -> None:
    """Copy the rows of one run out of a ledger, as of one moment; others may go on writing to it.

    Parameters
    ----------
    source : str or Path
        The ledger.
    run : str
        The run.
    path : str or Path
        The file to make; it is there whole or not at all.

    Raises
    ------
    InputError
        If the source is not a ledger of this version, or the file exists or cannot be written.
    """
    with _new_ledger(Path(path)) as target:
        _copy(target, Path(source), run)


def merge(parts: Iterable[str | Path], path: str | Path) -> None:
    """Make one ledger of several, rows in the order of the parts.

    Parameters
    ----------
    parts : iterable of str or Path
        Ledgers, each with rows that no other has.
    path : str or Path
        The file to make; it is there whole or not at all.

    Raises
    ------
    InputError
        If a part is not a ledger of this version, or the file exists or cannot be written.
    """
    with _new_ledger(Path(path)) as target:
        for part in parts:
            _copy(target, Path(part))


def require_whole(path: str | Path) -> None:
    """Read a ledger to its end.

    Parameters
    ----------
    path : str or Path
        The file.

    Raises
    ------
    InputError
        If it is not a ledger of this version, or damaged anywhere; its ``problem`` says what is wrong with it.
    """
    with closing(open_ledger(path)) as ledger:
        check_size(ledger, path)
        try:
            (found,) = ledger.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            found = str(error)
    if found != "ok":
        raise InputError(f"is damaged ({' '.join(found.split())})", file=path, mend="collect the run again")


def forget_others(path: str | Path, runs: Iterable[str]) -> None:
    """Remove the rows of all but some runs from a ledger that nobody else uses, and give their room back.

    Rows that belong to no run stay. What an earlier call could not finish is finished by the next.

    Parameters
    ----------
    path : str or Path
        The ledger; where there is none there is nothing to remove.
    runs : iterable of str
        The runs that stay.

    Raises
    ------
    InputError
        If the file is not a ledger of this version, or cannot be written.
    """
    if not Path(path).is_file():
        return
    stay = json.dumps(list(runs))
    others = "run != '' AND run NOT IN (SELECT value FROM json_each(?))"
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            # No file for memory shared with others: the disk may be full.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            check(connection, path)
            # Else the next start would bring the rows of removed runs back.
            for kept in replay(connection, Path(path)):
                log.warning("%s", unfit(kept))
            connection.execute("BEGIN IMMEDIATE")
            for table in TABLES:
                connection.execute(f"DELETE FROM {table} WHERE {others}", (stay,))  # noqa: S608
            connection.execute("COMMIT")
            if connection.execute("PRAGMA freelist_count").fetchone() != (0,):
                connection.execute("VACUUM")
    except (sqlite3.OperationalError, OSError) as error:
        raise InputError(
            f"rows of removed runs are still in it: it cannot be written ({error})",
            file=path,
            mend="make room and prune again, or move the file away: it is for measuring only",
        ) from error


@contextmanager
def _new_ledger(path: Path) -> Iterator[sqlite3.Connection]:
    if path.exists() or path.is_symlink():
        raise InputError("exists already", file=path, mend="give a new file, or remove this one")
    partial = path.parent / f".{path.name}.{secrets.token_hex(4)}.partial"
    try:
        with closing(sqlite3.connect(partial, isolation_level=None, uri=True)) as connection:
            # The file gets its name when it is complete, so it needs no journal.
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            create_compact(connection)
            yield connection
        partial.rename(path)
    except (OSError, sqlite3.OperationalError) as error:
        raise InputError(
            f"cannot be written ({error})", file=path, mend="give a place where you may write, with room"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def _copy(target: sqlite3.Connection, source: Path, run: str | None = None) -> None:
    if not source.is_file():
        raise InputError("there is no ledger", file=source, mend="collect the run again")
    try:
        target.execute("ATTACH ? AS part", (f"{source.absolute().as_uri()}?mode=ro",))
        check(target, source, "part")
        # One transaction: all tables as of one moment.
        target.execute("BEGIN")
        where, values = ("", ()) if run is None else ("WHERE run = ?", (run,))
        for table in TABLES:
            add_rows(target, table, source="part", where=where, values=values)
        target.execute("COMMIT")
        target.execute("DETACH part")
    except sqlite3.OperationalError:
        raise  # about the new file: a full disk, no permission
    except sqlite3.DatabaseError as error:
        raise InputError(f"is damaged ({error})", file=source, mend="collect the run again") from error
