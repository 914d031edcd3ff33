"""Links between peers: lost, dialled again, ended on purpose."""

import asyncio
import errno
import logging
import os
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from peer.config import RunFailed, canonical_spec
from peer.protocol.messages import Goodbye, Hello, Offer, TombKind
from peer.protocol.records import RunState
from peer.runtime import lookout, operations
from peer.runtime.settings import control_channel
from peer.simulate.exact import run_exact
from peer.state.resuming import read_runs
from tests.support.problems import KITE, dif_spec, local_data, make_tasks, network_of
from tests.unit.runtime.nodes import calling, lab, until

NETWORK = network_of(KITE)
DATA = local_data(make_tasks(NETWORK.names, (2, 3, 1, 2, 4), 8))
LONG = dif_spec(rank=2, iterations=3_000)


def cut(node, neighbour):
    """End the stream to a neighbour as a cut does: no Goodbye, nothing flushed."""
    (stream,) = [stream for stream in node.links.up() if stream.neighbour == neighbour]
    stream._reader.cancel()
    return stream.number


def far(node, number, neighbour):
    """Whether a run has come to a round, with the link to a neighbour up."""
    current = node.books.current
    up = [stream.neighbour for stream in node.links.up()]
    return current is not None and current.driver.round > number and neighbour in up


async def test_cuts_in_the_middle_of_a_run_change_no_bit(tmp_path):
    spec = dif_spec(rank=2, iterations=60)
    async with lab(NETWORK, DATA, tmp_path) as peers, peers.client("p0") as client:
        await client.submit("a", canonical_spec(spec))
        for number, (here, there) in enumerate((("p0", "p1"), ("p1", "p0"), ("p3", "p4"), ("p2", "p1")), 1):
            node = peers.peers[here].node
            await until(lambda node=node, there=there, number=number: far(node, 40 * number, there))
            cut(node, there)
        last = await peers.finished(client, "a")
        assert {reply.status.state for reply in last.values()} == {RunState.CLOSED}
        results = {name: running.node.store.result("a").state["U"] for name, running in peers.peers.items()}
        resent = sum(
            running.node.machine.connections.links[name].attempt > 1
            for running in peers.peers.values()
            for name in running.node.links.states
        )
    assert resent >= 3, "the cuts were not noticed"
    expected = run_exact(spec, NETWORK, DATA).results
    for name in NETWORK.names:
        assert (results[name] == expected[name]["U"]).all()


async def test_a_peer_that_stops_says_goodbye_and_is_dialled_again(tmp_path, caplog):
    async with lab(NETWORK, DATA, tmp_path) as peers:
        caplog.set_level(logging.INFO, "difpeer")
        node = peers.peers["p3"].node
        await until(lambda: node.links.states["p4"].up)
        await peers.peers["p4"].stop()
        await until(lambda: not node.links.states["p4"].up)
        # Kept while the address refuses every attempt.
        await until(lambda: node.links.states["p4"].detail.endswith(": Connection refused"))
        assert node.links.states["p4"].detail.startswith("it said Goodbye; 127.0.0.1:")
        assert "link to p4 is down: it said Goodbye" in caplog.text
        await peers.start("p4", incarnation=2)
        await until(lambda: node.links.states["p4"].up)
        assert node.machine.connections.links["p4"].seen[0] == 2


async def test_a_peer_without_its_runs_ends_them_by_name(tmp_path):
    """With an empty state folder: its neighbours say what it has lost."""
    async with lab(NETWORK, DATA, tmp_path) as peers, peers.client("p0") as client:
        await client.submit("a", canonical_spec(LONG))
        node = peers.peers["p3"].node
        await until(lambda: node.books.current is not None and (node.books.current.driver.iteration or 0) > 2)
        await peers.peers["p4"].stop()
        await peers.start("p4", incarnation=2)
        async with asyncio.timeout(30):
            last = await peers.finished(client, "a")
    for reply in last.values():
        assert reply.status.state is RunState.TOMB
        assert reply.status.reason.kind is TombKind.FAILED
        assert "p4" in reply.status.reason.text
        assert "lost durable state" in reply.status.reason.text


async def test_a_waiting_run_names_the_peer_and_the_state_of_its_link(tmp_path, caplog):
    async with lab(NETWORK, DATA, tmp_path) as peers, peers.client("p0") as client:
        await client.submit("a", canonical_spec(LONG))
        node = peers.peers["p3"].node
        await until(lambda: node.books.current is not None and node.books.current.driver.round > 60)
        await peers.peers["p4"].stop()
        await until(lambda: "waiting" in caplog.text and "for p4 (link down for" in caplog.text)
        (run,) = (await client.status("p3")).runs
        assert (run.waiting_kind, run.waiting_for) == ("round", ("p4",))
        assert run.waiting_s > 1
        assert run.label
        # The wait goes through the network: p0 waits for p1, and so on.
        (run,) = (await client.status("p0")).runs
        assert run.waiting_kind == "round"


async def test_every_stream_gets_goodbye_at_a_stop(tmp_path):
    async with lab(NETWORK, DATA, tmp_path, absent=("p3",)) as peers:
        address = peers.network.peers["p4"].address
        async with calling(address, Hello(1, "p3", 1, 1, "test")) as caller:
            assert isinstance(await caller.hear(), Hello)
            stopping = asyncio.create_task(peers.peers["p4"].stop())
            async with asyncio.timeout(5):
                heard = await caller.hear_all()
                await stopping
        assert [type(message) for message in heard] == [Goodbye]


async def test_a_peer_older_than_its_neighbours_have_seen_stops_by_name(tmp_path):
    """The state folder was lost or copied: it must not go on, whichever end dials."""
    async with lab(NETWORK, DATA, tmp_path, absent=("p3", "p4")) as peers:
        for old, other in (("p3", "p4"), ("p4", "p3")):
            first = await peers.start(old, incarnation=5)
            neighbour = await peers.start(other, incarnation=7)
            await until(lambda node=neighbour.node, old=old: node.links.states[old].up)
            await first.stop()
            second = await peers.start(old, incarnation=3)
            with pytest.raises(
                RunFailed, match=f"{other} has seen incarnation 5 of {old}, this process is 3"
            ):
                await asyncio.wait_for(asyncio.shield(second.node.ended), 20)
            await second.stop()
            await neighbour.stop()


async def test_an_error_of_its_own_ends_the_peer_with_a_reason(tmp_path, monkeypatch, caplog):
    async with lab(NETWORK, DATA, tmp_path, absent=("p1", "p2", "p3", "p4")) as peers:
        node = peers.peers["p0"].node

        def broken(event):
            raise LookupError("a bug")

        monkeypatch.setattr(node.machine, "handle", broken)
        node.cancel("a", "x")  # not known: the machine is not asked
        assert not node.ended.done()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(node.submit(Offer("a", b"{}")), 0.05)
        with pytest.raises(RunFailed, match="an error of its own"):
            await node.ended
    assert "LookupError: a bug" in caplog.text


async def test_after_an_error_of_its_own_a_peer_does_nothing_more(tmp_path, monkeypatch):
    async with lab(NETWORK, DATA, tmp_path, absent=("p1", "p2", "p3", "p4")) as peers:
        node = peers.peers["p0"].node
        node.fail(RunFailed("the disk is full"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(node.submit(Offer("a", canonical_spec(LONG))), 0.05)
        assert "a" not in node.machine.records


@pytest.mark.parametrize("fault", ["raises", "is cancelled"])
async def test_a_link_whose_task_has_ended_ends_the_peer_by_name(tmp_path, monkeypatch, fault):
    monkeypatch.setattr(lookout, "LOOK_EVERY_S", 0.05)
    error = LookupError("a bug") if fault == "raises" else asyncio.CancelledError()

    async def broken(*_):
        raise error

    async with lab(NETWORK, DATA, tmp_path, absent=("p1", "p2", "p3", "p4")) as peers:
        node = peers.peers["p0"].node
        monkeypatch.setattr(node.links, "_dial_once", broken)
        with pytest.raises((LookupError, RuntimeError), match=r"a bug|'dial p1' was cancelled"):
            await asyncio.wait_for(asyncio.shield(node.ended), 20)


async def test_a_lonely_peer_names_whom_it_misses(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(lookout, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(lookout, "LONG_S", 0.1)
    caplog.set_level(logging.INFO, "difpeer")
    async with lab(NETWORK, DATA, tmp_path, absent=("p1", "p2", "p3", "p4")):
        await until(lambda: "no link to p1 (" in caplog.text)
    (first, *_) = [line for line in caplog.messages if line.startswith("no link to")]
    assert "p2 (" in first


async def test_a_run_goes_on_without_its_ledger_and_says_so(tmp_path, caplog):
    async with lab(NETWORK, DATA, tmp_path) as peers, peers.client("p0") as client:
        # As a disk that fails: every write from now on.
        peers.peers["p2"].ledger._connection.close()
        await client.submit("a", canonical_spec(dif_spec(rank=2, iterations=20)))
        last = await peers.finished(client, "a")
        assert {reply.status.state for reply in last.values()} == {RunState.CLOSED}
        await until(lambda: "the ledger lost" in caplog.text)
        peers.peers["p2"].stopped = True
        await peers.peers["p2"].node.stop("the test stops it")
        await peers.peers["p2"].service.stop(0.2)


async def test_health_says_serving_and_then_not(tmp_path, monkeypatch):
    async with lab(NETWORK, DATA, tmp_path, absent=("p1", "p2", "p3", "p4")) as peers:
        address = peers.network.peers["p0"].address
        async with grpc.aio.insecure_channel(address, options=control_channel()) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            reply = await health.Check(health_pb2.HealthCheckRequest())
            assert reply.status == health_pb2.HealthCheckResponse.SERVING
            told = []
            relay = peers.peers["p0"].service.relay
            close = relay.close

            async def closing():
                """Of the stop's steps the one before new requests are refused."""
                told.append((await health.Check(health_pb2.HealthCheckRequest())).status)
                await close()

            monkeypatch.setattr(relay, "close", closing)
            await peers.peers["p0"].stop()
            assert told == [health_pb2.HealthCheckResponse.NOT_SERVING]
            with pytest.raises(grpc.aio.AioRpcError):
                await health.Check(health_pb2.HealthCheckRequest())


async def test_nothing_of_a_stopped_peer_is_left(tmp_path):
    before = asyncio.all_tasks()
    async with lab(NETWORK, DATA, tmp_path) as peers, peers.client("p0") as client:
        await client.submit("a", canonical_spec(LONG))
        node = peers.peers["p4"].node
        await until(lambda: node.books.current is not None)
    left = {
        task
        for task in asyncio.all_tasks() - before
        if not task.done() and "grpc" not in repr(task.get_coro())
    }
    assert left == set()


async def test_what_is_not_on_disk_is_never_told(tmp_path, monkeypatch):
    """A disk that fails: the peer stops by name, and no neighbour has heard of more than its files hold."""
    async with lab(NETWORK, DATA, tmp_path) as peers, peers.client("p0") as client:
        failing = peers.peers["p4"]
        await client.submit("a", canonical_spec(LONG))
        await until(lambda: failing.node.books.current and failing.node.books.current.driver.iteration)
        fsync = os.fsync

        def fails(descriptor):
            if str(failing.folder.runs) in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", fails)
        with pytest.raises(RunFailed, match=r"p4 stops: .* cannot be written \(Input/output error\)"):
            await asyncio.wait_for(asyncio.shield(failing.node.ended), 20)
        monkeypatch.undo()
        await failing.stop()
        (held,) = read_runs(failing.folder)
        announced = peers.peers["p3"].node.machine.engines["a"].edges["p4"].neighbour_durable
        assert 0 < announced <= held.checkpoints[-1].round
        # Cancelled by nobody: the others wait for it.
        assert peers.peers["p3"].node.machine.records["a"].state is RunState.RUNNING


async def test_a_follower_hears_of_a_peer_also_where_nothing_changes(tmp_path, monkeypatch):
    """A long segment of the program changes no number; a peer that stands still must not look the same."""
    monkeypatch.setattr(operations, "SIGN_EVERY_S", 0.1)
    async with lab(NETWORK, DATA, tmp_path, absent=("p1",)) as peers, peers.client("p0") as client:
        await client.submit("a", canonical_spec(LONG))
        node = peers.peers["p0"].node
        always = operations.run_status(node.machine, node.machine.records["a"], node.books.notes["a"])
        monkeypatch.setattr(operations, "run_status", lambda *_: always)
        heard = []
        async with asyncio.timeout(20):
            async for reply in client.watch("a", "p0", 20):
                heard.append(reply)
                if len(heard) == 3:
                    break
    assert heard[0] == heard[1] == heard[2]
