"""The books of real networks of processes: they close, they are small, and what is missing from them is told."""

import asyncio
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from peer.algorithms.dif_altgdmin import dif_altgdmin
from peer.measure.theory import find_agreements
from peer.program import Broadcast
from peer.report.reading import read_recorded
from peer.report.sentences import story
from peer.report.series import read_series
from peer.report.unknowns import unknown
from peer.report.writing import page
from peer.runtime.collecting import collect, write_run
from peer.simulate.fast import run_block
from tests.support.network import PROCESSES, difpeer, lab
from tests.support.problems import KITE, dif_spec, local_data, make_tasks, network_of

pytestmark = PROCESSES

NETWORK = network_of(KITE)
TASKS = make_tasks(NETWORK.names, (2, 3, 1, 2, 4), 14)
SPEC = dif_spec(
    rank=2, iterations=150, agreement={"rounds": 5}, init={"power_iterations": 1, "agreement_rounds": 10}
)
SHORT = dif_spec(rank=2, iterations=8, init={"power_iterations": 2, "agreement_rounds": 4})
MOST_BYTES = 150
"""On disk for each message, whatever is kept of rounds, sockets and iterations included."""


async def test_the_books_of_a_quiet_run_close_and_are_small(tmp_path):
    async with lab(NETWORK, local_data(TASKS), tmp_path, truth=TASKS.U_true) as network:
        words = (network.spec_file(SPEC), *network.via("p2"), "--out", tmp_path / "runs", "--json")
        summary = (await difpeer("run", *words)).document
    folder = tmp_path / "runs" / summary["run_id"]
    run = read_recorded(folder)
    series = read_series(run)
    found = series.balance
    directions = 2 * len(NETWORK.edges)
    assert found.closes
    assert (found.values, len(found.edges)) == (summary["rounds"] * directions, directions)
    assert (found.resent, found.not_arrived, found.confirmations) == (0, 0, 0)
    assert any(text.startswith("The books close") for text in story(run, series))
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as books:
        (sent,) = books.execute("SELECT count(*) FROM messages WHERE direction = 'sent'").fetchone()
        assert (folder / "ledger.sqlite").stat().st_size / sent <= MOST_BYTES
        _check_totals(books, summary)
        _check_disagreement(books, series)
    kinds = {kind.label: kind for kind in series.theory.kinds}
    assert {label: (kind.agreements, kind.rounds) for label, kind in kinds.items()} == {
        "init.threshold": (1, 10),
        "init.power": (1, 10),
        "descent": (150, 5),
    }
    for kind in kinds.values():
        assert kind.measured_payload == kind.predicted_payload
    assert kinds["descent"].predicted_contraction == pytest.approx(summary["gamma"] ** 4)
    assert 0 < kinds["descent"].measured_contraction < 1
    _check_costs(folder / "ledger.sqlite", series.theory.costs)


def _check_totals(books, summary):
    """Every total of the summary, by numpy over raw rows."""
    rows = np.array(
        books.execute(
            "SELECT payload_bytes, message_bytes FROM messages WHERE direction = 'sent' AND kind = 'value'"
        ).fetchall()
    )
    counted = summary["bytes"]
    assert (counted["payload"], counted["message"]) == tuple(rows.sum(axis=0))
    assert counted["payload"] == counted["predicted_payload"]
    assert (counted["resent"], counted["told_by_receiver"], counted["known_of_missing"]) == (0, 0, 0)
    samples = books.execute(
        "SELECT peer, neighbour, connection, bytes_sent - bytes_retrans FROM sockets ORDER BY at_ns"
    ).fetchall()
    ends = {}
    for *connection, sent in samples:
        ends.setdefault(tuple(connection), []).append(sent)
    assert counted["socket"] == sum(seen[-1] - seen[0] for seen in ends.values())


def _check_costs(ledger, found):
    """The first iteration so small, by SQL; and bytes until its last round."""
    assert len(found) >= 2
    with closing(sqlite3.connect(ledger)) as books:
        for cost in found:
            (iteration,) = books.execute(
                "SELECT min(iteration) FROM (SELECT iteration, max(value) AS worst FROM iterations "
                "WHERE name = 'subspace_distance' GROUP BY iteration) WHERE worst <= ?",
                (cost.accuracy,),
            ).fetchone()
            rounds, payload = books.execute(
                "SELECT max(round) + 1, (SELECT sum(payload_bytes) FROM messages WHERE direction = 'sent' "
                "AND kind = 'value' AND round <= (SELECT max(round) FROM rounds WHERE iteration = ?1)) "
                "FROM rounds WHERE iteration = ?1",
                (iteration,),
            ).fetchone()
            assert (cost.iteration, cost.rounds, cost.sent_bytes["payload"]) == (iteration, rounds, payload)


def _check_disagreement(books, series):
    marks = [
        (number, label, opens, apart)
        for number, label, opens, apart in books.execute(
            "SELECT round, label, max(adapt_ns) > 0, max(disagreement) FROM rounds GROUP BY round ORDER BY round"
        )
    ]
    found = find_agreements(marks, np.zeros(len(marks), np.int64))
    ends = {*found.starts.tolist(), *(found.starts + found.rounds - 1).tolist()}
    rows = books.execute("SELECT DISTINCT peer, round FROM rounds WHERE disagreement IS NOT NULL").fetchall()
    assert sorted(rows) == [(peer, number) for peer in NETWORK.names for number in sorted(ends)]
    assert found.rounds.tolist() == series.theory.agreements.rounds.tolist()


def recorded(seen):
    """The program, with what all peers send in each round put down."""

    def program(*arguments):
        steps = dif_altgdmin(*arguments)
        reply = None
        while True:
            try:
                request = steps.send(reply)
            except StopIteration as end:
                return end.value
            if isinstance(request, Broadcast):
                seen.append(np.array(request.value))
            reply = yield request

    return program


@pytest.mark.parametrize("rounds", [1, 3])
async def test_disagreement_is_the_largest_difference_to_a_neighbour(tmp_path, rounds):
    init = {"power_iterations": 2, "agreement_rounds": 2}
    spec = dif_spec(rank=2, iterations=2, agreement={"rounds": rounds}, init=init)
    async with lab(NETWORK, local_data(TASKS), tmp_path) as network:
        words = (network.spec_file(spec), *network.via("p0"), "--out", tmp_path / "runs", "--json")
        summary = (await difpeer("run", *words)).document
    seen = []
    run_block(recorded(seen), TASKS.all(), spec, NETWORK)
    ledger = tmp_path / "runs" / summary["run_id"] / "ledger.sqlite"
    with closing(sqlite3.connect(ledger)) as books:
        found = books.execute(
            "SELECT peer, round, disagreement FROM rounds WHERE disagreement IS NOT NULL"
        ).fetchall()
    assert len(found) == len(NETWORK.names) * (3 * 2 + 2 * min(rounds, 2))
    for peer, number, apart in found:
        values = dict(zip(NETWORK.names, seen[number], strict=True))
        others = [np.linalg.norm(values[other] - values[peer]) for other in NETWORK.neighbours(peer)]
        assert apart == pytest.approx(max(others), rel=1e-9, abs=1e-15)


async def test_what_is_missing_from_a_collection_is_told(tmp_path):
    async with lab(NETWORK, local_data(TASKS), tmp_path) as network:
        words = (network.spec_file(SHORT), *network.via("p0"), "--out", tmp_path / "runs", "--json")
        run = (await difpeer("run", *words)).document["run_id"]
        # One peer's ledger is no ledger any more, and another peer dies before it is asked.
        broken = network.folder / "state" / "p3" / "broken"
        broken.write_bytes(b"no ledger " * 1000)
        broken.replace(broken.with_name("ledger.sqlite"))
        # Or else all pages are perhaps in the log before it.
        for rest in ("ledger.sqlite-wal", "ledger.sqlite-shm"):
            broken.with_name(rest).unlink(missing_ok=True)
        await network.kill("p4")
        async with network.client("p0", patience_s=0.5) as client:
            collected = await collect(client, run, NETWORK.names)
        assert sorted(collected.results) == ["p0", "p1", "p2", "p3"]
        # The file of a third one was cut off on its way.
        collected.ledgers["p2"] = collected.ledgers["p2"][:-5000]
        summary = await asyncio.to_thread(
            write_run, tmp_path / "part", collected, network.network, driver="processes", wall_s=None
        )
    assert summary["missing_peers"].keys() == {"p4"}
    assert "p4 (127.0.0.1:" in summary["missing_peers"]["p4"]
    assert summary["missing_ledgers"]["p3"] == "p3 could not read its ledger; its log says why"
    assert summary["missing_ledgers"]["p2"].startswith("the ledger of p2 is ")
    assert "damaged" in summary["missing_ledgers"]["p2"]
    assert sorted(summary["result_digest"]) == ["p0", "p1", "p2", "p3"]
    assert summary["bytes"]["known_of_missing"] > 0
    recorded = read_recorded(tmp_path / "part")
    series = read_series(recorded)
    told = "\n".join(unknown(recorded, series))
    assert "Everything of p4 (p4 (127.0.0.1:" in told
    assert "Bytes and times of p2 (the ledger of p2 is " in told
    assert "values of" in told
    assert "came from p3, over" in told
    assert "came from p2, over 2 edges" in told
    assert not series.balance.closes
    assert {one.why for one in series.balance.open} == {"nothing of p2 is here", "nothing of p3 is here"}
    assert "Do both ends agree?" in page(recorded, series)
