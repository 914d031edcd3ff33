"""How a collected ledger keeps its rows: names as numbers, behind views with the documented columns.

A peer's name, a run's id or ``received`` would be in every row of every message; as numbers of one table of names
they take a byte each. Whoever reads the ledger sees no difference. A peer's own ledger has plain tables: its rows
are written while rounds wait for nobody.
"""

import sqlite3

from peer.measure.schema import TABLES, VERSION

__all__ = ["STORED", "add_rows", "create_compact", "require_stored"]

STORED = "stored_"
"""Before the name of a table whose rows a view of that name shows."""

_PROSE = ("at_utc", "text")
"""Columns of text that is hardly ever the same twice."""

_NAMED = {
    table: [name for name, kind in columns.items() if kind.startswith("TEXT") and name not in _PROSE]
    for table, columns in TABLES.items()
}


def create_compact(connection: sqlite3.Connection) -> None:
    """Make tables and views in an empty database, and mark it with the version."""
    _create_names(connection, "main")
    for table, columns in TABLES.items():
        _create_stored(connection, "main", table)
        shown = ", ".join(
            f"(SELECT name FROM names WHERE id = stored.{name}) AS {name}"  # noqa: S608
            if name in _NAMED[table]
            else f"stored.{name}"
            for name in columns
        )
        connection.execute(f"CREATE VIEW {table} AS SELECT {shown} FROM {STORED}{table} AS stored")  # noqa: S608
    connection.execute(f"PRAGMA user_version = {VERSION}")


def require_stored(connection: sqlite3.Connection, table: str) -> None:
    """Give a ledger with plain tables a temporary compact one, so that both can be read by numbers of names."""
    if not _has(connection, "main", "names") and not _has(connection, "temp", STORED + table):
        if not _has(connection, "temp", "names"):
            _create_names(connection, "temp")
        _create_stored(connection, "temp", table)
        add_rows(connection, table, source="main", target="temp")


def add_rows(
    connection: sqlite3.Connection,
    table: str,
    *,
    source: str,
    target: str = "main",
    where: str = "",
    values: tuple[str, ...] = (),
) -> None:
    """Add rows of a table of an attached ledger, plain or compact.

    Parameters
    ----------
    connection : sqlite3.Connection
        With both databases.
    table : str
        One of `peer.measure.schema.TABLES`.
    source, target : str
        Names of the databases on this connection; the target is compact.
    where : str, optional
        ``WHERE`` and a condition, for those rows only.
    values : tuple of str, optional
        The condition's parameters.
    """
    numbered = not where and _has(connection, source, "names")
    rows = f"{source}.{STORED}{table}" if numbered else f"{source}.{table}"
    if numbered:
        _take_names(connection, source, target)
        number = "(SELECT number FROM temp.numbers WHERE id = found.{})"
    else:
        for column in _NAMED[table]:
            connection.execute(
                f"INSERT OR IGNORE INTO {target}.names (name) SELECT * FROM "  # noqa: S608
                f"(SELECT DISTINCT {column} AS found FROM {rows} {where}) WHERE found IS NOT NULL",
                values,
            )
        number = f"(SELECT id FROM {target}.names AS known WHERE known.name = found.{{}})"  # noqa: S608
    taken = ", ".join(
        number.format(column) if column in _NAMED[table] else column for column in TABLES[table]
    )
    query = f"INSERT INTO {target}.{STORED}{table} SELECT {taken} FROM {rows} AS found {where}"  # noqa: S608
    connection.execute(query, values)


def _has(connection: sqlite3.Connection, database: str, table: str) -> bool:
    """Whether a table is there; that of names is in every compact ledger, and in no other."""
    query = f"SELECT count(*) FROM {database}.sqlite_master WHERE name = ?"  # noqa: S608
    return bool(connection.execute(query, (table,)).fetchone()[0])


def _take_names(connection: sqlite3.Connection, source: str, target: str) -> None:
    """Take the names of another compact ledger, and make a table of what its numbers are here."""
    connection.execute(f"INSERT OR IGNORE INTO {target}.names (name) SELECT name FROM {source}.names")  # noqa: S608
    connection.execute(
        "CREATE TEMP TABLE IF NOT EXISTS numbers (id INTEGER PRIMARY KEY, number INTEGER NOT NULL)"
    )
    connection.execute("DELETE FROM temp.numbers")
    both = f"{source}.names AS theirs JOIN {target}.names AS ours USING (name)"
    connection.execute(f"INSERT INTO temp.numbers SELECT theirs.id, ours.id FROM {both}")  # noqa: S608


def _create_names(connection: sqlite3.Connection, database: str) -> None:
    connection.execute(f"CREATE TABLE {database}.names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)")


def _create_stored(connection: sqlite3.Connection, database: str, table: str) -> None:
    body = ", ".join(
        f"{name} {kind.replace('TEXT', 'INTEGER') if name in _NAMED[table] else kind}"
        for name, kind in TABLES[table].items()
    )
    connection.execute(f"CREATE TABLE {database}.{STORED}{table} ({body})")
