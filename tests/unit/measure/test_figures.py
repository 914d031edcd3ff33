import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from peer.measure.collect import merge
from peer.measure.figures import ByteTotals, run_seconds, sent_before
from peer.measure.ledger import Ledger
from peer.measure.tcp_info import UNKNOWN, SocketSample, opened
from tests.support.ledgers import joint_figures
from tests.unit.measure.books import (
    DISTANCES,
    LATENCIES,
    MOMENT,
    RUN,
    add_round,
    add_values,
    counters,
    write_books,
)
from topology.errors import InputError


@pytest.fixture
def parts(tmp_path):
    ledgers = [write_books(tmp_path, peer) for peer in ("p0", "p1")]
    for ledger in ledgers:
        ledger.close()
    return [ledger.path for ledger in ledgers]


EXPECTED = ByteTotals(
    payload=4 * 40,
    message=4 * 60,
    # p0: 200 on its first connection and 500 - 30 on the one opened during the run; p1: 200
    socket=200 + 470 + 200,
    wire_estimate=(200 + 500 + 200) + 66 * (4 + 5 + 4),
    resent=60 + 25,
)


def test_joint_figures_a_run(parts):
    figures = joint_figures(parts)
    assert (figures.rounds, figures.iterations) == (2, 1)
    assert figures.bytes == EXPECTED
    assert sorted(figures.latencies_ns) == sorted(LATENCIES["p0"] + LATENCIES["p1"])
    assert figures.distances == {peer: dict(enumerate(values)) for peer, values in DISTANCES.items()}


def test_parts_and_the_merged_ledger_say_the_same(parts, tmp_path):
    merge(parts, tmp_path / "all.sqlite")
    one, many = joint_figures([tmp_path / "all.sqlite"]), joint_figures(parts)
    assert one.latencies_ns.tolist() == many.latencies_ns.tolist()
    nothing = np.empty(0, np.int64)
    assert repr(replace(one, latencies_ns=nothing)) == repr(replace(many, latencies_ns=nothing))


def test_a_value_of_two_incarnations_counts_once(tmp_path):
    ledger = write_books(tmp_path, "p0")
    before = joint_figures([ledger.path]).bytes
    again = ledger.recorder("p0", "r1", 2)
    again.socket("p1", 0, 1, 1000, counters(70, 50))
    add_values(again, 1, "p1")
    add_round(again, 1, "p1", 5)
    again.socket("p1", 0, 1, 1100, counters(170, 150))
    again.iteration(1, 1, {"subspace_distance": 0.25})
    ledger.close()
    after = joint_figures([ledger.path])
    assert after.bytes.payload == before.payload
    assert after.bytes.message == before.message
    assert after.bytes.resent == before.resent + 60
    assert after.bytes.socket == before.socket + 100
    assert after.rounds == 2
    assert len(after.latencies_ns) == 3


def test_empty_messages_count_as_messages(tmp_path):
    ledger = Ledger(tmp_path / "p0.sqlite")
    add_values(ledger.recorder("p0", "r1", 1), 0, "p1", payload_bytes=0)
    ledger.close()
    assert joint_figures([ledger.path]).bytes == ByteTotals(payload=0, message=20)


@pytest.mark.parametrize("merged", [False, True])
def test_a_connection_that_was_never_found_is_counted_beside_the_totals(tmp_path, parts, merged):
    ledger = Ledger(tmp_path / "p2.sqlite")
    recorder = ledger.recorder("p2", "r1", 1)
    add_round(recorder, 0, "p0", 5)
    for at_ns, sample in ((1, opened()), (2, UNKNOWN)):
        recorder.socket("p0", 0, 0, at_ns, sample)  # it closed as soon as it was open
    for at_ns, sample in ((3, opened()), (4, counters(100, 100, segments=3))):
        recorder.socket("p0", 1, 0, at_ns, sample)
    ledger.close()
    paths = [*parts, ledger.path]
    if merged:
        merge(paths, tmp_path / "all.sqlite")
        paths = [tmp_path / "all.sqlite"]
    figures = joint_figures(paths)
    assert figures.bytes.socket == EXPECTED.socket + 100
    assert figures.bytes.wire_estimate == EXPECTED.wire_estimate + 100 + 3 * 66
    assert figures.bytes.uncounted_connections == 1


@pytest.mark.parametrize("missing", ["no row", "old kernel", "not found at first", "never found"])
@pytest.mark.parametrize("merged", [False, True])
def test_without_any_counters_of_a_peer_there_are_no_totals(tmp_path, parts, missing, merged):
    ledger = Ledger(tmp_path / "p2.sqlite")
    recorder = ledger.recorder("p2", "r1", 1)
    add_values(recorder, 0, "p0")
    add_round(recorder, 0, "p0", 5)
    if missing == "old kernel":
        for at_ns in (1, 2):
            recorder.socket("p0", 0, 0, at_ns, SocketSample(None, 5, 5, None, 1, 1, 1, 1, 0, 66))
    elif missing == "not found at first":
        for at_ns, sample in ((1, UNKNOWN), (2, counters(100, 100)), (3, counters(150, 100))):
            recorder.socket("p0", 0, 0, at_ns, sample)
    elif missing == "never found":
        for at_ns, sample in ((1, opened()), (2, UNKNOWN)):
            recorder.socket("p0", 0, 0, at_ns, sample)
    ledger.close()
    paths = [*parts, ledger.path]
    if merged:
        merge(paths, tmp_path / "all.sqlite")
        paths = [tmp_path / "all.sqlite"]
    figures = joint_figures(paths)
    assert (figures.bytes.socket, figures.bytes.wire_estimate) == (None, None)
    assert figures.bytes.uncounted_connections == (missing != "no row")
    # What p2 says it got from p0 has no row at p0.
    assert figures.bytes.message == EXPECTED.message + 2 * 60
    assert figures.bytes.told_by_receiver == 1


def test_a_simulation_has_payload_only(tmp_path):
    ledger = Ledger(tmp_path / "simulation.sqlite")
    for peer, neighbour in (("p0", "p1"), ("p1", "p0")):
        recorder = ledger.recorder(peer, "r1", 1)
        recorder.round(0, "descent", 1, None, None)
        recorder.message("sent", neighbour, 40, None, None, round_number=0, seq=0)
    ledger.close()
    figures = joint_figures([ledger.path])
    assert figures.bytes == ByteTotals(payload=80)
    assert figures.rounds == 1
    assert figures.latencies_ns.size == 0


def test_nothing_at_all(tmp_path):
    figures = joint_figures([])
    assert (figures.rounds, figures.iterations, figures.bytes) == (0, 0, ByteTotals(payload=0))
    Ledger(tmp_path / "empty.sqlite").close()
    assert joint_figures([tmp_path / "empty.sqlite"]).bytes == ByteTotals(payload=0)


def test_a_damaged_ledger_is_named(tmp_path, parts):
    with closing(sqlite3.connect(parts[0])) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    data = parts[0].read_bytes()
    parts[0].write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    with pytest.raises(InputError, match=r"p0\.sqlite: is damaged"):
        joint_figures(parts)


def test_what_earlier_processes_have_sent(tmp_path):
    ledger = write_books(tmp_path, "p0")
    later = ledger.recorder("p0", RUN, 2)
    add_values(later, 2, "p1")
    ledger.recorder("p0", "another", 1).message("sent", "p1", 7, 9, 10, round_number=0, seq=0)
    ledger.flush()
    # Two values and one that went out again; what was received, confirmed or announced does not count.
    assert sent_before(ledger.path, RUN, 2) == (120, 180)
    assert sent_before(ledger.path, RUN, 3) == (160, 240)
    assert sent_before(ledger.path, RUN, 1) == (0, 0)
    ledger.close()
    with pytest.raises(InputError, match="there is no ledger"):
        sent_before(tmp_path / "none.sqlite", RUN, 2)


def test_a_run_takes_as_long_as_its_slowest_peer_says(tmp_path):
    for peer, start_s, end_s in (("p0", 0, 5), ("p1", 100, 112)):  # a clock of its own each
        ledger = write_books(tmp_path, peer)
        recorder = ledger.recorder(peer, RUN, 1)
        for kind, at in (("run-accepted", start_s), ("run-running", start_s + 1), ("run-done", end_s)):
            recorder.event(at, MOMENT + timedelta(seconds=at), kind, "")
        ledger.close()
    paths = [tmp_path / f"{peer}.sqlite" for peer in ("p0", "p1")]
    assert run_seconds(paths) == 12.0


def test_how_far_the_bases_moved_is_the_largest_of_any_peer(tmp_path):
    parts = []
    for peer, moved in {"p0": (0.5, 0.25, None), "p1": (0.375, 0.3125, 0.125)}.items():
        ledger = Ledger(tmp_path / f"{peer}.sqlite")
        recorder = ledger.recorder(peer, RUN, 1)
        for iteration, value in enumerate(moved, start=1):
            if value is not None:
                recorder.iteration(iteration, 940, {"moved": value})
        ledger.close()
        parts.append(ledger.path)
    assert list(joint_figures(parts).moved.items()) == [(1, 0.5), (2, 0.3125), (3, 0.125)]
