"""Rows of a ledger as arrays: a table of millions of rows is read once, and then computed with as a whole."""

import sqlite3
from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_columns"]

CHUNK_ROWS = 2048
"""Few enough for a processor's cache: larger ones take a quarter longer."""


def read_columns(
    books: sqlite3.Connection,
    query: str,
    count: int,
    *,
    names: Mapping[str, int],
    named: Collection[int],
) -> NDArray[np.int64]:
    """Read the columns of a query whose entries are whole numbers or names.

    Parameters
    ----------
    books : sqlite3.Connection
        A ledger.
    query : str
        Whose columns have no NULL, but for names.
    count : int
        Its columns.
    names : mapping of str to int
        What becomes of a name; others, and NULL, become -1.
    named : collection of int
        Which columns are names.

    Returns
    -------
    ndarray
        Shape (count, rows), int64: a column of the query in each row.
    """
    cursor = books.execute(query)
    chunks = []
    while rows := cursor.fetchmany(CHUNK_ROWS):
        chunk = np.empty((count, len(rows)), np.int64)
        for i, column in enumerate(zip(*rows, strict=True)):
            chunk[i] = [names.get(name, -1) for name in column] if i in named else column
        chunks.append(chunk)
    return np.concatenate(chunks, axis=1) if chunks else np.empty((count, 0), np.int64)
