"""Many handshakes at once, and keys that change meanwhile: a peer that serves lives on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import grpc

from peer.identity.certificates import tls_name
from peer.identity.issuing import issue_one
from peer.identity.ring import certificate_file, key_file
from peer.runtime.links import MOST_UNSPOKEN
from peer.runtime.settings import data_channel
from peer.wire.envelope import STREAM_PATH
from tests.support.network import PROCESSES, Lab, eventually, lab
from tests.support.problems import local_data, make_tasks, network_of
from topology.address import parse_address

pytestmark = PROCESSES

PAIR = network_of([("p0", "p1")])
DATA = local_data(make_tasks(PAIR.names, (2, 2), 8))
CROWD = 1_000


async def knock(address: str) -> None:
    """Connect, begin no handshake, and go."""
    with suppress(OSError):
        _, writer = await asyncio.open_connection(*parse_address(address))
        writer.close()


async def test_a_crowd_does_not_kill_a_peer(tmp_path):
    """gRPC frees a configuration under handshakes that begin with it where it gets a new one each time."""
    async with lab(PAIR, DATA, tmp_path) as network, network.client("p1") as client:
        for _ in range(CROWD // 100):
            await asyncio.gather(*(knock(network.address("p1")) for _ in range(100)))
        assert network.processes["p1"].returncode is None
        assert (await client.status()).peer == "p1"


async def test_nor_do_certificates_that_change_under_it(tmp_path):
    async with lab(PAIR, DATA, tmp_path) as network, network.client("p1") as client:
        crowd = asyncio.create_task(keep_knocking(network.address("p1")))
        try:
            for number in range(1, 4):
                issue_one(network.network_file, "p0")

                async def told(number: int = number) -> bool:
                    return network.log("p1").count("have been read again") >= number

                await eventually(told, "the files are read again")
        finally:
            crowd.cancel()
        assert network.processes["p1"].returncode is None
        assert (await client.status()).peer == "p1"


async def test_a_neighbour_may_have_few_streams_without_a_hello(tmp_path):
    """The one on which it has said Hello is not counted, and does not end."""
    async with (
        lab(PAIR, DATA, tmp_path) as network,
        network.client("p1") as client,
        neighbour(network) as channel,
    ):

        async def up() -> bool:
            links = (await client.status()).links
            return bool(links) and all(link.up for link in links)

        await eventually(up, "the link is up")
        silent = [channel.stream_stream(STREAM_PATH)() for _ in range(3 * MOST_UNSPOKEN)]
        reads = [asyncio.create_task(call.read()) for call in silent]
        try:

            def ended() -> int:
                return sum(read.done() for read in reads)

            await eventually(lambda: ended() >= 2 * MOST_UNSPOKEN, "those beyond are ended")
            assert f"ended a stream of p0: it has {MOST_UNSPOKEN} others that say nothing" in network.log(
                "p1"
            )
            assert await up()
        finally:
            for read in reads:
                read.cancel()
            await asyncio.gather(*reads, return_exceptions=True)


@asynccontextmanager
async def neighbour(network: Lab) -> AsyncIterator[grpc.aio.Channel]:
    """A second connection to p1 with the key of p0."""
    file = network.network_file
    credentials = grpc.ssl_channel_credentials(
        *(certificate_file(file, "p1").read_bytes(), key_file(file, "p0").read_bytes()),
        certificate_file(file, "p0").read_bytes(),
    )
    options = [*data_channel(), ("grpc.ssl_target_name_override", tls_name("p1"))]
    async with grpc.aio.secure_channel(network.address("p1"), credentials, options=options) as channel:
        yield channel


async def keep_knocking(address: str) -> None:
    while True:
        await asyncio.gather(*(knock(address) for _ in range(100)))
