"""The trace keeps the rules of the Trace Event format, and has what the ledger has."""

import io
import json
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing

import pytest

from peer.measure.schema import open_ledger
from peer.measure.trace import time_axis, trace_events, write_trace
from tests.support.ledgers import loosen
from tests.unit.report.folders import HOSTILE, NEIGHBOURS, ROUNDS, write_folder

REQUIRED = {
    "X": {"name", "cat", "ts", "dur", "pid", "tid"},
    "s": {"name", "cat", "id", "ts", "pid", "tid"},
    "f": {"name", "cat", "id", "ts", "pid", "tid", "bp"},
    "C": {"name", "ts", "pid", "args"},
    "i": {"name", "s", "ts", "pid", "tid"},
    "M": {"name", "pid", "args"},
}
ALL = range(ROUNDS)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("runs") / "run") / "ledger.sqlite"


@pytest.fixture
def books(ledger):
    with closing(open_ledger(ledger)) as connection:
        yield connection


@pytest.fixture
def events(books):
    return list(trace_events(books, {}, ALL))


def test_the_file_is_what_perfetto_reads(books, events):
    file = io.StringIO()
    count = write_trace(books, file, {}, ALL)
    document = json.loads(file.getvalue())
    assert set(document) == {"displayTimeUnit", "traceEvents"}
    assert document["traceEvents"] == events
    assert count == len(events)


def test_every_event_has_the_keys_of_its_phase(events):
    for event in events:
        assert set(event) >= REQUIRED[event["ph"]], event
        assert isinstance(event["pid"], int)
        if event["ph"] != "M":
            assert event["ts"] >= 0
    assert {event["ph"] for event in events} == set(REQUIRED)


def test_times_of_a_track_ascend_and_slices_are_inside_each_other(events):
    tracks = defaultdict(list)
    for event in events:
        if event["ph"] != "M":
            tracks[event["pid"], event["tid"]].append(event)
    for track in tracks.values():
        for phases in ("X", "sf", "C", "i"):
            times = [event["ts"] for event in track if event["ph"] in phases]
            assert times == sorted(times)
        open_until = []
        for event in track:
            if event["ph"] == "X":
                begin, end = round(event["ts"] * 1000), round((event["ts"] + event["dur"]) * 1000)
                while open_until and open_until[-1] <= begin:
                    open_until.pop()
                assert not open_until or end <= open_until[-1], event
                open_until.append(end)


def test_an_arrow_has_one_beginning_and_one_end_each_in_a_slice(events):
    slices = defaultdict(set)
    for event in events:
        if event["ph"] == "X":
            slices[event["pid"], event["tid"], event["ts"]].add(event["name"])
    ends = {phase: [event for event in events if event["ph"] == phase] for phase in "sf"}
    for phase, found in ends.items():
        assert len({event["id"] for event in found}) == len(found), phase
        for event in found:
            assert (event["pid"], event["tid"], event["ts"]) in slices
    assert {event["id"] for event in ends["s"]} == {event["id"] for event in ends["f"]}
    assert len(ends["s"]) == 4 * ROUNDS  # each value once, though one was sent again
    names = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    by_id = {event["id"]: event for event in ends["f"]}
    for event in ends["s"]:
        at = (event["pid"], event["tid"], event["ts"])
        assert f"value to {names[by_id[event['id']]['pid']]}" in slices[at]


def test_what_only_one_end_has_gets_no_arrow(ledger, tmp_path):
    lossy = tmp_path / "lossy.sqlite"
    lossy.write_bytes(ledger.read_bytes())
    loosen(lossy)
    with closing(sqlite3.connect(lossy)) as connection:
        connection.execute("DELETE FROM messages WHERE peer = 'b' AND direction = 'received' AND round >= 10")
        connection.commit()
    with closing(open_ledger(lossy)) as connection:
        found = Counter(event["ph"] for event in trace_events(connection, {}, ALL))
    assert found["s"] == found["f"] == 2 * ROUNDS + 2 * 10


def test_it_has_what_the_ledger_has(books, events):
    (messages,) = books.execute("SELECT count(*) FROM messages").fetchone()
    slices = Counter(event["cat"] for event in events if event["ph"] == "X")
    (computed,) = books.execute("SELECT count(*) FROM rounds WHERE adapt_ns > 0").fetchone()
    assert slices["program"] == computed
    parts = "(encode_ns > 0) + (send_ns > 0) + (wait_ns > 0) + (decode_ns > 0)"
    (shown,) = books.execute(f"SELECT sum(1 + {parts}) FROM rounds").fetchone()
    assert slices["rounds"] == shown
    assert slices["sent"] + slices["received"] == messages
    assert any(event["args"] == {"text": HOSTILE} for event in events if event["ph"] == "i")
    lengths = defaultdict(float)
    for event in events:
        if event.get("cat") == "rounds":
            lengths[event["name"]] += event["dur"]
    parts = books.execute("SELECT sum(encode_ns), sum(send_ns), sum(wait_ns), sum(decode_ns) FROM rounds")
    for name, total_ns in zip(("encode", "send", "wait", "decode"), parts.fetchone(), strict=True):
        assert lengths[name] == pytest.approx(total_ns / 1000)


def test_counters_end_with_what_tcp_carried(books, events):
    query = """SELECT peer, sum(sent) FROM (
      SELECT peer, max(bytes_sent) - min(bytes_sent) - max(bytes_retrans) + min(bytes_retrans) AS sent
      FROM sockets GROUP BY peer, incarnation, neighbour, connection) GROUP BY peer"""
    carried = dict(books.execute(query).fetchall())
    for pid, peer in enumerate(NEIGHBOURS, start=1):
        last = [event for event in events if event["ph"] == "C" and event["pid"] == pid][-1]
        assert last["args"]["sent"] == carried[peer]


def test_some_rounds_only(books):
    some = list(trace_events(books, {}, range(20, 30)))
    rounds = {event["args"]["round"] for event in some if event.get("cat") in ("program", "sent", "received")}
    assert rounds == set(range(20, 30))
    assert Counter(event["ph"] for event in some)["s"] == 4 * 10
    assert min(event["ts"] for event in some if event["ph"] == "X") == 0
    assert not [event for event in some if event["ph"] == "i"]


def test_clocks_are_put_on_one_axis():
    at_us = time_axis({"a": 1_000_000, "b": 5_000_000_000}, {"b": 4_998_000_000})
    assert at_us("a", 1_000_000) == 0
    assert at_us("b", 5_000_000_000) == 1000
    assert time_axis({"a": 7_000, "b": 5_000}, {})("a", 7_000) == 2


def test_offsets_move_a_peer_and_nothing_else(books, events):
    begins = {pid: next(e["ts"] for e in events if e["pid"] == pid and "ts" in e) for pid in (1, 2, 3)}
    last = max(begins, key=begins.get)  # not the one whose first event is the axis' zero
    moved = list(trace_events(books, {list(NEIGHBOURS)[last - 1]: -(10**9)}, ALL))
    for event, old in zip(moved, events, strict=True):
        if "ts" in old:
            assert event["ts"] == pytest.approx(old["ts"] + (1e6 if old["pid"] == last else 0))
