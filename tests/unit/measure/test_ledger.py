import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from peer.measure.interfaces import InterfaceSample
from peer.measure.latency import RoundTimes
from peer.measure.ledger import Ledger
from peer.measure.schema import TABLES, VERSION, open_ledger
from peer.measure.tcp_info import SocketSample
from topology.errors import InputError

ROOT = Path(__file__).parents[3]


def rows(path, table):
    with closing(open_ledger(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]


WHOSE = {"peer": "p0", "run": "r1", "incarnation": 3}


def test_every_value_lands_in_its_column(tmp_path):
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path)
    recorder = ledger.recorder(**WHOSE)
    recorder.round(4, "descent", 1, 1000, RoundTimes(10, 1, 2, 3, 4, 99, "p2", 5), 0.125)
    recorder.message("sent", "p1", 40, 60, 7, round_number=4, seq=3, resent=True, kind="confirm")
    recorder.socket("p1", 8, 4, 70, SocketSample(1, 2, 3, 4, 5, 6, 7, 8, 9, 66))
    recorder.interface("eth0", 4, 71, InterfaceSample(11, 12, 13, 14))
    recorder.account("telemetry", 72, 15, 16, 17)
    recorder.iteration(1, 80, {"moved": 0.25})
    moment = datetime(2026, 3, 1, 12, 30, 1, 250_000, tzinfo=UTC)
    recorder.event(90, moment, "link-up", "p1 is there")
    ledger.close()
    expected = {
        "rounds": {
            "round": 4,
            "label": "descent",
            "iteration": 1,
            "started_ns": 1000,
            "latency_ns": 10,
            "encode_ns": 1,
            "send_ns": 2,
            "wait_ns": 3,
            "decode_ns": 4,
            "adapt_ns": 99,
            "gated_by": "p2",
            "slack_ns": 5,
            "disagreement": 0.125,
        },
        "messages": {
            "round": 4,
            "neighbour": "p1",
            "direction": "sent",
            "seq": 3,
            "payload_bytes": 40,
            "message_bytes": 60,
            "at_ns": 7,
            "resent": 1,
            "kind": "confirm",
        },
        "sockets": {
            "neighbour": "p1",
            "connection": 8,
            "round": 4,
            "at_ns": 70,
            "bytes_sent": 1,
            "bytes_received": 2,
            "bytes_retrans": 4,
            "segs_out": 5,
            "segs_in": 6,
            "rtt_us": 7,
            "min_rtt_us": 8,
            "header_bytes": 66,
        },
        "interfaces": {
            "interface": "eth0",
            "round": 4,
            "at_ns": 71,
            "bytes_sent": 11,
            "bytes_received": 12,
            "packets_sent": 13,
            "packets_received": 14,
        },
        "accounts": {
            "account": "telemetry",
            "at_ns": 72,
            "calls": 15,
            "bytes_sent": 16,
            "bytes_received": 17,
        },
        "iterations": {"iteration": 1, "at_ns": 80, "name": "moved", "value": 0.25},
        "events": {
            "at_ns": 90,
            "at_utc": "2026-03-01T12:30:01.250000+00:00",
            "kind": "link-up",
            "text": "p1 is there",
        },
    }
    assert {table: rows(path, table) for table in TABLES} == {
        table: [{**WHOSE, **row}] for table, row in expected.items()
    }


def test_a_simulation_has_no_times(tmp_path):
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path)
    recorder = ledger.recorder(**WHOSE)
    recorder.round(0, "init.power", None, None, None)
    recorder.message("received", "p1", 40, None, None, round_number=0, seq=0)
    recorder.iteration(0, None, {"moved": float("nan")})
    ledger.close()
    (found,) = rows(path, "rounds")
    assert {key for key, value in found.items() if value is None} == {
        "iteration",
        "started_ns",
        "latency_ns",
        "encode_ns",
        "send_ns",
        "wait_ns",
        "decode_ns",
        "adapt_ns",
        "gated_by",
        "slack_ns",
        "disagreement",
    }
    assert rows(path, "messages")[0]["message_bytes"] is None
    assert rows(path, "iterations")[0]["value"] is None


def test_a_batch_holds_what_was_added_before_it(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    recorder = ledger.recorder(**WHOSE)
    recorder.iteration(0, 1, {"moved": 1.0})
    first = ledger.take()
    recorder.iteration(1, 2, {"moved": 2.0})
    assert (len(first), ledger.pending) == (1, 1)
    second = ledger.take()
    assert ledger.pending == 0
    ledger.write(second)
    ledger.write(first)
    ledger.write(ledger.take())
    assert [row["iteration"] for row in rows(ledger.path, "iterations")] == [1, 0]
    ledger.close()


def test_rows_of_several_threads_come_once_each(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    each, adders = 4000, 3
    running = threading.Barrier(adders + 1)

    def add(peer):
        recorder = ledger.recorder(peer, "r1", 1)
        running.wait()
        for number in range(each):
            recorder.message("sent", "p9", 1, 2, number, round_number=number, seq=number)

    threads = [threading.Thread(target=add, args=(f"p{index}",)) for index in range(adders)]
    for thread in threads:
        thread.start()
    running.wait()
    while any(thread.is_alive() for thread in threads):
        ledger.flush()
    ledger.close()
    found = [(row["peer"], row["seq"]) for row in rows(ledger.path, "messages")]
    assert sorted(found) == [(f"p{index}", number) for index in range(adders) for number in range(each)]


def test_a_failed_batch_leaves_nothing_behind(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    recorder = ledger.recorder(**WHOSE)
    recorder.message("sent", "p1", 1, 2, 3)
    recorder.iteration(0, 1, {"moved": object()})
    with pytest.raises(sqlite3.Error):
        ledger.flush()
    recorder.message("sent", "p2", 1, 2, 3)
    ledger.flush()
    assert [row["neighbour"] for row in rows(ledger.path, "messages")] == ["p2"]
    ledger.close()


def test_reopening_keeps_the_rows(tmp_path):
    path = tmp_path / "ledger.sqlite"
    for incarnation in (1, 2):
        ledger = Ledger(path)
        ledger.recorder("p0", "r1", incarnation).iteration(0, 1, {"moved": 1.0})
        ledger.close()
    assert [row["incarnation"] for row in rows(path, "iterations")] == [1, 2]


def test_a_killed_process_keeps_what_was_written(tmp_path):
    path = tmp_path / "ledger.sqlite"
    script = (
        "import os, signal, sys\n"
        "from peer.measure.ledger import Ledger\n"
        "ledger = Ledger(sys.argv[1])\n"
        "recorder = ledger.recorder('p0', 'r1', 1)\n"
        "recorder.iteration(0, 1, {'moved': 1.0})\n"
        "ledger.flush()\n"
        "recorder.iteration(1, 1, {'moved': 1.0})\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(path)], cwd=ROOT, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    ledger = Ledger(path)
    ledger.close()
    assert [row["iteration"] for row in rows(path, "iterations")] == [0]


def test_another_version_is_refused_and_not_touched(tmp_path):
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(InputError, match=f"user_version: is a ledger of version {VERSION + 1}"):
        Ledger(path)
    with pytest.raises(InputError, match="user_version"):
        open_ledger(path)
    assert path.read_bytes() == before


def test_what_is_no_ledger_is_refused(tmp_path):
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"something else entirely, and long enough for a header" * 20)
    for use in (Ledger, open_ledger):
        with pytest.raises(InputError, match=r"ledger.sqlite: is not a ledger"):
            use(path)
    with pytest.raises(InputError, match="there is no ledger"):
        open_ledger(tmp_path / "missing.sqlite")
    with pytest.raises(InputError, match="cannot be opened"):
        Ledger(tmp_path / "missing" / "ledger.sqlite")


def test_a_ledger_is_read_while_it_is_written(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    recorder = ledger.recorder(**WHOSE)
    recorder.iteration(0, 1, {"moved": 1.0})
    ledger.flush()
    with closing(open_ledger(ledger.path)) as reader:
        reader.execute("BEGIN")
        count = "SELECT count(*) FROM iterations"
        assert reader.execute(count).fetchone() == (1,)
        recorder.iteration(1, 1, {"moved": 1.0})
        ledger.flush()
        assert reader.execute(count).fetchone() == (1,)
    assert len(rows(ledger.path, "iterations")) == 2
    ledger.close()
