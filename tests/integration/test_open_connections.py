"""Expiry and removal hold on what is open already: passed-on requests, the connections that bear them, idle ones."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from peer.config import canonical_spec
from peer.identity.certificates import issue
from peer.identity.issuing import issue_all, write_certificates
from peer.identity.keys import read_key
from peer.identity.ring import certificate_file, key_file
from peer.runtime import renewal, service, settings
from peer.runtime.access import Place, Secured
from peer.runtime.client import Client, PeerAway
from peer.runtime.credentials import Credentials
from peer.runtime.door import GuardedDoor
from peer.runtime.renewal import keep_renewed
from peer.runtime.settings import control_channel
from tests.support.problems import dif_spec, local_data, make_tasks, network_of
from tests.unit.runtime.nodes import connections_to, lab, until
from topology.errors import InputError
from topology.network import write_network

CHAIN = network_of([("p0", "p1"), ("p1", "p2")])
DATA = local_data(make_tasks(CHAIN.names, (1, 1, 1), 6, dim=4, rank=1, seed=1))
SPEC = canonical_spec(dif_spec(rank=1, iterations=10))
"""Its run waits for p2, which is away: a watch of it goes on, with a reply each second."""


@asynccontextmanager
async def waiting(tmp_path, *operators):
    """p0 and p1 with keys, and a run that is on at both."""
    async with lab(CHAIN, DATA, tmp_path, absent=("p0", "p1", "p2"), secure=True) as peers:
        if operators:
            peers.network = issue_all(peers.network_file, peers.network, operators)
            write_network(peers.network, peers.network_file)
        await peers.start("p0")
        await peers.start("p1")
        async with asked(peers, "p0") as client:
            await client.submit("a", SPEC)
            await until(lambda: "a" in peers.peers["p1"].node.machine.records)
        yield peers


def asked(peers, name, operator="operator"):
    key = key_file(peers.network_file, operator)
    access = Secured(Credentials(peers.network_file, key))
    return Client(str(peers.network.peers[name].address), access, patience_s=0.5)


@asynccontextmanager
async def beside(coroutine):
    task = asyncio.create_task(coroutine)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def following(client):
    async for _ in client.watch("a", "p1"):
        pass


def without(peers, name):
    """p1 hears that somebody's key is pinned no longer; p0 does not."""
    operators = {other: keys for other, keys in peers.network.operators.items() if other != name}
    changed = peers.network.model_copy(update={"operators": operators})
    if name in changed.peers:
        changed = changed.with_keys({name: ("sha256:" + "0" * 64,)}, {})
    write_network(changed, peers.network_file)
    assert peers.credentials["p1"].refresh()


async def test_a_relay_s_connection_ends_with_the_neighbour_s_certificate(tmp_path, monkeypatch):
    monkeypatch.setattr(renewal, "LOOK_EVERY_S", 0.1)
    async with waiting(tmp_path) as peers:
        p0, known = peers.peers["p0"], peers.credentials["p0"]
        door = GuardedDoor(known, ("p1",))
        file, key = peers.network_file, read_key(key_file(peers.network_file, "p1"))
        short = issue("p1", key, datetime.now(UTC), timedelta(seconds=6))
        write_certificates(certificate_file(file, "p1"), [short])
        assert peers.credentials["p1"].refresh()
        renewing = keep_renewed(known, peers.network, p0.node.links, p0.service.relay, door)
        async with beside(renewing), asked(peers, "p0") as client:
            await until(lambda: known.known.ring.certificates["p1"] == (short,))
            with pytest.raises(PeerAway, match="p1 cannot be reached from p0: the certificate of p1 expired"):
                await asyncio.wait_for(following(client), 20)
            assert datetime.now(UTC) > short.not_after
            with pytest.raises(PeerAway, match="the certificate of p1 expired"):
                await client.status("p1")


async def test_a_passed_on_watch_ends_with_its_operator(tmp_path, caplog):
    async with (
        waiting(tmp_path, "bob") as peers,
        asked(peers, "p0") as alice,
        asked(peers, "p0", "bob") as bob,
    ):
        replies = {"alice": 0, "bob": 0}

        async def follow(name, client):
            async for _ in client.watch("a", "p1"):
                replies[name] += 1

        async with beside(follow("bob", bob)), asyncio.timeout(20):
            await until(lambda: replies["bob"])
            ended = asyncio.create_task(follow("alice", alice))
            await until(lambda: replies["alice"])
            without(peers, "operator")
            with pytest.raises(InputError, match="p1 does not take it from p0"):
                await ended
            assert "operator" in caplog.text
            before = replies["bob"]
            await until(lambda: replies["bob"] > before)


def channel_of(peers, name):
    """Somebody's connection to p1."""
    access = Secured(Credentials(peers.network_file, key_file(peers.network_file, name)))
    address = str(peers.network.peers["p1"].address)
    return access.channel(Place("p1", address), control_channel())[0]


@pytest.mark.parametrize("name", ["p0", "operator"])
async def test_health_asks_who_it_is_at_each_request(tmp_path, name):
    request = health_pb2.HealthCheckRequest()
    async with waiting(tmp_path) as peers, channel_of(peers, name) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        assert (await health.Check(request)).status == health_pb2.HealthCheckResponse.SERVING
        without(peers, name)
        for call in (health.Check(request), health.List(health_pb2.HealthListRequest())):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.PERMISSION_DENIED, "")
            assert not caught.value.trailing_metadata()
        call = health.Watch(request)
        with pytest.raises(grpc.aio.AioRpcError):
            async with asyncio.timeout(10):
                await call.read()
        assert (await call.code(), await call.details()) == (grpc.StatusCode.PERMISSION_DENIED, "")


async def test_health_is_told_when_asked_and_not_followed(tmp_path):
    async with waiting(tmp_path) as peers:
        for name in ("p0", "p1", "operator"):
            async with channel_of(peers, name) as channel:
                health = health_pb2_grpc.HealthStub(channel)
                reply = await health.Check(health_pb2.HealthCheckRequest())
                assert reply.status == health_pb2.HealthCheckResponse.SERVING
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    async with asyncio.timeout(10):
                        await health.Watch(health_pb2.HealthCheckRequest()).read()
                assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_an_idle_connection_is_closed_and_a_relay_makes_another(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "IDLE_MS", 400)
    async with waiting(tmp_path) as peers, channel_of(peers, "p0") as channel, asked(peers, "p0") as client:
        await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert channel.get_state() is grpc.ChannelConnectivity.READY
        assert (await client.status("p1")).peer == "p1"
        async with beside(following(client)) as follow:
            begun = monotonic()
            await until(lambda: channel.get_state() is grpc.ChannelConnectivity.IDLE)
            assert monotonic() - begun > 0.2  # not closed for anything else
            # The edge's stream, and a watch with a reply each second, are no idle connections.
            for node in (peers.peers["p0"].node, peers.peers["p1"].node):
                up = {name for name, state in node.links.states.items() if state.up}
                assert up == {"p0", "p1"} - {node.name}
                assert monotonic() - node.links.states[up.pop()].since_s > 0.4
            assert not follow.done()
        # Now the relay's two are idle, and only the edge's is left.
        await until(lambda: len(connections_to(str(peers.network.peers["p1"].address))) == 1)
        assert (await client.status("p1")).peer == "p1"


async def test_an_operator_s_places_are_counted_by_operator_and_not_by_who_passes_on(tmp_path, monkeypatch):
    most = 8 * len(CHAIN.names)
    monkeypatch.setattr(service, "MOST_FOLLOWED", most)
    async with (
        waiting(tmp_path, "bob") as peers,
        asked(peers, "p0") as alice,
        asked(peers, "p0", "bob") as bob,
    ):
        p1 = peers.peers["p1"].node
        async with asyncio.TaskGroup() as group:
            follows = [group.create_task(following(alice)) for _ in range(most)]
            await until(lambda: len(p1.watchers) == most)
            follows.append(group.create_task(following(bob)))
            await until(lambda: len(p1.watchers) == most + 1)
            # Directly or by a neighbour: they are the same operator's.
            with pytest.raises(Exception, match=f"operator has {most} requests that go on here already"):
                async with asyncio.timeout(10), asked(peers, "p1") as direct:
                    await following(direct)
            for follow in follows:
                follow.cancel()
