"""Collected ledgers: the same rows in less room."""

import sqlite3
from contextlib import closing

from peer.measure.collect import merge
from peer.measure.compact import STORED, require_stored
from peer.measure.schema import TABLES, open_ledger
from tests.unit.measure.books import write_books


def test_the_documented_columns_have_the_rows_of_the_parts(tmp_path):
    ledger = write_books(tmp_path, "p0")
    ledger.close()
    merge([ledger.path], tmp_path / "once.sqlite")
    merge([tmp_path / "once.sqlite"], tmp_path / "again.sqlite")
    with closing(open_ledger(ledger.path)) as plain:
        for path in ("once.sqlite", "again.sqlite"):
            with closing(open_ledger(tmp_path / path)) as compact:
                for table, columns in TABLES.items():
                    cursor = compact.execute(f"SELECT * FROM {table}")
                    assert [entry[0] for entry in cursor.description] == list(columns)
                    assert cursor.fetchall() == plain.execute(f"SELECT * FROM {table}").fetchall()


def test_numbers_of_names_are_each_ledger_s_own(tmp_path):
    for peer in ("p1", "p0"):
        write_books(tmp_path, peer).close()
    for name, parts in (("ahead", ("p1", "p0")), ("p0", ("p0",))):
        merge([tmp_path / f"{part}.sqlite" for part in parts], tmp_path / f"{name}.compact")
    merge([tmp_path / "ahead.compact", tmp_path / "p0.compact"], tmp_path / "all.compact")
    with closing(open_ledger(tmp_path / "all.compact")) as books:
        found = dict(books.execute("SELECT peer, count(*) FROM rounds GROUP BY peer"))
        assert found == {"p0": 4, "p1": 2}
        (words,) = books.execute("SELECT count(*) - count(DISTINCT name) FROM names").fetchone()
        assert words == 0


def test_a_plain_ledger_is_read_by_numbers_too(tmp_path):
    ledger = write_books(tmp_path, "p0")
    ledger.close()
    with closing(open_ledger(ledger.path)) as books:
        for _ in range(2):  # whoever reads it next asks for it again
            require_stored(books, "messages")
        query = f"SELECT names.name, count(*) FROM {STORED}messages JOIN names ON names.id = kind GROUP BY 1"
        assert dict(books.execute(query)) == dict(
            books.execute("SELECT kind, count(*) FROM messages GROUP BY 1").fetchall()
        )
    with closing(sqlite3.connect(ledger.path)) as file:
        assert not file.execute("SELECT 1 FROM sqlite_master WHERE name = 'names'").fetchall()
