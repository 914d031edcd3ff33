"""What is printed of a run's summary."""

import pytest
from rich.console import Console

from peer.cli.summary import print_summary, refuse_missing
from peer.config import RunFailed

SUMMARY = {
    "algorithm": "dif-altgdmin",
    "num_peers": 2,
    "num_edges": 1,
    "driver": "network",
    "gamma": 0.5,
    "iterations": 3,
    "rounds": 10,
    "wall_s": 1.0,
    "subspace_distance": None,
    "moved": {"first": 0.1, "last": 1e-5, "ahead": 1e-4},
    "consensus_error": 1e-9,
    "result_digest": {"p0": "ab", "p1": "cd"},
    "round_latency_ms": {"p50": None, "p95": None, "p99": None},
    "matches_simulation": None,
    "missing_peers": {},
    "missing_ledgers": {},
}


def printed(capsys, monkeypatch, **counts) -> str:
    levels = {
        "payload": 1000,
        "message": 1100,
        "socket": 1200,
        "wire_estimate": 1300,
        "uncounted_connections": 0,
        "resent": 0,
        "told_by_receiver": 0,
    }
    monkeypatch.setattr("peer.cli.summary.console", Console(width=120))
    print_summary({**SUMMARY, "bytes": {**levels, **counts}})
    return capsys.readouterr().out


def test_connections_that_could_not_be_measured_are_told(capsys, monkeypatch):
    assert "not in socket" not in printed(capsys, monkeypatch)
    assert "connections not in socket, wire   2 (" in printed(capsys, monkeypatch, uncounted_connections=2)
    nothing = printed(capsys, monkeypatch, uncounted_connections=2, socket=None, wire_estimate=None)
    assert "socket" not in nothing


def test_a_run_that_has_not_settled_says_so(capsys, monkeypatch):
    settled = printed(capsys, monkeypatch)
    assert "moved in the last iteration       1.00e-05 (worst peer)" in settled
    assert "not settled" not in settled
    monkeypatch.setitem(SUMMARY, "moved", {"first": 0.1, "last": 0.002, "ahead": 0.2})
    assert "not settled: the bases moved by 2.0e-03 in the last iteration" in printed(capsys, monkeypatch)
    monkeypatch.setitem(SUMMARY, "moved", None)
    assert "moved" not in printed(capsys, monkeypatch)


def test_one_short_digest_for_the_results_of_all_peers(capsys, monkeypatch):
    def digest(told):
        monkeypatch.setitem(SUMMARY, "result_digest", told)
        (line,) = (line for line in printed(capsys, monkeypatch).splitlines() if "digest" in line)
        return line.split()[2]

    first = digest({"p0": "ab", "p1": "cd"})
    assert len(first) == 12
    assert digest({"p1": "cd", "p0": "ab"}) == first
    assert digest({"p0": "ab", "p1": "ce"}) != first
    assert digest({"p0": "cd", "p1": "ab"}) != first


def test_what_the_other_end_told_and_whose_ledger_is_missing(capsys, monkeypatch):
    assert "other end" not in printed(capsys, monkeypatch)
    assert "told by the other end             5 messages" in printed(capsys, monkeypatch, told_by_receiver=5)
    part = {**SUMMARY, "run_id": "r1", "missing_ledgers": {"p1": "the ledger of p1 is damaged"}}
    with pytest.raises(RunFailed, match=r"without the ledger of p1 \(the ledger of p1 is damaged\)"):
        refuse_missing(part)
