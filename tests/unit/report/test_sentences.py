"""The sentences have the run's own figures, and say what is unknown and why."""

import dataclasses

import numpy as np
import pytest

from peer.report.completeness import Completeness
from peer.report.reading import read_recorded
from peer.report.sentences import headline, story
from peer.report.series import RunSeries, read_series
from peer.report.unknowns import unknown
from peer.report.wording import amount, count, listed, ms, percent, plural, power, seconds, spelled
from tests.unit.report.folders import ROUNDS, write_folder


def changed(run, **changes):
    return dataclasses.replace(run, summary=run.summary.model_copy(update=changes))


def test_the_story_has_the_figures(run, series):
    text = " ".join(story(run, series))
    summary = run.summary
    assert "three peers on a network with 2 edges learnt a subspace of dimension 2 in 5 features" in text
    assert f"30 iterations and {ROUNDS} rounds" in text
    assert f"to {power(summary.subspace_distance.final)}" in text
    for size in (
        summary.bytes.payload,
        summary.bytes.message,
        summary.bytes.socket,
        summary.bytes.wire_estimate,
    ):
        assert amount(size) in text
    assert f"After lost connections {summary.bytes.resent} B were sent beside that" in text
    for latency in (summary.round_latency_ms.p50, summary.round_latency_ms.p95, summary.round_latency_ms.p99):
        assert ms(latency) in text
    total = series.timing.total_s
    share = total["wait"] / sum(total[part] for part in ("encode", "send", "wait", "decode"))
    assert f"{percent(share)} waiting for neighbours" in text
    assert "It took 12.5 s." in text
    assert "bit for bit" in text
    assert unknown(run, series) == []


def test_the_headline(run, series):
    assert headline(run, series) == (
        f"Three peers learnt a shared subspace to a distance of {power(run.summary.subspace_distance.final)}"
    )
    assert "agree on it to" in headline(changed(run, subspace_distance=None, moved=None), RunSeries(None))


def test_a_run_that_was_stopped_early_says_so(run, series):
    early = changed(run, moved={"first": 0.1, "last": 0.002, "ahead": 0.2})
    assert story(early, series)[1].startswith("This is not settled: the bases moved by 2.0e-03")
    assert "not settled" not in " ".join(story(changed(run, moved=None), series))


def test_without_a_truth(tmp_path):
    run = read_recorded(write_folder(tmp_path / "run", metrics=("moved",)))
    series = read_series(run)
    last = power(float(series.learning.values[-1]))
    assert headline(run, series) == f"Three peers learnt a subspace that still moves by {last}"
    assert headline(run, RunSeries(None)) == headline(run, series), "a simulation has no ledger"
    assert "No true subspace is known here" in story(run, series)[0]
    assert any("rank is large enough" in sentence for sentence in unknown(run, series))


def test_a_simulation_says_what_there_cannot_be(run, series):
    bare = dataclasses.replace(run, ledger=None, network=None, shape=None)
    sizes = run.summary.bytes.model_copy(update={"message": None, "socket": None, "wire_estimate": None})
    simulated = changed(bare, driver="simulation", bytes=sizes, matches_simulation=None)
    alone = RunSeries(series.learning)
    assert "in a simulation of a network" in story(simulated, alone)[0]
    told = unknown(simulated, alone)
    assert "a simulation sends nothing" in told[0]
    assert "network.yaml" in told[1]


def test_a_difference_from_the_simulation_is_not_hidden(run, series):
    assert any("DIFFER" in text for text in story(changed(run, matches_simulation=False), series))


def test_what_was_lost_is_told(run, series):
    lost = Completeness(None, {"a": 5, "c": 12000}, {"b": 3}, (), 0)
    no_sockets = run.summary.bytes.model_copy(
        update={"socket": None, "wire_estimate": None, "told_by_receiver": 7}
    )
    open_books = dataclasses.replace(series.balance, no_end=4)
    trace = run.summary.subspace_distance.model_copy(update={"trace": [0.5, None, 0.1]})
    partly = changed(run, bytes=no_sockets, subspace_distance=trace)
    learning = dataclasses.replace(series.learning, seconds=None)
    told = "\n".join(unknown(partly, RunSeries(learning, series.traffic, None, lost, balance=open_books)))
    for words in (
        "Socket bytes and the estimate for the wire",
        "The distance in some iterations",
        "Progress against seconds",
        "no round in the ledger was timed",
        "b (3 times)",
        "a (5) and c (12\u202f000)",
        "7 messages: rows lost with a crash are shown as reported by the other end",
        "4 values of which neither end has a row",
    ):
        assert words in told


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (amount(0), "0 B"),
        (amount(999), "999 B"),
        (amount(1000), "1.00 kB"),
        (amount(999_600), "1.00 MB"),
        (amount(3.9e9), "3.90 GB"),
        (amount(2e15), "2000 TB"),
        (count(1170), "1170"),
        (count(23400), "23\u202f400"),
        (plural(1, "round"), "1 round"),
        (spelled(12, "peer"), "twelve peers"),
        (spelled(13, "peer"), "13 peers"),
        (spelled(1, "peer"), "one peer"),
        (power(1.777e-4), "1.8 × 10⁻⁴"),
        (power(0.41), "0.41"),
        (power(0.0), "0"),
        (power(12345.0), "1.2 × 10⁴"),
        (power(float(np.nan)), "nan"),
        (seconds(0.38), "380 ms"),
        (seconds(4.1), "4.1 s"),
        (seconds(84.3), "1 min 24 s"),
        (seconds(7260), "2 h 1 min"),
        (ms(0.0123), "12.3 µs"),
        (ms(3.961), "3.96 ms"),
        (ms(385.2), "385 ms"),
        (percent(0), "0 %"),
        (percent(0.0044), "0.4 %"),
        (percent(0.853), "85 %"),
        (listed([]), ""),
        (listed(["a"]), "a"),
        (listed(["a", "b", "c"]), "a, b and c"),
    ],
)
def test_wording(text, expected):
    assert text == expected


def test_a_run_collected_without_a_peer_is_not_told_as_whole(run, series):
    part = changed(run, missing_peers={"c": "its result was deleted"})
    assert headline(part, series).startswith("Two of three peers learnt")
    assert "c (its result was deleted)" in unknown(part, series)[0]
    assert any("every peer that is here" in text for text in story(part, series))


def test_connections_that_could_not_be_read_are_told(run, series):
    sizes = run.summary.bytes.model_copy(update={"uncounted_connections": 2})
    told = changed(run, bytes=sizes)
    assert any("2 connections that closed before" in text for text in unknown(told, series))
    assert "TCP carried at least" in story(told, series)[1]
    assert "TCP carried at least" not in story(run, series)[1]
    killed = dataclasses.replace(series.completeness, starts={"b": 2})
    restarted = dataclasses.replace(series, completeness=killed)
    assert "TCP carried at least" in story(run, restarted)[1]
    assert any(
        "what TCP had carried since its counters were last read" in text for text in unknown(run, restarted)
    )
