import hashlib
import json
import struct

import numpy as np
import pytest

from peer.algorithms.subspace import orthonormalize
from peer.measure.figures import ByteTotals, RunFigures
from peer.measure.summary import predicted_payload, result_digest, summarize
from peer.measure.versions import common_versions, software_versions
from peer.program import Facts
from peer.registry import algorithm, parse_spec
from tests.support.ledgers import joint_figures
from tests.support.problems import KITE, network_of
from tests.unit.measure.books import LATENCIES, write_books
from topology.mixing import gamma, mixing_matrix

PAIR = network_of([("p0", "p1")])
SPEC = parse_spec({"algorithm": "dif-altgdmin", "rank": 2, "iterations": 1})
FACTS = Facts(num_peers=5, num_tasks=10, total_samples=200, num_samples=20.0, equal_samples=True, dim=6)


def bases(network, seed=0):
    rng = np.random.default_rng(seed)
    return {name: orthonormalize(rng.standard_normal((6, 2)))[0] for name in network.names}


def summary_of(network, figures, **changes):
    inputs = {
        "run_id": "r1",
        "driver": "network",
        "spec": SPEC,
        "network": network,
        "figures": figures,
        "bases": bases(network),
        "schedule": [("descent", 5, 96)],
        "versions": {"numpy": "2.4.6"},
        "wall_s": 1.5,
    }
    return summarize(**{**inputs, **changes})


def figures_of(distances, iterations=2):
    return RunFigures(7, iterations, ByteTotals(payload=1), np.empty(0, np.int64), distances, {})


def test_the_whole_document(tmp_path):
    ledgers = [write_books(tmp_path, peer) for peer in PAIR.names]
    for ledger in ledgers:
        ledger.close()
    found = summary_of(
        PAIR,
        joint_figures(ledger.path for ledger in ledgers),
        matches_simulation=True,
        profile={"blas": "OpenBLAS"},
        command="difpeer demo",
    )
    U = bases(PAIR)
    mean = (U["p0"] + U["p1"]) / 2
    latencies_ms = np.array(LATENCIES["p0"] + LATENCIES["p1"]) / 1e6
    assert found.pop("consensus_error") == pytest.approx(np.sqrt(((U["p0"] - mean) ** 2).sum()), rel=1e-12)
    assert found.pop("round_latency_ms") == pytest.approx(
        {"p50": np.median(latencies_ms), **{f"p{q}": np.percentile(latencies_ms, q) for q in (95, 99)}},
        rel=1e-12,
    )
    assert found == {
        "version": 1,
        "run_id": "r1",
        "algorithm": "dif-altgdmin",
        "driver": "network",
        "num_peers": 2,
        "num_edges": 1,
        "gamma": gamma(mixing_matrix(PAIR)),
        "iterations": 1,
        "rounds": 2,
        "subspace_distance": {"final": 0.25, "trace": [0.75, 0.25]},
        "moved": {"first": 0.5, "last": 0.5, "ahead": 0.5},
        "tls": None,
        "result_digest": {name: result_digest(U[name]) for name in PAIR.names},
        "bytes": {
            "payload": 160,
            "message": 240,
            "socket": 870,
            "wire_estimate": 900 + 66 * 13,
            "uncounted_connections": 0,
            "resent": 85,
            "told_by_receiver": 0,
            "known_of_missing": 0,
            "predicted_payload": 2 * 5 * 96,
        },
        "wall_s": 1.5,
        "versions": {"numpy": "2.4.6"},
        "profile": {"blas": "OpenBLAS"},
        "command": "difpeer demo",
        "matches_simulation": True,
        "missing_peers": {},
        "missing_ledgers": {},
        "schedule": [{"label": "descent", "rounds": 5, "payload_bytes": 96}],
    }


def test_a_simulation_leaves_out_what_it_cannot_know():
    found = summary_of(network_of(KITE), figures_of({}), driver="simulation")
    assert found["subspace_distance"] is None
    assert found["bytes"]["message"] is None
    assert found["bytes"]["socket"] is None
    assert found["bytes"]["wire_estimate"] is None
    assert found["round_latency_ms"] == {"p50": None, "p95": None, "p99": None}
    assert found["matches_simulation"] is None
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_trace_is_the_worst_peer_in_each_iteration():
    worst = {"p0": {0: 0.9, 1: 0.2, 2: 0.3}, "p1": {0: 0.8, 1: 0.4, 2: 0.1}}
    assert summary_of(PAIR, figures_of(worst))["subspace_distance"] == {
        "final": 0.3,
        "trace": [0.9, 0.4, 0.3],
    }


def test_a_lost_row_is_no_distance():
    lost = {"p0": {0: 0.9, 2: 0.3}, "p1": {0: 0.8, 1: 0.4, 2: 0.1}}
    assert summary_of(PAIR, figures_of(lost))["subspace_distance"]["trace"] == [0.9, None, 0.3]


@pytest.mark.parametrize("distances", [{}, {"p0": {0: 0.5}}, {"p0": {0: 0.5}, "p1": {}}])
def test_without_the_truth_at_every_peer_there_is_no_distance(distances):
    assert summary_of(PAIR, figures_of(distances))["subspace_distance"] is None


def test_consensus_error_is_the_furthest_peer():
    network = network_of(KITE)
    U = {name: np.zeros((6, 2)) for name in network.names}
    U["p3"] = np.full((6, 2), 0.5)
    found = summary_of(network, figures_of({}), bases=U)
    assert found["consensus_error"] == pytest.approx(np.sqrt(12) * 0.4, rel=1e-14)


def test_a_peer_without_a_result_is_an_error():
    with pytest.raises(ValueError, match="p1"):
        summary_of(PAIR, figures_of({}), bases={"p0": np.eye(6)[:, :2]})


def test_digest_is_of_little_endian_rows():
    U = np.array([[1.0, -2.5], [3.25, 1e-300]])
    expected = hashlib.sha256(struct.pack("<4d", 1.0, -2.5, 3.25, 1e-300)).hexdigest()
    assert result_digest(U) == expected
    assert result_digest(np.asfortranarray(U)) == expected
    assert result_digest(U.astype(">f8")) == expected
    assert result_digest(U.T) != expected


def test_predicted_payload_of_dif_altgdmin():
    network = network_of(KITE)
    spec = parse_spec(
        {
            "algorithm": "dif-altgdmin",
            "rank": 2,
            "iterations": 7,
            "agreement": {"rounds": 3},
            "init": {"power_iterations": 4, "agreement_rounds": 6},
        }
    )
    schedule = algorithm("dif-altgdmin").schedule(spec, network, FACTS)
    scalars = 6 * 8
    values = (4 * 6 + 7 * 3) * 6 * 2 * 8
    assert predicted_payload(schedule, network) == 10 * (scalars + values)


def test_versions():
    found = software_versions()
    assert set(found) == {"difpeer", "python", "numpy", "grpcio", "protobuf"}
    assert found["numpy"] == np.__version__
    assert common_versions({"p0": found, "p1": found}) == found
    mixed = common_versions({"p1": {"numpy": "2.4"}, "p0": {"numpy": "2.3", "grpcio": "1.85"}})
    assert mixed == {"numpy": "2.3 (p0), 2.4 (p1)", "grpcio": "1.85 (p0), none (p1)"}


def test_without_a_schedule_nothing_is_predicted():
    found = summary_of(network_of(KITE), figures_of({}), schedule=None)
    assert found["bytes"]["predicted_payload"] is None


def test_where_a_peer_is_missing_the_figures_are_of_the_others():
    network = network_of(KITE)
    found = bases(network)
    others = {name: U for name, U in found.items() if name != "p3"}
    distances = {name: {0: 0.5, 1: 0.25, 2: 0.125} for name in others}
    summary = summary_of(network, figures_of(distances), bases=others, missing={"p3": "p3 knows no run r1"})
    assert summary["missing_peers"] == {"p3": "p3 knows no run r1"}
    assert list(summary["result_digest"]) == list(others)
    assert summary["subspace_distance"]["final"] == 0.125
    assert summary["num_peers"] == 5
    with pytest.raises(ValueError, match="bases of"):
        summary_of(network, figures_of(distances), bases=others)
