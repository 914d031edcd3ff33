"""``difpeer demo``: real peer processes from data to result, and nothing left of them, however it ends."""

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from peer.measure.run_folder import read_run_folder
from peer.measure.schema import TABLES
from tests.support.network import Command, Ended, difpeer, eventually, living, start

pytestmark = pytest.mark.network

SMALL = (
    *("--peers", 5, "--p", 0.5, "--dim", 12, "--tasks", 20, "--samples", 40, "--rank", 2),
    *("--agreement-rounds", 8, "--iterations", 120),
)
ENDLESS = ("--peers", 3, "--dim", 8, "--tasks", 6, "--samples", 20, "--rank", 1, "--iterations", 1_000_000)

KEYS = {
    *("version", "run_id", "algorithm", "driver", "num_peers", "num_edges", "gamma", "iterations", "rounds"),
    *(
        "subspace_distance",
        "moved",
        "tls",
        "consensus_error",
        "result_digest",
        "bytes",
        "round_latency_ms",
        "wall_s",
    ),
    *("versions", "profile", "command", "matches_simulation", "missing_peers", "missing_ledgers", "schedule"),
}


async def test_a_small_network_learns_the_subspace(tmp_path):
    done = await difpeer("demo", *SMALL, "--out", tmp_path / "runs", "--json", tmp=tmp_path)
    summary = done.document
    assert set(summary) == KEYS
    names = {f"p{i}" for i in range(5)}
    assert (summary["driver"], summary["algorithm"]) == ("processes", "dif-altgdmin")
    assert (summary["num_peers"], summary["iterations"]) == (5, 120)
    assert summary["matches_simulation"] is True
    assert set(summary["result_digest"]) == names
    trace = summary["subspace_distance"]["trace"]
    assert len(trace) == 121
    assert trace[-1] == summary["subspace_distance"]["final"] <= 1e-6 < trace[0]
    assert summary["consensus_error"] <= 1e-8
    sizes = summary["bytes"]
    assert sizes["payload"] == sizes["predicted_payload"] > 0
    assert sizes["payload"] < sizes["message"] < sizes["socket"] < sizes["wire_estimate"]
    assert sizes["resent"] == 0
    latency = summary["round_latency_ms"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]
    assert "learning: iteration 120/120" in done.err

    report = tmp_path / "runs" / summary["run_id"] / "report.html"
    assert f"report: {report}" in done.err
    assert "Five peers learnt a shared subspace" in report.read_text(encoding="utf-8")
    assert summary["command"].startswith(
        "difpeer demo --peers 5 --graph erdos-renyi --p 0.5 --dim 12 --tasks 20 "
    )

    folder = read_run_folder(tmp_path / "runs" / summary["run_id"])
    assert folder.summary == summary
    assert set(folder.network.names) == set(folder.results) == names
    for arrays in folder.results.values():
        np.testing.assert_allclose(arrays["U"].T @ arrays["U"], np.eye(2), atol=1e-12)
        assert arrays["B"].shape == (len(arrays["task_ids"]), 2)
    with closing(sqlite3.connect(folder.ledger)) as ledger:
        for table in TABLES:
            told = {peer for (peer,) in ledger.execute(f"SELECT DISTINCT peer FROM {table}")}
            assert told == names, table
    nothing_is_left(tmp_path)


async def test_people_get_text(tmp_path):
    words = ("--peers", 2, "--graph", "path", "--dim", 6, "--tasks", 4, "--rank", 1, "--iterations", 3)
    done = await difpeer("demo", *words, "--out", tmp_path / "runs", tmp=tmp_path)
    assert done.status == 0, done.err
    assert "equal to simulate --exact" in done.out
    assert "yes, bit for bit at every peer" in done.out
    (run,) = (tmp_path / "runs").iterdir()
    assert str(run) in done.out.replace("\n", "")


async def endless(folder: Path) -> Command:
    return await start("demo", *ENDLESS, "--out", folder / "runs", "--json", tmp=folder)


def peer_process(folder: Path, name: str) -> int:
    """The process of one peer; 0 where there is none."""
    return next((pid for pid, line in living(folder).items() if f"--name {name} " in line), 0)


async def is_learning(demo: Command, folder: Path) -> None:
    """Wait until the first peer's log tells of an iteration."""

    def learns() -> bool:
        assert demo.process.returncode is None, demo.err
        return any(
            "INFO    p0 round" in path.read_text() for path in folder.glob("difpeer-demo-*/logs/p0.log")
        )

    await eventually(learns, "an iteration in the log of p0")


def nothing_is_left(folder: Path) -> None:
    assert not living(folder)
    assert [path.name for path in folder.iterdir() if path.name.startswith("difpeer-")] == []


def stopped(done: Ended, folder: Path) -> None:
    assert done.status == 130
    assert done.out == ""
    assert done.err.rstrip().endswith("interrupted")
    assert not (folder / "runs").exists()
    nothing_is_left(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_while_learning_leaves_nothing(tmp_path, number):
    demo = await endless(tmp_path)
    await is_learning(demo, tmp_path)
    demo.process.send_signal(number)
    demo.process.send_signal(number)  # an impatient user must not cut the clean-up short
    stopped(await demo.ended(), tmp_path)


async def test_a_signal_while_peers_start_leaves_nothing(tmp_path):
    demo = await endless(tmp_path)
    await eventually(lambda: peer_process(tmp_path, "p0"), "a peer's process")
    assert "run " not in demo.err
    demo.process.send_signal(signal.SIGINT)
    stopped(await demo.ended(), tmp_path)


@pytest.mark.parametrize("name", ["p0", "p2"])
async def test_a_killed_peer_ends_the_demo_by_name(tmp_path, name):
    demo = await endless(tmp_path)
    await is_learning(demo, tmp_path)
    os.kill(peer_process(tmp_path, name), signal.SIGKILL)
    done = await demo.ended()
    assert done.status == 1
    assert f"{name} has ended (exit status -9)" in done.error
    nothing_is_left(tmp_path)


async def test_peers_do_not_outlive_a_killed_demo(tmp_path):
    demo = await endless(tmp_path)
    await is_learning(demo, tmp_path)
    assert len([line for line in living(tmp_path).values() if " serve " in line]) == 3
    demo.process.kill()
    await demo.ended()
    await eventually(lambda: not living(tmp_path), "all peers have ended")


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("--peers", 1), "peers"),
        (("--rank", 0), "rank"),
        (("--tasks", 5), "tasks"),
        (("--out", __file__), "--out"),
    ],
)
async def test_what_cannot_be_is_refused_before_any_process_starts(tmp_path, words, field):
    done = await difpeer("demo", "--out", tmp_path / "runs", *words, tmp=tmp_path)
    assert done.status == 2
    assert field in done.error
    assert "starting" not in done.err
    nothing_is_left(tmp_path)
