"""Two runs beside each other: what differs, how sure it is, and what makes no sense to compare."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from peer.measure.run_folder import SUMMARY
from peer.report.reading import read_recorded
from peer.report.series import read_series
from peer.report.versus import compare_runs
from peer.report.versus_page import versus_page, versus_panels
from peer.report.versus_words import doubts, figure_rows, sentence, story
from tests.support.ledgers import loosen
from tests.unit.report.folders import HOSTILE, RUN, write_folder
from topology.errors import InputError
from topology.yamlfile import dump_yaml, load_yaml

SLOWER = 1.4
OTHER = "20260302-120000-fedcba"


def read(folder):
    run = read_recorded(folder)
    return run, read_series(run)


def another(folder, to, *, slower=1.0, bytes_factor=1.0, **changes):
    """A copy of a run, with other times, other bytes, and other fields of its summary."""
    shutil.copytree(folder, to)
    loosen(to / "ledger.sqlite")
    with closing(sqlite3.connect(to / "ledger.sqlite")) as books:
        for column in ("latency_ns", "encode_ns", "send_ns", "wait_ns", "decode_ns"):
            books.execute(f"UPDATE rounds SET {column} = CAST({column} * {slower} AS INTEGER)")
        for table in ("rounds", "messages", "sockets", "interfaces", "accounts", "iterations", "events"):
            books.execute(f"UPDATE {table} SET run = '{OTHER}' WHERE run != ''")
        books.commit()
    summary = json.loads((to / SUMMARY).read_text())
    sizes = {level: size and round(size * bytes_factor) for level, size in summary["bytes"].items()}
    summary |= {"run_id": OTHER, "bytes": {**sizes, "uncounted_connections": 0}, **changes}
    (to / SUMMARY).write_text(json.dumps(summary))
    return to


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = write_folder(tmp_path_factory.mktemp("runs") / "base")
    summary = json.loads((folder / SUMMARY).read_text())
    summary["bytes"]["uncounted_connections"] = 0
    (folder / SUMMARY).write_text(json.dumps(summary))
    return folder


@pytest.fixture(scope="module")
def versus(base, tmp_path_factory):
    slow = another(base, tmp_path_factory.mktemp("slow") / "run", slower=SLOWER, bytes_factor=0.59)
    return compare_runs(read(base), read(slow), 1e-3)


@pytest.fixture(scope="module")
def same(base):
    return compare_runs(read(base), read(base))


def test_ratios_have_their_intervals(versus):
    for quantile in ("p50", "p95", "p99"):
        one = versus.figures[f"round_latency_ms.{quantile}"]
        assert one.ratio == pytest.approx(SLOWER, rel=1e-3)
        assert one.interval.low < SLOWER < one.interval.high
        assert not one.equal
    # Values and messages are counted: no interval.
    for level in ("payload", "message"):
        one = versus.figures[f"bytes_per_round.{level}"]
        assert one.ratio == pytest.approx(0.59, rel=1e-3)
        assert one.interval is None


def test_values_are_those_of_the_summary(versus):
    summary = versus.first.summary
    for level in ("payload", "message", "socket", "wire_estimate"):
        expected = getattr(summary.bytes, level) / summary.rounds
        assert versus.figures[f"bytes_per_round.{level}"].first.value == expected
    for quantile in ("p50", "p95", "p99"):
        expected = getattr(summary.round_latency_ms, quantile)
        assert versus.figures[f"round_latency_ms.{quantile}"].first.value == pytest.approx(expected)
    assert versus.figures["final_distance"].first.value == summary.subspace_distance.final


def test_what_it_took_to_come_to_a_distance(versus):
    learning = versus.first_series.learning
    first = int(np.flatnonzero(learning.values <= 1e-3)[0])
    for what, series in (
        ("rounds", learning.rounds),
        ("bytes", learning.sent_bytes),
        ("seconds", learning.seconds),
    ):
        assert versus.figures[f"to_distance.{what}"].first.value == float(series[first])


def test_a_distance_that_is_not_reached(base):
    found = compare_runs(read(base), read(base), 1e-30).figures["to_distance.seconds"]
    assert found.first.value is None
    assert "does not come to 1.0 × 10⁻³⁰" in found.first.why


def test_the_distance_is_the_larger_of_the_last_ones(same):
    assert same.distance == same.first.summary.subspace_distance.final


def test_a_run_beside_itself_is_equal(same):
    assert all(one.equal for one in same.figures.values())
    assert all(one.interval is None for one in same.figures.values())
    assert "A and B are the same run." in doubts(same)
    assert "are the same in A and B" in story(same)[0]
    assert {row[3] for row in figure_rows(same)} == {"equal"}


def test_sentences(versus):
    interval = versus.figures["round_latency_ms.p50"].interval
    text = sentence(versus)
    assert text.startswith("B sends 41 % fewer bytes a round; its median round is 1.40 times as long (")
    assert f"{interval.low:.2f} to {interval.high:.2f}" in text
    assert any(text.startswith("Of the rounds were over: half within ") for text in story(versus))
    assert any("one run of each cannot tell" in doubt for doubt in doubts(versus))


def test_a_figure_without_an_interval_says_why(versus):
    name = "round_latency_ms.p50"
    loose = replace(versus, figures={**versus.figures, name: replace(versus.figures[name], interval=None)})
    said = "Too few rounds, or too much alike from one to the next, for an interval: latency of a round, p50."
    assert said in doubts(loose)
    assert not any("Too few rounds" in doubt for doubt in doubts(versus))


def test_what_differs_is_named(base, tmp_path):
    other = another(base, tmp_path / "run", versions={"difpeer": "0.2.0", "numpy": HOSTILE}, gamma=0.5)
    spec = load_yaml(other / "spec.yaml")
    spec["agreement"]["rounds"] = 3
    dump_yaml(spec, other / "spec.yaml")
    found = {
        (one.part, one.field): (one.first, one.second)
        for one in compare_runs(read(base), read(other)).differences
    }
    assert found["specification", "agreement.rounds"] == ("8", "3")
    assert found["versions", "difpeer"] == ("0.1.0", "0.2.0")
    assert found["network", "gamma"][1] == "0.5"
    assert len(found) == 3


def test_other_features_are_another_problem(base, tmp_path):
    other = another(base, tmp_path / "run")
    for path in (other / "results").iterdir():
        np.savez(path, U=np.linalg.qr(np.arange(14.0).reshape(7, 2) + 1)[0])
    with pytest.raises(InputError, match="A has 5 features and B has 7: they are of different problems"):
        compare_runs(read(base), read(other))


def test_another_rank_is_said(base, tmp_path):
    other = another(base, tmp_path / "run")
    for path in (other / "results").iterdir():
        np.savez(path, U=np.eye(5)[:, :1])
    assert "The bases are not of the same rank" in " ".join(doubts(compare_runs(read(base), read(other))))


def test_a_simulation_has_only_its_values(base, tmp_path):
    (tmp_path / "run").mkdir()
    summary = json.loads((base / SUMMARY).read_text())
    summary |= {"driver": "simulation", "round_latency_ms": dict.fromkeys(("p50", "p95", "p99"))}
    summary["bytes"] |= dict.fromkeys(("message", "socket", "wire_estimate"))
    (tmp_path / "run" / SUMMARY).write_text(json.dumps(summary))
    found = compare_runs(read(base), read(tmp_path / "run"))
    assert found.figures["bytes_per_round.payload"].equal
    assert found.figures["bytes_per_round.socket"].second.why == "a simulation has none"
    assert found.figures["to_distance.seconds"].second.why == "a simulation has none"
    told = " ".join(doubts(found))
    assert "B: a simulation has none (bytes a round, messages" in told
    assert "B: no round was timed" in told
    assert sentence(found) == "B sends the same bytes a round"


def test_a_level_of_which_a_part_is_missing_is_not_known(base, tmp_path):
    missing = another(base, tmp_path / "missing", missing_peers={"c": "unreachable"})
    figures = compare_runs(read(base), read(missing)).figures
    assert figures["bytes_per_round.payload"].second.why == "the run was collected without c"
    counts = json.loads((base / SUMMARY).read_text())["bytes"] | {"uncounted_connections": 2}
    uncounted = another(base, tmp_path / "uncounted")
    summary = json.loads((uncounted / SUMMARY).read_text()) | {"bytes": counts}
    (uncounted / SUMMARY).write_text(json.dumps(summary))
    figures = compare_runs(read(base), read(uncounted)).figures
    assert figures["bytes_per_round.message"].equal
    assert figures["bytes_per_round.socket"].second.why.startswith("2 connections closed before")


def test_the_page_has_both_curves_and_asks_for_nothing(versus):
    panels = versus_panels(versus)
    assert [panel.key for panel in panels] == ["learning", "latency", "bytes"]
    for panel in panels:
        for chart in panel.views.values():
            assert [line.name for line in chart.lines] == ["A", "B"]
    text = versus_page(versus)
    assert RUN in text
    assert OTHER in text
    assert HOSTILE not in text
    assert "default-src 'none'" in text


def test_a_document_is_plain_json(versus):
    document = json.loads(json.dumps(versus.document(), allow_nan=False))
    assert document["runs"] == {"a": RUN, "b": OTHER}
    latency = document["figures"]["round_latency_ms.p50"]
    assert latency["interval"][0] < latency["ratio"] < latency["interval"][1]
    assert document["figures"]["bytes_per_round.payload"]["interval"] is None


def test_each_run_has_its_own_rounds(base, versus):
    shorter = replace(
        versus.second_series.learning,
        iterations=versus.second_series.learning.iterations[:5],
        values=versus.second_series.learning.values[:5],
        rounds=versus.second_series.learning.rounds[:5],
        sent_bytes=versus.second_series.learning.sent_bytes[:5],
        seconds=versus.second_series.learning.seconds[:5],
    )
    cut = replace(versus, second_series=replace(versus.second_series, learning=shorter))
    a, b = versus_panels(cut)[0].views["rounds"].lines
    assert len(a.x) == len(a.y) > len(b.x) == len(b.y) == 5
