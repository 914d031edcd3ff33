"""Every series against the same figure computed another way, by SQL over the ledger and by numpy."""

import json
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from peer.measure.anatomy import PARTS
from peer.measure.entries import read_entries
from peer.report.buckets import MOST, bucket_of, bucket_starts
from peer.report.learning import learning_of_trace, read_learning
from peer.report.reading import open_books, read_recorded
from peer.report.sent import first_sendings
from peer.report.series import read_series, series_document
from peer.report.timing import QUANTILES
from tests.support.ledgers import loosen
from tests.unit.report.folders import AGREEMENT, INIT, ITERATIONS, NEIGHBOURS, ROUNDS, RUN, write_folder
from topology.errors import InputError


@pytest.fixture
def books(folder):
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection:
        yield connection


@pytest.mark.parametrize("rounds", [0, 1, 7, MOST, MOST + 1, 1170, 999_999])
def test_buckets_cut_the_rounds_into_nearly_equal_parts(rounds):
    starts = bucket_starts(rounds)
    assert (starts[0], starts[-1]) == (0, rounds)
    lengths = np.diff(starts)
    assert len(lengths) == min(rounds, MOST)
    assert lengths.size == 0 or 1 <= lengths.min() <= lengths.max() <= lengths.min() + 1
    if rounds:
        shown = np.unique(np.linspace(0, rounds - 1, 500).astype(int))
        expected = [max(i for i in range(len(lengths)) if starts[i] <= number) for number in shown]
        assert bucket_of(shown, starts).tolist() == expected


def test_progress(series, books):
    learning = series.learning
    assert learning.metric == "subspace_distance"
    assert learning.iterations.tolist() == list(range(ITERATIONS + 1))
    for i in (0, 1, 17, ITERATIONS):
        (worst,) = books.execute(
            "SELECT max(value) FROM iterations WHERE name = 'subspace_distance' AND iteration = ?", (i,)
        ).fetchone()
        done = INIT + i * AGREEMENT
        (sent,) = books.execute(
            "SELECT sum(message_bytes) FROM messages WHERE direction = 'sent' AND kind = 'value' AND resent = 0 "
            "AND round < ?",
            (done,),
        ).fetchone()
        since = []
        for peer in NEIGHBOURS:
            at, start = books.execute(
                "SELECT max(at_ns), (SELECT started_ns FROM rounds WHERE peer = ?1 AND round = 0) FROM iterations "
                "WHERE peer = ?1 AND iteration = ?2",
                (peer, i),
            ).fetchone()
            since.append((at - start) / 1e9)
        assert learning.values[i] == worst
        assert learning.rounds[i] == done
        assert (learning.level, learning.sent_bytes[i]) == ("message", sent)
        assert learning.seconds[i] == pytest.approx(max(since), rel=1e-12)


def test_progress_without_a_truth_is_how_far_the_bases_move(tmp_path):
    known = read_series(read_recorded(write_folder(tmp_path / "run", metrics=("moved", "a-number"))))
    assert known.learning.metric == "moved"
    other = read_series(read_recorded(write_folder(tmp_path / "other", metrics=("z-number", "a-number"))))
    assert other.learning.metric == "a-number"


def test_progress_needs_every_peer(folder, tmp_path):
    path = tmp_path / "ledger.sqlite"
    path.write_bytes((folder / "ledger.sqlite").read_bytes())
    loosen(path)
    with closing(sqlite3.connect(path)) as ledger, ledger:
        ledger.execute(
            "DELETE FROM iterations WHERE peer = 'b' AND name = 'subspace_distance' AND iteration = 3"
        )
        ledger.execute("UPDATE iterations SET at_ns = 1 WHERE peer = 'c' AND iteration = 7")
    with open_books(path) as books:
        learning = read_learning(books, first_sendings(read_entries(books), ROUNDS))
    assert learning.iterations.tolist() == [i for i in range(ITERATIONS + 1) if i != 3]
    assert learning.seconds is None  # a clock ran backwards


def test_a_trace_with_a_gap():
    learning = learning_of_trace([0.5, None, 0.125])
    assert (learning.iterations.tolist(), learning.values.tolist()) == ([0, 2], [0.5, 0.125])
    assert learning.rounds is learning.seconds is learning.sent_bytes is None


def test_bytes_by_round_sum_to_those_of_the_summary(run, series):
    lengths = np.diff(series.traffic.starts)
    for level, per_round in series.traffic.per_round.items():
        assert (per_round * lengths).sum() == pytest.approx(getattr(run.summary.bytes, level), rel=1e-12)
    assert set(series.traffic.per_round) == {"payload", "message", "socket", "wire_estimate"}


def test_bytes_by_round(series):
    directions = sum(map(len, NEIGHBOURS.values()))
    assert (series.traffic.per_round["payload"] == 80 * directions).all()
    assert (series.traffic.per_round["message"] == 100 * directions).all()
    socket = series.traffic.per_round["socket"]
    np.testing.assert_allclose(socket[:-1], 130 * directions, rtol=1e-9)
    # A connection that was opened after the last round carried its bytes there.
    last = np.diff(series.traffic.starts)[-1]
    assert socket[-1] == pytest.approx(130 * directions + 170 / last)


def test_bytes_by_edge(series, books):
    query = """
    SELECT peer, neighbour, sum(sent) FROM (
      SELECT peer, neighbour, max(bytes_sent) - min(bytes_sent) - max(bytes_retrans) + min(bytes_retrans) AS sent
      FROM sockets GROUP BY peer, incarnation, neighbour, connection)
    GROUP BY peer, neighbour
    """
    assert {(peer, other, sizes["socket"]) for (peer, other), sizes in series.traffic.edges.items()} == set(
        books.execute(query).fetchall()
    )
    for sizes in series.traffic.edges.values():
        assert (sizes["payload"], sizes["message"]) == (80 * ROUNDS, 100 * ROUNDS)
        assert sizes["wire_estimate"] > sizes["socket"]


def test_levels_that_were_not_measured_everywhere_are_left_out(tmp_path):
    run = read_recorded(write_folder(tmp_path / "run", sockets=False))
    traffic = read_series(run).traffic
    assert set(traffic.per_round) == {"payload", "message"}
    assert all(set(sizes) == {"payload", "message"} for sizes in traffic.edges.values())
    assert traffic.finest == "message"


def test_latency_quantiles_and_parts(series, books):
    timing = series.timing
    for i in range(len(timing.starts) - 1):
        inside = "round >= ? AND round < ?"
        rows = np.array(
            books.execute(
                f"SELECT latency_ns, {', '.join(f'{part}_ns' for part in PARTS)} FROM rounds WHERE {inside}",
                timing.starts[i : i + 2].tolist(),
            ).fetchall()
        )
        for name, level in QUANTILES.items():
            assert timing.quantiles_ms[name][i] == pytest.approx(np.quantile(rows[:, 0] / 1e6, level))
        for column, part in enumerate(PARTS, start=1):
            assert timing.parts_ms[part][i] == pytest.approx(rows[:, column].mean() / 1e6)
    assert timing.peers == tuple(NEIGHBOURS)
    for part in PARTS:
        means = books.execute(
            f"SELECT avg({part}_ns) / 1e6 FROM rounds GROUP BY peer ORDER BY peer"
        ).fetchall()
        assert timing.peer_parts_ms[part] == pytest.approx([mean for (mean,) in means])
        (total,) = books.execute(f"SELECT sum({part}_ns) / 1e9 FROM rounds").fetchone()
        assert timing.total_s[part] == pytest.approx(total)
    latency = sum(timing.total_s[part] for part in PARTS[1:])
    assert latency == pytest.approx(books.execute("SELECT sum(latency_ns) / 1e9 FROM rounds").fetchone()[0])
    waited = books.execute(
        "SELECT gated_by, count(*), sum(wait_ns) / 1e9 FROM rounds WHERE wait_ns > 0 GROUP BY gated_by"
    ).fetchall()
    assert {name for name, *_ in waited} == set(timing.waited_for)
    for name, rounds, seconds in waited:
        assert (timing.waited_for[name].rounds, timing.waited_for[name].seconds) == pytest.approx(
            (rounds, seconds)
        )


def test_what_is_missing_is_counted(folder, tmp_path, series):
    whole = series.completeness
    assert (whole.missing_rounds, whole.starts) == ({}, {})
    assert [event.kind for event in whole.events] == ["link-down", "link-up"]  # not the first link-up
    copy = tmp_path / "run"
    write_folder(copy)
    loosen(copy / "ledger.sqlite")
    with closing(sqlite3.connect(copy / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("DELETE FROM rounds WHERE peer = 'a' AND round < 5")
        ledger.execute("UPDATE rounds SET incarnation = 4 WHERE peer = 'c' AND round > 100")
    lost = read_series(read_recorded(copy)).completeness
    assert (lost.missing_rounds, lost.starts) == ({"a": 5}, {"c": 2})


def test_a_damaged_page_of_the_ledger_is_an_error_with_the_file(tmp_path):
    run = read_recorded(write_folder(tmp_path / "run"))
    data = bytearray(run.ledger.read_bytes())
    data[60_000:-20_000] = bytes(len(data) - 80_000)
    run.ledger.write_bytes(data)
    with pytest.raises(InputError, match=r"ledger\.sqlite: is damaged .*; collect the run again"):
        read_series(run)


def test_parts_of_two_runs_are_refused(tmp_path):
    run = read_recorded(write_folder(tmp_path / "run", changes={"run_id": "another"}))
    with pytest.raises(InputError, match="the summary tells of 253 rounds of another"):
        read_series(run)


def test_the_document_is_plain_json(series):
    document = json.loads(json.dumps(series_document(series), allow_nan=False))
    assert document["learning"]["values"] == series.learning.values.tolist()
    assert document["traffic"]["edges"][0]["peer"] == "a"
    assert document["timing"]["waited_for"]["b"]["rounds"] == series.timing.waited_for["b"].rounds
    assert document["completeness"]["starts"] == {}
    assert document["balance"]["closes"] is True
    assert document["balance"]["values"] == ROUNDS * sum(map(len, NEIGHBOURS.values()))
    assert [kind["label"] for kind in document["theory"]["kinds"]] == ["init", "descent"]


def test_a_connection_that_was_not_read_once_is_left_out_whole(tmp_path):
    folder = write_folder(tmp_path / "run")
    whole = read_series(read_recorded(folder)).traffic
    loosen(folder / "ledger.sqlite")
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger, ledger:
        (columns,) = ([row[1] for row in ledger.execute("PRAGMA table_info(sockets)")],)
        for sent in (0, None):
            values = {
                "peer": "a",
                "run": RUN,
                "incarnation": 1,
                "neighbour": "b",
                "connection": 9,
                "round": 5,
            }
            values |= dict.fromkeys(("bytes_sent", "bytes_retrans", "segs_out"), sent) | {"header_bytes": 66}
            row = [values.get(name, 0) for name in columns]
            ledger.execute(f"INSERT INTO sockets VALUES ({', '.join('?' * len(row))})", row)
    again = read_series(read_recorded(folder)).traffic
    assert again.edges == whole.edges
    for level, series in whole.per_round.items():
        np.testing.assert_array_equal(again.per_round[level], series)


def test_a_long_line_is_thinned_and_keeps_its_ends():
    learning = learning_of_trace([2.0**-i for i in range(1000)]).thinned(40)
    assert len(learning.iterations) == 40
    assert (learning.iterations[0], learning.iterations[-1]) == (0, 999)
    assert learning.values[-1] == 2.0**-999
    assert learning.thinned(40) is learning


def test_iterations_without_numbers_hide_no_number_of_the_algorithm(tmp_path):
    folder = write_folder(tmp_path / "run", metrics=("loss",))
    loosen(folder / "ledger.sqlite")
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger, ledger:
        columns = [row[1] for row in ledger.execute("PRAGMA table_info(iterations)")]
        for peer in NEIGHBOURS:
            values = {"peer": peer, "run": RUN, "incarnation": 1, "iteration": 0, "at_ns": 1, "name": ""}
            row = [values.get(name) for name in columns]
            ledger.execute(f"INSERT INTO iterations VALUES ({', '.join('?' * len(row))})", row)
    summary = json.loads((folder / "summary.json").read_text()) | {"subspace_distance": None}
    (folder / "summary.json").write_text(json.dumps(summary))
    assert read_series(read_recorded(folder)).learning.metric == "loss"
