"""docs/ledger.md lists exactly the tables and columns there are, and its queries run."""

import re
from contextlib import closing
from pathlib import Path

import pytest

from peer.measure.collect import merge
from peer.measure.schema import TABLES, VERSION, open_ledger
from tests.unit.measure.books import write_books

TEXT = (Path(__file__).parents[3] / "docs" / "ledger.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)


def test_tables_and_columns():
    found = {}
    for section in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]:
        title = re.match(r"`(\w+)`", section)
        if title:
            lines = re.findall(r"^\| `(\w+)` \| ?(.*?) ?\| (.+) \|$", section, re.MULTILINE)
            found[title[1]] = {name: unit for name, unit, _ in lines}
    assert {table: list(columns) for table, columns in found.items()} == {
        table: list(columns) for table, columns in TABLES.items()
    }
    units = {"_ns": "ns", "_us": "µs", "_bytes": "B"}
    for columns in found.values():
        for name, unit in columns.items():
            for suffix, expected in units.items():
                assert not name.endswith(suffix) or unit == expected, name
    assert f"`PRAGMA user_version` is {VERSION};" in TEXT


@pytest.fixture
def merged(tmp_path):
    ledgers = [write_books(tmp_path, peer) for peer in ("p0", "p1")]
    for ledger in ledgers:
        ledger.close()
    merge([ledger.path for ledger in ledgers], tmp_path / "merged.sqlite")
    with closing(open_ledger(tmp_path / "merged.sqlite")) as connection:
        yield connection


ANSWERS = {
    "Payload and envelopes": [(160, 240)],
    "Bytes that TCP carried": [("p0", "p1", 200 + 470), ("p1", "p0", 200)],
    "Connections whose counters": [],
    "Who keeps others waiting": [("p0", 2, 4e-8), ("p1", 2, 4e-8)],
    "Do both ends agree": [],
}


@pytest.mark.parametrize(("title", "answer"), ANSWERS.items())
def test_queries(merged, title, answer):
    query = TEXT.partition(title)[2].partition("```sql\n")[2].partition("```")[0]
    assert sorted(merged.execute(query).fetchall()) == answer


def test_every_query_is_tried():
    assert len(QUERIES) == len(ANSWERS)
