"""Tables out of a ledger: every row, every type, nothing left when it fails."""

from contextlib import closing

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from peer.measure import tables
from peer.measure.schema import TABLES, open_ledger
from peer.measure.tables import write_tables
from tests.unit.report.folders import write_folder
from topology.errors import InputError


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("runs") / "run") / "ledger.sqlite"


@pytest.fixture
def books(ledger):
    with closing(open_ledger(ledger)) as connection:
        yield connection


def rows_of(table):
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("batch", [7, 50_000])
def test_every_row_of_every_table(books, tmp_path, monkeypatch, form, batch):
    monkeypatch.setattr(tables, "BATCH_ROWS", batch)
    written = write_tables(books, tmp_path / "out", form)
    assert written == [tmp_path / "out" / f"{table}.{form}" for table in TABLES]
    for path, (name, columns) in zip(written, TABLES.items(), strict=True):
        if form == "parquet":
            found = pa.parquet.read_table(path)
        else:
            types = {
                column: {"T": pa.string(), "I": pa.int64(), "R": pa.float64()}[kind[0]]
                for column, kind in columns.items()
            }
            options = pa.csv.ConvertOptions(
                column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False
            )
            parse = pa.csv.ParseOptions(newlines_in_values=True)
            found = pa.csv.read_csv(path, convert_options=options, parse_options=parse)
        assert found.column_names == list(columns)
        assert rows_of(found) == books.execute(f"SELECT * FROM {name}").fetchall()


def test_columns_have_their_types(books, tmp_path):
    write_tables(books, tmp_path / "out", "parquet")
    schema = pa.parquet.read_schema(tmp_path / "out" / "rounds.parquet")
    assert schema.field("latency_ns").type == pa.int64()
    assert schema.field("disagreement").type == pa.float64()
    assert schema.field("gated_by").type == pa.string()
    assert (schema.field("peer").nullable, schema.field("gated_by").nullable) == (False, True)


def test_a_place_that_is_taken(books, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="exists already"):
        write_tables(books, tmp_path / "out", "csv")


def test_nothing_is_left_of_one_that_failed(books, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_TYPES", {**tables._TYPES, "TEXT": pa.int64()})
    with pytest.raises(pa.ArrowInvalid):
        write_tables(books, tmp_path / "out", "csv")
    assert list(tmp_path.iterdir()) == []
