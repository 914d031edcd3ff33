"""What is printed of a run's summary."""

from rich.console import Console

from peer.cli.summary import print_summary

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
    "consensus_error": 1e-9,
    "round_latency_ms": {"p50": None, "p95": None, "p99": None},
    "matches_simulation": None,
    "missing_peers": {},
}


def printed(capsys, monkeypatch, **counts) -> str:
    levels = {
        "payload": 1000,
        "message": 1100,
        "socket": 1200,
        "wire_estimate": 1300,
        "uncounted_connections": 0,
        "resent": 0,
    }
    monkeypatch.setattr("peer.cli.summary.console", Console(width=120))
    print_summary({**SUMMARY, "bytes": {**levels, **counts}})
    return capsys.readouterr().out


def test_connections_that_could_not_be_measured_are_told(capsys, monkeypatch):
    assert "not in socket" not in printed(capsys, monkeypatch)
    assert "connections not in socket, wire   2 (" in printed(capsys, monkeypatch, uncounted_connections=2)
    nothing = printed(capsys, monkeypatch, uncounted_connections=2, socket=None, wire_estimate=None)
    assert "socket" not in nothing
