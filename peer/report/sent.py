"""Which message counts once: the first sending of each value, in a temporary table that several series read."""

import sqlite3

__all__ = ["first_sendings"]

# sqlite takes the bare columns from the row that has the least rowid: the first sending.
_FIRST = """
CREATE TEMP TABLE first AS
SELECT peer, neighbour, round, payload_bytes, message_bytes FROM (
  SELECT peer, neighbour, round, payload_bytes, message_bytes, min(rowid) FROM messages
  WHERE kind = 'value' AND direction = 'sent' GROUP BY peer, neighbour, seq)
"""


def first_sendings(books: sqlite3.Connection) -> None:
    """Make the temporary table ``first``: a row for each value that a peer sent to a neighbour.

    Parameters
    ----------
    books : sqlite3.Connection
        A ledger; its file is not written to.
    """
    books.execute(_FIRST)
