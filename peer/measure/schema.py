"""Tables of the ledger. Their meaning and units are in ``docs/ledger.md``, column by column."""

import sqlite3
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from topology.errors import InputError

__all__ = ["TABLES", "VERSION", "check", "check_size", "create", "insert_rows", "open_ledger"]

VERSION = 2
"""Kept in SQLite's ``user_version``; a file of another version is refused."""

_WHOSE = {"peer": "TEXT NOT NULL", "run": "TEXT NOT NULL", "incarnation": "INTEGER NOT NULL"}

# No keys and no indexes beyond the rowid: rows are appended while rounds wait for nobody, and read once.
TABLES = MappingProxyType(
    {
        "rounds": {
            **_WHOSE,
            "round": "INTEGER NOT NULL",
            "label": "TEXT NOT NULL",
            "iteration": "INTEGER",
            "started_ns": "INTEGER",
            "latency_ns": "INTEGER",
            "encode_ns": "INTEGER",
            "send_ns": "INTEGER",
            "wait_ns": "INTEGER",
            "decode_ns": "INTEGER",
            "adapt_ns": "INTEGER",
            "gated_by": "TEXT",
            "slack_ns": "INTEGER",
            "disagreement": "REAL",
        },
        "messages": {
            **_WHOSE,
            "round": "INTEGER",
            "neighbour": "TEXT NOT NULL",
            "direction": "TEXT NOT NULL",
            "seq": "INTEGER",
            "payload_bytes": "INTEGER NOT NULL",
            "message_bytes": "INTEGER",
            "at_ns": "INTEGER",
            "resent": "INTEGER NOT NULL",
            "kind": "TEXT NOT NULL",
        },
        "sockets": {
            **_WHOSE,
            "neighbour": "TEXT NOT NULL",
            "connection": "INTEGER NOT NULL",
            "round": "INTEGER",
            "at_ns": "INTEGER NOT NULL",
            "bytes_sent": "INTEGER",
            "bytes_received": "INTEGER",
            "bytes_retrans": "INTEGER",
            "segs_out": "INTEGER",
            "segs_in": "INTEGER",
            "rtt_us": "INTEGER",
            "min_rtt_us": "INTEGER",
            "header_bytes": "INTEGER NOT NULL",
        },
        "interfaces": {
            **_WHOSE,
            "interface": "TEXT NOT NULL",
            "round": "INTEGER",
            "at_ns": "INTEGER NOT NULL",
            "bytes_sent": "INTEGER NOT NULL",
            "bytes_received": "INTEGER NOT NULL",
            "packets_sent": "INTEGER NOT NULL",
            "packets_received": "INTEGER NOT NULL",
        },
        "accounts": {
            **_WHOSE,
            "account": "TEXT NOT NULL",
            "at_ns": "INTEGER NOT NULL",
            "calls": "INTEGER NOT NULL",
            "bytes_sent": "INTEGER NOT NULL",
            "bytes_received": "INTEGER NOT NULL",
        },
        "iterations": {
            **_WHOSE,
            "iteration": "INTEGER NOT NULL",
            "at_ns": "INTEGER",
            "name": "TEXT NOT NULL",
            "value": "REAL",
        },
        "events": {
            **_WHOSE,
            "at_ns": "INTEGER NOT NULL",
            "at_utc": "TEXT NOT NULL",
            "kind": "TEXT NOT NULL",
            "text": "TEXT NOT NULL",
        },
    }
)
"""Columns and their SQL types, by table."""

_TOGETHER = 32
"""Rows of one statement: sqlite3 lets other threads have the interpreter, and wins it back, once for each. Times the
columns of a table it is below 1000, the most parameters that an older SQLite takes."""


def _insert(table: str, rows: int) -> str:
    row = f"({', '.join('?' * len(TABLES[table]))})"
    return f"INSERT INTO {table} VALUES {', '.join([row] * rows)}"  # noqa: S608 - of our own names


_INSERT = {table: (_insert(table, _TOGETHER), _insert(table, 1)) for table in TABLES}


def create(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty database, and mark it with the version."""
    for table, columns in TABLES.items():
        body = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        connection.execute(f"CREATE TABLE {table} ({body})")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def insert_rows(connection: sqlite3.Connection, rows: Mapping[str, Sequence[Sequence[Any]]]) -> None:
    """Add rows, by table, with a value for each column."""
    for table, added in rows.items():
        together, one = _INSERT[table]
        rest = len(added) % _TOGETHER
        for begin in range(0, len(added) - rest, _TOGETHER):
            connection.execute(together, tuple(chain.from_iterable(added[begin : begin + _TOGETHER])))
        connection.executemany(one, added[len(added) - rest :])


def open_ledger(path: str | Path) -> sqlite3.Connection:
    """Open a ledger for reading.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    sqlite3.Connection
        Read-only; the caller closes it.

    Raises
    ------
    InputError
        If there is no file, or it is not a ledger of this version.
    """
    if not Path(path).is_file():
        raise InputError("there is no ledger", file=path, mend="check the path")
    connection = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)
    try:
        check(connection, path)
    except InputError:
        connection.close()
        raise
    return connection


def check(connection: sqlite3.Connection, path: str | Path, name: str = "main") -> None:
    """Raise InputError unless the database ``name`` of the connection is a ledger of this version."""
    try:
        (found,) = connection.execute(f"PRAGMA {name}.user_version").fetchone()
        tables = {row[0] for row in connection.execute(f"SELECT name FROM {name}.sqlite_master")}  # noqa: S608
    except sqlite3.DatabaseError as error:
        raise InputError(
            f"is not a ledger, or damaged ({error})", file=path, mend="collect it again, or move it away"
        ) from error
    if not tables:
        raise InputError("is empty, and no ledger", file=path, mend="collect it again, or move it away")
    if found == VERSION and not tables.issuperset(TABLES):
        missing = ", ".join(name for name in TABLES if name not in tables)
        raise InputError(f"lacks the tables {missing}", file=path, mend="collect it again, or move it away")
    if found != VERSION:
        newer = "a newer difpeer" if found > VERSION else "the difpeer that wrote it"
        raise InputError(
            f"is a ledger of version {found}, this program reads version {VERSION}",
            file=path,
            field="user_version",
            mend=f"read it with {newer}, or move it away",
        )


def check_size(connection: sqlite3.Connection, path: str | Path) -> None:
    """Raise InputError where the end of the file is missing: SQLite takes a page that is cut off for one of zeros."""
    (pages,), (size,) = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size")
    )
    if Path(path).stat().st_size < pages * size:
        raise InputError(
            f"is damaged (its end is missing: {pages * size} bytes there were)",
            file=path,
            mend="collect the run again with `difpeer run --attach RUN`",
        )
