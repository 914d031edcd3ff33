"""Whole runs of peers joined by real gRPC, in one process."""

import asyncio
import errno
import io
import json
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from peer.config import RunFailed, canonical_spec
from peer.measure.summary import predicted_payload
from peer.protocol.messages import TombKind
from peer.protocol.records import RunState
from peer.registry import algorithm
from peer.simulate.exact import run_exact
from peer.state.runs import RunFiles
from tests.support.ledgers import joint_figures
from tests.support.problems import KITE, dif_spec, local_data, make_tasks, network_of
from tests.unit.runtime.nodes import lab, until
from topology.errors import InputError

NETWORK = network_of(KITE)
TASKS = make_tasks(NETWORK.names, (2, 3, 1, 2, 4), (8, 14), noise=0.1)
DATA = local_data(TASKS)
SPEC = dif_spec(rank=2, iterations=6, init={"power_iterations": 3, "agreement_rounds": 4})
LONG = dif_spec(rank=2, iterations=100_000)


def rows(files, query, *values):
    """Run a query on collected ledgers, put together."""
    found = []
    for content in files:
        with closing(sqlite3.connect(":memory:")) as database:
            database.deserialize(content)
            found += database.execute(query, values).fetchall()
    return found


async def collected(peers, client, run):
    parts = await asyncio.gather(*(client.collect(run, name) for name in peers.network.names))
    return dict(zip(peers.network.names, parts, strict=True))


async def test_a_run_gives_the_bits_of_the_simulator(tmp_path):
    async with lab(NETWORK, DATA, tmp_path, share_coefficients=True) as peers, peers.client("p2") as client:
        reply = await client.submit("a", canonical_spec(SPEC))
        assert reply.state is RunState.ACCEPTED
        last = await peers.finished(client, "a")
        assert {reply.status.state for reply in last.values()} == {RunState.CLOSED}
        files = await collected(peers, client, "a")
    expected = run_exact(SPEC, NETWORK, DATA).results
    for name, parts in files.items():
        with np.load(io.BytesIO(parts["result.npz"])) as result:
            assert np.array_equal(result["U"], expected[name]["U"][0])
            assert np.array_equal(result["B"], expected[name]["B"])
            assert tuple(result["task_ids"]) == DATA[name].task_ids
        about = json.loads(parts["peer.json"])
        assert (about["peer"], about["incarnation"]) == (name, 1)


async def test_coefficients_stay_where_they_are_unless_their_owner_shares_them(tmp_path):
    async with lab(NETWORK, DATA, tmp_path, absent=("p1",)) as peers, peers.client("p0") as client:
        await peers.start("p1", share_coefficients=True)
        await client.submit("a", canonical_spec(SPEC))
        await peers.finished(client, "a")
        files = await collected(peers, client, "a")
    shared = {}
    for name, parts in files.items():
        with np.load(io.BytesIO(parts["result.npz"])) as result:
            shared[name] = sorted(result.files)
    alone, with_coefficients = ["U", "prepared"], ["B", "U", "prepared", "task_ids"]
    assert shared == {name: with_coefficients if name == "p1" else alone for name in NETWORK.names}


async def test_the_ledger_keeps_double_entry_and_every_round(tmp_path):
    async with lab(NETWORK, DATA, tmp_path, truth=TASKS.U_true) as peers, peers.client("p0") as client:
        await client.submit("a", canonical_spec(SPEC))
        await peers.finished(client, "a")
        files = await collected(peers, client, "a")
        facts = TASKS.facts
    ledgers = [parts["ledger.sqlite"] for parts in files.values()]
    where = "FROM messages WHERE kind = 'value' AND direction ="
    what = "round, seq, payload_bytes, message_bytes, resent"
    sent = rows(ledgers, f"SELECT peer, neighbour, {what} {where} 'sent'")
    received = rows(ledgers, f"SELECT neighbour, peer, {what} {where} 'received'")
    assert sorted(sent) == sorted(received)
    schedule = algorithm("dif-altgdmin").schedule(SPEC, NETWORK, facts)
    assert sum(row[4] for row in sent) == predicted_payload(schedule, NETWORK)
    num_rounds = sum(rounds for _, rounds, _ in schedule)
    by_peer = rows(ledgers, "SELECT peer, count(*), min(round), max(round) FROM rounds GROUP BY peer")
    assert sorted(by_peer) == [(name, num_rounds, 0, num_rounds - 1) for name in NETWORK.names]
    for name, labels in (
        (row[0], row[1]) for row in rows(ledgers, "SELECT DISTINCT peer, label FROM rounds")
    ):
        assert name in NETWORK.names
        assert labels in {label for label, _, _ in schedule}
    iterations = rows(ledgers, "SELECT DISTINCT iteration FROM rounds WHERE label = 'descent'")
    assert {number for (number,) in iterations} == set(range(1, 7))
    paths = []
    for name, content in zip(NETWORK.names, ledgers, strict=True):
        paths.append(tmp_path / f"{name}.copy")
        paths[-1].write_bytes(content)
    figures = joint_figures(paths)
    assert set(figures.distances) == set(NETWORK.names)
    assert all(set(trace) == set(range(7)) for trace in figures.distances.values())
    assert figures.rounds == num_rounds


async def test_the_anatomy_of_a_round_adds_up_and_names_who_was_last(tmp_path):
    async with lab(NETWORK, DATA, tmp_path) as peers, peers.client("p0") as client:
        await client.submit("a", canonical_spec(SPEC))
        await peers.finished(client, "a")
        files = await collected(peers, client, "a")
    for name, parts in files.items():
        found = rows(
            [parts["ledger.sqlite"]],
            "SELECT latency_ns, encode_ns, send_ns, wait_ns, decode_ns, adapt_ns, gated_by, slack_ns FROM rounds",
        )
        neighbours = NETWORK.neighbours(name)
        for latency, *parts_ns, adapt, last, slack in found:
            assert latency == sum(parts_ns)
            assert min(parts_ns) >= 0
            assert adapt >= 0
            assert last in neighbours
            assert (slack is None) == (len(neighbours) == 1)
        # The program's own time is there, once per agreement: the first segment, at the least.
        assert max(row[5] for row in found) > 0


async def test_socket_bytes_are_the_messages_and_a_little_framing(tmp_path):
    # A star: all peers are in this process, and no two of them dial the same address. Some thousand bytes in a
    # message: the fixed costs of control messages must not hide the framing.
    network = network_of([("p0", "p1"), ("p0", "p2"), ("p0", "p3")])
    tasks = make_tasks(network.names, (2, 3, 1, 2), 8, dim=400)
    async with lab(network, local_data(tasks), tmp_path) as peers, peers.client("p0") as client:
        await client.submit("a", canonical_spec(SPEC))
        last = await peers.finished(client, "a")
        files = await collected(peers, client, "a")
    for name, parts in files.items():
        ledger = [parts["ledger.sqlite"]]
        sent = "FROM messages WHERE direction = 'sent'"
        ((all_bytes,),) = rows(ledger, f"SELECT sum(message_bytes) {sent}")
        ((message, payload),) = rows(
            ledger, f"SELECT sum(message_bytes), sum(payload_bytes) {sent} AND kind = 'value'"
        )
        extents = rows(ledger, "SELECT max(bytes_sent) - min(bytes_sent) FROM sockets GROUP BY connection")
        assert len(extents) == len(network.neighbours(name))
        carried = sum(extent for (extent,) in extents)
        assert all_bytes < carried < 1.05 * all_bytes
        # What watchers were told last is what the peer had sent by then.
        assert (last[name].message_bytes, last[name].payload_bytes) == (message, payload)
        assert message < last[name].socket_bytes <= 1.05 * all_bytes


async def test_a_second_run_is_busy_and_a_third_comes_after_the_first(tmp_path):
    async with (
        lab(NETWORK, DATA, tmp_path) as peers,
        peers.client("p0") as client,
        peers.client("p4") as other,
    ):
        await client.submit("a", canonical_spec(LONG))
        await until(lambda: "a" in peers.peers["p4"].node.machine.records)
        reply = await other.submit("b", canonical_spec(SPEC))
        assert (reply.state, reply.busy_with) == (None, "a")
        # Asking again with the same id tells the state.
        assert (await client.submit("a", canonical_spec(LONG))).state in (RunState.ACCEPTED, RunState.RUNNING)
        await client.cancel("a", "the test has seen enough", "p3")
        await peers.finished(client, "a")
        reply = await other.submit("c", canonical_spec(SPEC))
        assert reply.state is RunState.ACCEPTED
        last = await peers.finished(other, "c")
        assert {reply.status.state for reply in last.values()} == {RunState.CLOSED}


async def test_a_cancel_that_is_not_on_disk_is_not_told(tmp_path, monkeypatch):
    async with lab(NETWORK, DATA, tmp_path) as peers, peers.client("p3", patience_s=0) as client:
        await client.submit("a", canonical_spec(LONG))
        node = peers.peers["p3"].node
        await until(lambda: node.books.current is not None and node.books.current.driver.iteration)

        def full(files, record):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(RunFiles, "write_record", full)
        with pytest.raises(InputError, match="p3 is stopping"):
            await client.cancel("a", "enough")
        assert peers.peers["p0"].node.machine.records["a"].state is RunState.RUNNING
        with pytest.raises(RunFailed, match="No space left"):
            node.ended.result()


async def test_a_cancelled_run_ends_everywhere_with_who_and_why(tmp_path):
    async with lab(NETWORK, DATA, tmp_path) as peers, peers.client("p0") as client:
        await client.submit("a", canonical_spec(LONG))
        node = peers.peers["p4"].node
        await until(lambda: node.books.current is not None and node.books.current.driver.iteration)
        assert (await client.cancel("a", "enough", "p1")).state is RunState.TOMB
        last = await peers.finished(client, "a")
        for reply in last.values():
            assert reply.status.state is RunState.TOMB
            assert (reply.status.reason.kind, reply.status.reason.peer) == (TombKind.CANCELLED, "p1")
            assert reply.status.reason.text == "enough"
        with pytest.raises(RunFailed, match="run a is cancelled at p2"):
            await client.collect("a", "p2")
        # Its programs are gone, its memory with them.
        assert all(running.node.books.current is None for running in peers.peers.values())
        assert all(
            running.node.books.notes["a"].driver._interpreter is None for running in peers.peers.values()
        )


async def test_data_of_another_dimension_are_refused_by_name_everywhere(tmp_path):
    odd = local_data(make_tasks(NETWORK.names, (2, 3, 1, 2, 4), 8, dim=13))
    async with lab(NETWORK, {**DATA, "p3": odd["p3"]}, tmp_path) as peers, peers.client("p0") as client:
        await client.submit("a", canonical_spec(SPEC))
        last = await peers.finished(client, "a")
    for reply in last.values():
        assert reply.status.state is RunState.TOMB
        assert reply.status.reason.kind is TombKind.REFUSED
        assert "p3 (dim 13)" in reply.status.reason.text


async def test_a_run_that_diverges_ends_by_the_name_of_its_peer(tmp_path):
    spec = dif_spec(rank=2, iterations=400, step={"c_eta": 1e308})
    async with lab(NETWORK, DATA, tmp_path) as peers, peers.client("p0") as client:
        await client.submit("a", canonical_spec(spec))
        last = await peers.finished(client, "a")
    for reply in last.values():
        assert reply.status.state is RunState.TOMB
        assert reply.status.reason.kind is TombKind.FAILED
        assert "diverged" in reply.status.reason.text
        assert reply.status.reason.peer in reply.status.reason.text


async def test_a_peer_that_comes_late_is_waited_for_by_name(tmp_path):
    async with lab(NETWORK, DATA, tmp_path, absent=("p4",)) as peers, peers.client("p0") as client:
        await client.submit("a", canonical_spec(SPEC))

        async def facts_of_all_but_one():
            while True:
                for run in (await client.status("p3")).runs:
                    if run.waiting_for == ("p4",):
                        return run
                await asyncio.sleep(0.01)

        async with asyncio.timeout(20):
            waiting = await facts_of_all_but_one()
        assert waiting.waiting_kind == "facts"
        (link,) = [link for link in (await client.status("p3")).links if link.neighbour == "p4"]
        assert not link.up
        assert "Connection refused" in link.detail
        await peers.start("p4")
        last = await peers.finished(client, "a")
        assert {reply.status.state for reply in last.values()} == {RunState.CLOSED}


async def test_requests_name_what_they_cannot_find(tmp_path):
    async with lab(NETWORK, DATA, tmp_path, absent=("p4",)) as peers:
        async with peers.client("p0", patience_s=0.3) as client:
            with pytest.raises(InputError, match="'p9' is not a peer of the network test"):
                await client.status("p9")
            with pytest.raises(
                RunFailed, match=r"p4 \(127.0.0.1:\d+\) cannot be reached from p3; tried for 0\.\d s"
            ):
                await client.status("p4")
            with pytest.raises(RunFailed, match="p2 knows no run nothing"):
                await client.collect("nothing", "p2")
            with pytest.raises(RunFailed, match="p2 knows no run nothing"):
                async for _ in client.watch("nothing", "p2"):
                    pass
            assert (await client.cancel("nothing", "x", "p2")).state is None
            assert not peers.peers["p2"].node.machine.records
        async with peers.client("p4", patience_s=0.3) as client:
            with pytest.raises(
                InputError, match=r"--via: 127.0.0.1:\d+ cannot be reached, tried for 0\.\d s"
            ):
                await client.status()


async def test_a_request_between_different_network_files_does_not_go_in_circles(tmp_path):
    network = network_of([("p0", "p1"), ("p1", "p2")])
    tasks = make_tasks(network.names, (2, 2, 2), 8)
    async with lab(network, local_data(tasks), tmp_path, absent=("p1", "p2")) as peers:
        other = network_of([("p0", "p1"), ("p0", "p2")])
        peers.network = other.with_addresses(
            {name: str(entry.address) for name, entry in peers.network.peers.items()}
        )
        await peers.start("p1")
        async with peers.client("p0") as client:
            with pytest.raises(RunFailed, match="goes in circles: the peers have different network files"):
                await client.status("p2")
