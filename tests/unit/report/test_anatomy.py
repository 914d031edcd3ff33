"""Where the time went, as the report tells it: each figure against the raw rows, and every sentence."""

import dataclasses
import json
import sqlite3
from contextlib import closing
from itertools import pairwise

import numpy as np
import pytest

from peer.measure.bound import Bound
from peer.report.anatomy import Direction, PathTold
from peer.report.clocks import clocks_table
from peer.report.plots import plot
from peer.report.reading import read_recorded
from peer.report.series import read_series, series_document
from peer.report.time_panels import time_panels
from peer.report.unknowns import unknown
from peer.report.whose_time import unknown_times, what_bounds_it, which_way_is_slow
from tests.support.ledgers import loosen
from tests.unit.report.folders import NEIGHBOURS, ROUNDS, play_folder, write_folder


@pytest.fixture
def books(folder):
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection:
        yield connection


@pytest.fixture
def anatomy(series):
    return series.anatomy


def test_delays_are_those_of_the_raw_rows(anatomy, books):
    offset = {clock.peer: clock.offset_s * 1e3 for clock in anatomy.clocks}
    assert {(delay.sender, delay.receiver) for delay in anatomy.delays} == {
        (peer, other) for peer, others in NEIGHBOURS.items() for other in others
    }
    for delay in anatomy.delays:
        rows = books.execute(
            "SELECT there.at_ns - here.at_ns FROM messages AS here JOIN messages AS there "
            "ON there.peer = here.neighbour AND there.neighbour = here.peer AND there.seq = here.seq "
            "WHERE here.peer = ? AND here.neighbour = ? AND here.direction = 'sent' AND there.direction = 'received' "
            "AND (SELECT count(*) FROM messages AS twice WHERE twice.peer = here.peer AND twice.direction = 'sent' "
            "AND twice.neighbour = here.neighbour AND twice.seq = here.seq AND twice.seq = ?) < 2",
            (delay.sender, delay.receiver, ROUNDS - 1),
        ).fetchall()
        took_ms = np.array(rows).ravel() / 1e6 - (offset[delay.receiver] - offset[delay.sender])
        assert delay.messages == len(rows)
        told = (delay.least_ms, delay.p50_ms, delay.p95_ms)
        # Offsets are rounded to nanoseconds of a clock that shows seconds.
        assert told == pytest.approx((took_ms.min(), *np.quantile(took_ms, (0.5, 0.95))), abs=1e-5)
        assert 0 <= delay.at_least_ms <= delay.least_ms + 1e-6
        assert delay.closure_ms == pytest.approx(0, abs=1e-6)  # a row of peers has no cycle


def test_delays_are_true_within_their_uncertainty(anatomy):
    timed = play_folder()
    for delay in anatomy.delays:
        true = [
            (
                timed.arrived[delay.sender, delay.receiver, number]
                - timed.sent[delay.sender, delay.receiver, number]
            )
            / 1e6
            for number in range(ROUNDS)
        ]
        assert delay.p50_ms == pytest.approx(np.median(true), abs=delay.uncertainty_ms + 1e-3)


def test_gates_are_those_of_the_raw_rows(anatomy, books):
    query = """
    SELECT peer, gated_by, count(*), sum(wait_ns) / 1e9,
      (SELECT count(*) FROM rounds AS own WHERE own.peer = rounds.peer AND own.gated_by IS NOT NULL)
    FROM rounds WHERE gated_by IS NOT NULL GROUP BY peer, gated_by
    """
    expected = {(peer, gate): (times, of, waited) for peer, gate, times, waited, of in books.execute(query)}
    assert len(anatomy.gates) == len(expected)
    for gate in anatomy.gates:
        assert (gate.rounds, gate.of_rounds, gate.waited_s) == pytest.approx(
            expected[gate.peer, gate.neighbour]
        )


def test_shares_of_the_path_are_the_whole(anatomy):
    path = anatomy.path
    parts = path.peers_s.sum() + sum(edge[2] for edge in path.edges) + path.lost_s
    assert parts == pytest.approx(path.length_s, rel=1e-12)
    (panel,) = [panel for panel in time_panels(anatomy) if panel.key == "path"]
    assert sum(line.y.sum() for line in panel.views["path"].lines) == pytest.approx(100)


def test_timelines_show_what_happened(anatomy, books):
    slowest, usual = anatomy.timelines
    by_latency = books.execute("SELECT round FROM rounds GROUP BY round ORDER BY max(latency_ns)").fetchall()
    assert (slowest.number, usual.number) == (by_latency[-1][0], by_latency[(ROUNDS - 1) // 2][0])
    timed = play_folder()
    for line in anatomy.timelines:
        for peer, moments in zip(anatomy.names, line.moments_ms, strict=True):
            row = books.execute(
                "SELECT adapt_ns, encode_ns, send_ns, wait_ns, decode_ns FROM rounds WHERE peer = ? AND round = ?",
                (peer, line.number),
            ).fetchone()
            np.testing.assert_allclose(np.diff(moments), np.array(row) / 1e6, atol=1e-6)
        assert np.nanmin(line.moments_ms) == 0
        places = {(one.peer, one.neighbour): one.at_ms for one in line.arrivals}
        assert set(places) == {(peer, other) for peer, others in NEIGHBOURS.items() for other in others}
        begin = min(timed.rounds[peer, line.number][0] for peer in NEIGHBOURS)
        for (peer, other), at_ms in places.items():
            true = (timed.arrived[other, peer, line.number] - begin) / 1e6
            assert at_ms == pytest.approx(true, abs=2 * max(clock.uncertainty_ms for clock in anatomy.clocks))


def test_a_timeline_is_drawn_as_bars_from_where_they_begin(anatomy):
    (panel,) = [panel for panel in time_panels(anatomy) if panel.key == "rounds"]
    data = plot(panel.views["the slowest"])["data"]
    bars, marks = data[:-1], data[-1]
    assert [trace["name"] for trace in bars] == ["adapt", "encode", "send", "wait", "decode"]
    for before, after in pairwise(bars):
        np.testing.assert_allclose(np.add(before["base"], before["x"]), after["base"], rtol=1e-4)
    assert len(marks["x"]) == 4
    assert "b's message" in " ".join(marks["hovertext"]).replace("&#x27;", "'")


def test_the_document_has_it_all(series):
    told = json.loads(json.dumps(series_document(series), allow_nan=False))["anatomy"]
    assert told["bound"]["kind"] == series.anatomy.bound.kind
    assert told["path"]["edges"][0][:2] == list(series.anatomy.path.edges[0][:2])
    assert len(told["timelines"]) == 2


PATH = PathTold(10.0, np.full((3, 5), 0.2), (("a", "b", 6.0, 100), ("b", "c", 1.0, 10)), 0.0)


def bound(kind, **changes):
    given = {"peer": None, "edge": None, "one_way": False, "computing": 0.3, "exchanging": 0.7, "named": 0.0}
    return Bound(kind, **{**given, "times_others": 0.0, "paused": 0.0, **changes})


def test_the_sentence_of_a_run_that_the_network_bounds(anatomy):
    named = bound("network", edge=(0, 1), one_way=True, named=0.6)
    told = dataclasses.replace(anatomy, bound=named, path=PATH, kernel_rtt_ms=100.0)
    text = what_bounds_it(told)
    gate = next(gate for gate in anatomy.gates if (gate.neighbour, gate.peer) == ("a", "b"))
    assert text == (
        "The run is network-bound: 70 % of the critical path's 10.0 s messages were on their way, 30 % a peer "
        f"computed. Most of it is the link from a to b, with 60 % of the path: in {gate.rounds} rounds of {ROUNDS} a's "
        "message was the last that b waited for."
    )
    quick = what_bounds_it(dataclasses.replace(told, kernel_rtt_ms=0.1))
    assert "But TCP's own round trips take only 0.100 ms there, a message 60.0 ms one way" in quick
    here = what_bounds_it(dataclasses.replace(told, shared_clock=True))
    assert here.endswith("that is gRPC, and waiting for a processor, rather than a wire.")
    spread = what_bounds_it(dataclasses.replace(told, bound=bound("network")))
    assert "No link has most of it; a to b has the largest part, 60 %." in spread


def test_the_sentence_of_a_straggler_and_of_peers_that_are_alike(anatomy):
    slow = bound("straggler", peer=2, computing=0.8, exchanging=0.2, named=0.7, times_others=4.9)
    text = what_bounds_it(dataclasses.replace(anatomy, bound=slow, path=PATH))
    assert text == (
        "The run is straggler-bound, by c: 70 % of the critical path's 10.0 s are c's own computing, which takes "
        "4.90 times as long a round as that of the other peers' median. Messages were on their way for 20 %."
    )
    alike = bound("compute", computing=0.8, exchanging=0.2)
    text = what_bounds_it(dataclasses.replace(anatomy, bound=alike, path=PATH))
    assert text == (
        "The run is compute-bound: 80 % of the critical path's 10.0 s a peer computed, 20 % messages were on their "
        "way. No peer is much slower than the others; most of it, 8.0 %, is a's."
    )
    paused = bound("compute", computing=0.6, exchanging=0.2, paused=0.2, peer=1, times_others=1.7)
    text = what_bounds_it(dataclasses.replace(anatomy, bound=paused, path=PATH))
    assert (
        "20 % messages were on their way, for 20 % it paused between rounds or had not begun. b takes" in text
    )
    assert "b takes 1.70 times as long a round as the other peers' median, but less than half" in text
    assert what_bounds_it(dataclasses.replace(anatomy, bound=None)) == ""


def test_the_sentence_of_a_cycle_that_does_not_close(anatomy):
    assert which_way_is_slow(anatomy) == ""
    ways = (Direction("a", "b", 19.8, ("a", "c", "b")), Direction("c", "a", 2.0, ("c", "b", "a")))
    assert which_way_is_slow(dataclasses.replace(anatomy, slower=ways)) == (
        "The way from a to b is slower than the way back by at least 19.8 ms: with equal ways the clocks would not "
        "agree around a → c → b → a. So is c to a (2.00 ms)."
    )


def test_what_is_not_known_is_said(run, series, anatomy):
    assert unknown(run, series) == []
    lost = dataclasses.replace(anatomy, path=dataclasses.replace(PATH, lost_s=2.0))
    assert "2.0 s of the critical path" in unknown_times(lost)[0]
    nothing = dataclasses.replace(anatomy, bound=None)
    assert unknown_times(nothing)[-1].startswith("What bounds the run: most of the critical path is lost")
    untied = dataclasses.replace(anatomy.clocks[0], offset_s=np.nan)
    assert "clocks of a differ" in unknown_times(dataclasses.replace(anatomy, clocks=(untied,)))[0]


def test_the_page_has_the_clocks(anatomy):
    text = clocks_table(anatomy)
    assert '<th scope="row">a</th><td class="n">' in text
    axis, *others = sorted(anatomy.clocks, key=lambda clock: clock.uncertainty_ms)
    assert f'>{axis.peer}</th><td class="n">the axis</td>' in text
    for clock in others:
        assert f'>{clock.peer}</th><td class="n">{clock.offset_s:+.6f} s</td>' in text
        assert f"{clock.skew_ppm:+.1f} ppm" in text
    again = dataclasses.replace(others[0], starts=(2, 3), offset_s=np.nan, uncertainty_ms=np.inf)
    text = clocks_table(dataclasses.replace(anatomy, clocks=(*anatomy.clocks, again)))
    assert f'>{again.peer}, from start 2 on</th><td class="n">not known</td>' in text
    assert clocks_table(dataclasses.replace(anatomy, clocks=())) == ""


def test_a_clock_that_was_set_in_the_run_is_said(tmp_path):
    folder = write_folder(tmp_path / "run")
    loosen(folder / "ledger.sqlite")
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("UPDATE messages SET at_ns = at_ns + 5000000000 WHERE peer = 'b' AND round > 100")
    run = read_recorded(folder)
    series = read_series(run)
    told = series.anatomy
    assert told.path is told.bound is None or told.consistent
    assert told.consistent or all(np.isnan(clock.uncertainty_ms) for clock in told.clocks)
    assert told.consistent == (clocks_table(told) != "")
    assert any("clock" in sentence for sentence in unknown(run, series))
    json.dumps(series_document(series), allow_nan=False)


@pytest.mark.parametrize("gone", ["b", "c"])
def test_without_the_ledger_of_a_peer_only_what_is_on_one_axis_is_shown(tmp_path, gone):
    """Without b, no message ties the clocks of a and c to each other."""
    folder = write_folder(tmp_path / "run", lost=(gone,))
    run = read_recorded(folder)
    series = read_series(run)
    told = series.anatomy
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger:
        (length_ns,) = ledger.execute(
            "SELECT max(started_ns + latency_ns) - min(started_ns - adapt_ns) FROM rounds WHERE peer = 'a'"
        ).fetchone()
    assert told.path.length_s == pytest.approx(length_ns / 1e9, rel=0.02)
    shown = [peer for peer in "ab" if peer != gone]
    for line in told.timelines:
        rows = zip("abc", np.isfinite(line.moments_ms).all(axis=1), strict=True)
        assert [peer for peer, whole in rows if whole] == shown
        assert {arrival.peer for arrival in line.arrivals} <= set(shown)
    assert any("How the clocks of c differ" in text for text in unknown(run, series)) == (gone == "b")


def test_peers_of_one_machine_have_one_clock(tmp_path):
    folder = write_folder(tmp_path / "run", changes={"driver": "processes"})
    told = read_series(read_recorded(folder)).anatomy
    assert (told.shared_clock, told.clocks, told.slower) == (True, (), ())
