"""Peers that nobody can dial, as behind NAT: rounds and requests reach them all the same. Real processes."""

from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from peer.measure.run_folder import read_run_folder
from peer.runtime.access import Loopback, Place, Secured
from peer.runtime.credentials import Credentials
from peer.runtime.reach import NAME_KEY
from peer.runtime.settings import control_channel
from peer.wire.reach import OFFER_PATH
from tests.support.network import PROCESSES, Lab, difpeer, eventually, living, start
from tests.support.problems import dif_spec, local_data, make_tasks
from topology.network import Network
from topology.yamlfile import validate

pytestmark = PROCESSES

NETWORK = {
    "name": "behind",
    "peers": {"p0": {}, "p1": {}, "p2": {}, "p3": {}},
    # p2 and p3 dial; between them is only what can be dialled.
    "edges": [["p0", "p1"], {"peers": ["p0", "p2"], "dial": "p2"}, {"peers": ["p1", "p3"], "dial": "p3"}],
}
HIDDEN = ("p2", "p3")


class Behind(Lab):
    """A network in whose file two peers have no address: where they listen nobody is told."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.listens = {name: self.address(name) for name in HIDDEN}
        peers = {
            name: entry.model_copy(update={"address": None}) if name in HIDDEN else entry
            for name, entry in self.network.peers.items()
        }
        self.network = self.network.model_copy(update={"peers": peers})

    def command_for(self, name):
        listen = ("--listen", self.listens[name]) if name in HIDDEN else ()
        return [*super().command_for(name), *listen]

    def via(self, name="p0"):
        where = f"{name}@{self.listens[name]}" if name in HIDDEN else self.address(name)
        return ("--via", where, *self.access.words.split())


@asynccontextmanager
async def behind(tmp_path, **options):
    network = validate(Network, NETWORK)
    tasks = make_tasks(network.names, (2, 2, 2, 2), 20, dim=12, rank=2, seed=3)
    async with Behind(network, local_data(tasks), tmp_path, **options) as local:
        yield local
    assert not living(tmp_path)


async def test_a_run_through_a_peer_that_can_dial_neither_of_them_is_whole(tmp_path):
    spec = dif_spec(rank=2, iterations=6, agreement={"rounds": 3})
    async with behind(tmp_path) as local:
        done = await difpeer(
            "run", local.spec_file(spec), *local.via("p0"), "--out", tmp_path / "runs", "--json", tmp=tmp_path
        )
        assert done.document["result_digest"] == local.digests(spec)
        folder = read_run_folder(tmp_path / "runs" / done.document["run_id"])
        assert not folder.summary.get("missing")


async def test_each_of_them_is_asked_by_its_own_machine_and_reaches_the_other(tmp_path):
    async with behind(tmp_path) as local:
        told = (await difpeer("status", *local.via("p3"), "--json")).document["peers"]
        assert {name: reply.get("peer") for name, reply in told.items()} == {
            name: name for name in local.network.names
        }


async def test_without_tls_they_are_reached_too(tmp_path):
    async with behind(tmp_path, secure=False) as local:
        words = ("--via", local.address("p0"), "--insecure-loopback", "--json")
        told = (await difpeer("status", *words)).document["peers"]
        assert all("error" not in reply for reply in told.values())
        for name in local.network.names:
            assert ".cc:" not in local.log(name)  # lines of gRPC's core


async def test_one_that_is_away_is_named_and_is_reached_again_when_it_is_back(tmp_path):
    async with behind(tmp_path) as local:
        await local.kill("p2")

        async def told():
            return (await difpeer("status", *local.via("p0"), "--json")).document["peers"]["p2"]

        away = (await told())["error"]
        assert away.startswith(
            "p2 (which has to connect to p0 itself, and has not) cannot be reached from p0"
        )
        await local.start("p2")

        async def back():
            return (await told()).get("peer") == "p2"

        await eventually(back, "p2 to be reached")


async def test_a_run_outlives_a_kill_of_one(tmp_path):
    spec = dif_spec(rank=2, iterations=60, agreement={"rounds": 3})
    async with behind(tmp_path) as local:
        running = await start(
            "run", local.spec_file(spec), *local.via("p1"), "--out", tmp_path / "runs", "--json", tmp=tmp_path
        )
        await running.says("round")
        await local.kill("p3")
        await local.start("p3")
        assert (await running.ended()).document["result_digest"] == local.digests(spec)


async def test_a_peer_without_address_that_has_to_be_dialled_is_refused(tmp_path):
    async with behind(tmp_path, absent=("p0", "p1", "p2", "p3")) as local:
        text = local.network_file.read_text().replace("dial: p2", "dial: p0")
        local.network_file.write_text(text)
        ended = await difpeer(*local.command_for("p2")[4:])
        assert ended.status == 2
        assert "p2 has no address, and p0 has to dial it" in ended.error
        assert "dial: p2" in ended.error


async def test_where_nothing_says_where_to_listen(tmp_path):
    async with behind(tmp_path, absent=("p0", "p1", "p2", "p3")) as local:
        command = local.command_for("p2")[4:]
        ended = await difpeer(*command[: command.index("--listen")])
        assert ended.status == 2
        assert "--listen: p2 has no address in the network file" in ended.error


async def offer(access, address, name):
    """What comes of offering p0 a stream under a name."""
    channel, _ = access.channel(Place("p0", address), control_channel())
    async with channel:
        call = channel.stream_stream(OFFER_PATH)(metadata=((NAME_KEY, name),))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
    return caught.value.code(), caught.value.details()


async def test_only_neighbours_offer_streams_and_the_key_says_who_it_is(tmp_path):
    refused = (grpc.StatusCode.PERMISSION_DENIED, "")
    async with behind(tmp_path, absent=("p1", "p2", "p3")) as local:
        operator = Secured(Credentials(Path(local.network_file)))
        assert await offer(operator, local.address("p0"), "p2") == refused
        assert "the operator operator is no neighbour" in local.log("p0")
        itself = Secured(Credentials(Path(local.network_file), name="p0"))
        assert await offer(itself, local.address("p0"), "p2") == refused


async def test_without_tls_a_name_that_is_no_neighbour_s_is_refused(tmp_path):
    async with behind(tmp_path, absent=("p1", "p2", "p3"), secure=False) as local:
        for name in ("p3", "p9", ""):
            code, _ = await offer(Loopback(), local.address("p0"), name)
            assert code is grpc.StatusCode.PERMISSION_DENIED
