"""The ledger of a run as CSV or Parquet, one file for each table. Only exporting loads this module."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from peer.data.folder import new_folder
from peer.measure.schema import TABLES

__all__ = ["Format", "write_tables"]

Format = Literal["csv", "parquet"]

BATCH_ROWS = 50_000
"""In memory at a time: some 10 MB of the widest table."""

_TYPES = {"TEXT": pa.string(), "INTEGER": pa.int64(), "REAL": pa.float64()}
_WRITERS: Mapping[str, Any] = {"csv": pyarrow.csv.CSVWriter, "parquet": pyarrow.parquet.ParquetWriter}


def write_tables(books: sqlite3.Connection, folder: Path, form: Format) -> list[Path]:
    """Write every table of a ledger; a table without rows is a file without rows.

    In CSV a missing value is an empty field, and an empty text is ``""``.

    Parameters
    ----------
    books : sqlite3.Connection
        The ledger.
    folder : Path
        Where to; it is there whole or not at all.
    form : {"csv", "parquet"}
        Of the files, and their ending.

    Returns
    -------
    list of Path
        The files, in the order of the tables.

    Raises
    ------
    InputError
        If the folder exists or cannot be written.
    """
    names = [f"{table}.{form}" for table in TABLES]
    with new_folder(folder) as partial:
        for name, (table, columns) in zip(names, TABLES.items(), strict=True):
            _write(books, table, _schema(columns), partial / name, _WRITERS[form])
    return [folder / name for name in names]


def _schema(columns: Mapping[str, str]) -> pa.Schema:
    fields = []
    for name, kind in columns.items():
        sql_type, _, rule = kind.partition(" ")
        fields.append(pa.field(name, _TYPES[sql_type], nullable=rule != "NOT NULL"))
    return pa.schema(fields)


def _write(books: sqlite3.Connection, table: str, schema: pa.Schema, path: Path, open_writer: Any) -> None:  # noqa: ANN401 - pyarrow has no types
    rows = books.execute(f"SELECT {', '.join(schema.names)} FROM {table}")  # noqa: S608 - of our own names
    with open_writer(path, schema) as writer:
        while some := rows.fetchmany(BATCH_ROWS):
            columns = [
                pa.array(values, field.type)
                for values, field in zip(zip(*some, strict=True), schema, strict=True)
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema))
