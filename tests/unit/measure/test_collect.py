import marshal
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from struct import pack
from zlib import crc32

import pytest

from peer.measure.collect import export, forget_others, merge
from peer.measure.ledger import Ledger
from peer.measure.schema import TABLES, open_ledger
from tests.unit.measure.books import write_books
from topology.errors import InputError


def contents(path):
    with closing(open_ledger(path)) as connection:
        return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}


def test_export_has_one_runs_rows_and_no_others(tmp_path):
    write_books(tmp_path, "p0", "other").close()
    ledger = write_books(tmp_path, "p0")
    everything = contents(ledger.path)
    ledger.recorder("p0", "r1", 1).iteration(9, 1, {"moved": 1.0})
    ledger.export("r1", tmp_path / "r1.sqlite")
    ledger.close()
    exported = contents(tmp_path / "r1.sqlite")
    added = ("p0", "r1", 1, 9, 1, "moved", 1.0)
    for table, rows in everything.items():
        of_run = [row for row in rows if row[1] == "r1"]
        assert len(of_run) == len(rows) / 2 > 0
        assert exported[table] == of_run + ([added] if table == "iterations" else [])


def test_an_export_is_one_file(tmp_path):
    ledger = write_books(tmp_path, "p0")
    (tmp_path / "out").mkdir()
    ledger.export("r1", tmp_path / "out" / "part.sqlite")
    contents(tmp_path / "out" / "part.sqlite")
    ledger.close()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["part.sqlite"]


def test_merge_has_the_rows_of_all_parts(tmp_path):
    parts = []
    for peer in ("p0", "p1"):
        ledger = write_books(tmp_path, peer)
        ledger.export("r1", tmp_path / f"{peer}.part")
        ledger.close()
        parts.append(tmp_path / f"{peer}.part")
    merge(parts, tmp_path / "all.sqlite")
    merged = contents(tmp_path / "all.sqlite")
    assert merged == {table: contents(parts[0])[table] + contents(parts[1])[table] for table in TABLES}


def test_merge_of_nothing_has_empty_tables(tmp_path):
    merge([], tmp_path / "all.sqlite")
    assert contents(tmp_path / "all.sqlite") == {table: [] for table in TABLES}


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "all.sqlite").write_text("mine")
    with pytest.raises(InputError, match=r"all.sqlite: exists already"):
        merge([], tmp_path / "all.sqlite")
    assert (tmp_path / "all.sqlite").read_text() == "mine"


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match=r"all.sqlite: cannot be written"):
        merge([], tmp_path / "missing" / "all.sqlite")


@pytest.mark.parametrize("damage", ["missing", "foreign", "truncated", "scribbled", "version"])
def test_a_bad_part_is_named_and_leaves_nothing(tmp_path, damage):
    write_books(tmp_path, "p0").close()
    part = tmp_path / "p0.sqlite"
    data = part.read_bytes()
    match damage:
        case "missing":
            part.unlink()
        case "foreign":
            part.write_bytes(b"no ledger " * 1000)
        case "truncated":
            part.write_bytes(data[: len(data) // 2])
        case "scribbled":
            part.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
        case "version":
            with closing(sqlite3.connect(part)) as connection:
                connection.execute("PRAGMA user_version = 7")
    with pytest.raises(InputError, match=r"p0\.sqlite: "):
        merge([part], tmp_path / "all.sqlite")
    assert {path.name for path in tmp_path.iterdir()} <= {"p0.sqlite", "p0.sqlite-wal", "p0.sqlite-shm"}


def test_an_export_is_of_one_moment(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    recorder = ledger.recorder("p0", "r1", 1)
    flushes = 400

    def write():
        for number in range(flushes):
            recorder.message("sent", "p1", 1, 2, 3, round_number=number, seq=number)
            recorder.iteration(number, 1, {"moved": 1.0})
            ledger.flush()

    writer = threading.Thread(target=write)
    writer.start()
    exports = 0
    while writer.is_alive():
        export(ledger.path, "r1", tmp_path / f"{exports}.sqlite")
        found = contents(tmp_path / f"{exports}.sqlite")
        assert len(found["messages"]) == len(found["iterations"])
        exports += 1
    writer.join()
    export(ledger.path, "r1", tmp_path / "last.sqlite")
    assert len(contents(tmp_path / "last.sqlite")["messages"]) == flushes
    ledger.close()


def test_what_is_forgotten_gives_its_room_back(tmp_path):
    write_books(tmp_path, "p0", "other").close()
    ledger = write_books(tmp_path, "p0")
    for number in range(2000):
        ledger.recorder("p0", "r1", 1).iteration(number, 1, {"moved": 1.0})
    ledger.recorder("p0", "", 1).event(1, datetime.now(UTC), "link-up", "of no run")
    ledger.close()
    before, size = contents(ledger.path), ledger.path.stat().st_size
    forget_others(ledger.path, ["other", "unknown"])
    after = contents(ledger.path)
    assert after == {table: [row for row in rows if row[1] != "r1"] for table, rows in before.items()}
    assert all(after.values())
    assert ledger.path.stat().st_size < size / 2


def test_rows_beside_a_ledger_are_forgotten_with_it(tmp_path):
    ledger = write_books(tmp_path, "p0")
    ledger.flush()
    for run in ("other", "r1"):
        ledger.recorder("p0", run, 1).iteration(77, 1, {"moved": 1.0})
    ledger.append(ledger.note())
    # As a kill leaves it.
    killed = tmp_path / "killed"
    killed.mkdir()
    for path in tmp_path.glob("p0.sqlite*"):
        (killed / path.name).write_bytes(path.read_bytes())
    ledger.close()
    path = killed / ledger.path.name
    assert list(killed.glob("*.rows"))
    forget_others(path, ["other"])
    assert not list(killed.glob("*.rows"))
    assert [row[1] for row in contents(path)["iterations"]] == ["other"]
    Ledger(path).close()
    assert [row[1] for row in contents(path)["iterations"]] == ["other"]


def test_rows_that_do_not_fit_keep_nothing_from_being_forgotten(tmp_path, caplog):
    write_books(tmp_path, "p0", "gone").close()
    path = tmp_path / "p0.sqlite"
    body = marshal.dumps({"accidents": [("p0", "gone", 1)]}, 4)
    (tmp_path / "p0.sqlite.99.rows").write_bytes(pack("<II", len(body), crc32(body)) + body)
    forget_others(path, ["other"])
    assert not any(row[1] == "gone" for rows in contents(path).values() for row in rows)
    assert f"{path}.99.rows.damaged has rows that do not fit the ledger's tables" in caplog.text


def test_nothing_to_forget_and_nobody_to_ask(tmp_path):
    forget_others(tmp_path / "none.sqlite", ["r1"])
    assert not list(tmp_path.iterdir())
    (tmp_path / "text").write_text("not a database, and long enough to be told from an empty one")
    with pytest.raises(InputError, match="is not a ledger"):
        forget_others(tmp_path / "text", ["r1"])
