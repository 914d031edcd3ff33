"""Requests that are passed on, and what comes back for them."""

from contextlib import asynccontextmanager

import grpc
import pytest

from peer.config import RunFailed
from peer.runtime.settings import server_options
from peer.wire.control import CONTROL_SERVICE, STATUS, WATCH, encode
from peer.wire.requests import StatusRequest, WatchRequest
from tests.support.problems import local_data, make_tasks, network_of
from tests.unit.runtime.nodes import lab

PAIR = network_of([("p0", "p1")])
DATA = local_data(make_tasks(PAIR.names, (2, 2), 8))


@asynccontextmanager
async def answering(address, data):
    """Somebody at a peer's address who answers every request with the same bytes."""

    async def reply(request, context):
        return data

    async def replies(request, context):
        yield data

    server = grpc.aio.server(options=server_options(2))
    methods = {
        STATUS.name: grpc.unary_unary_rpc_method_handler(reply),
        WATCH.name: grpc.unary_stream_rpc_method_handler(replies),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(CONTROL_SERVICE, methods),))
    server.add_insecure_port(address)
    await server.start()
    try:
        yield
    finally:
        await server.stop(0)


async def test_a_next_hop_that_answers_with_nonsense_is_named_and_the_request_is_not_blamed(tmp_path):
    async with lab(PAIR, DATA, tmp_path, absent=("p1",)) as peers:
        own, other = (str(peers.network.peers[name].address) for name in PAIR.names)
        async with answering(other, b"\xff\xff"), grpc.aio.insecure_channel(own) as channel:
            asked = channel.unary_unary(STATUS.path)(encode(StatusRequest("p1")))
            followed = channel.unary_stream(WATCH.path)(encode(WatchRequest("p1", "a", 100)))
            for method, answer in ((STATUS, asked), (WATCH, followed.read())):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await answer
                assert caught.value.code() is grpc.StatusCode.INTERNAL
                assert f"p1 answers p0 what is no {method.name} reply" in caught.value.details()
            async with peers.client("p0") as client:
                with pytest.raises(RunFailed, match=r"^p1 answers p0 what is no Status reply"):
                    await client.status("p1")
