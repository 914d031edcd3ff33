"""What gRPC really sends on a stream with our options: the frames that the framing model counts, and no others."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import numpy as np
import pytest

from peer.identity.certificates import issue, tls_name
from peer.identity.keys import key_pem, new_key
from peer.measure.framing import (
    LONG_BYTES,
    OPENING_ACCEPTED_BYTES,
    OPENING_DIALLED_BYTES,
    RECORD_BYTES,
    RECORD_HOLDS,
    TLS_OPENING_ACCEPTED_BYTES,
    TLS_OPENING_DIALLED_BYTES,
    records,
)
from peer.measure.tcp_info import available
from peer.protocol.messages import Value
from peer.protocol.payload import Tensor
from peer.report.framing import read_framing
from peer.report.reading import open_books
from peer.runtime.settings import data_channel, server_options
from peer.wire.envelope import EXCHANGE_SERVICE, STREAM, STREAM_PATH, encode_message
from tests.support.http2 import Frame, frames_to
from tests.support.network import difpeer, lab
from tests.support.problems import dif_spec, local_data, make_tasks, network_of
from tests.support.records import APPLICATION_DATA, records_to
from topology.network import read_network

SHAPES = {40: (5, 1), 616: (77, 1), 19_200: (600, 4), 640_000: (10_000, 8)}
"""By payload bytes, of float64."""

SHORT = {"power_iterations": 1, "agreement_rounds": 1}

RESIDUAL_BYTES = 8


def message(shape):
    data = np.linalg.qr(np.random.default_rng(1).standard_normal(shape))[0].tobytes()
    return encode_message(
        Value("20261121-120000-abcdef", 412, 415, "descent", (Tensor("<f8", shape, data),), bytes(16), 400)
    )


class Ends:
    """Both ends of one stream in this process: of a call, and of the handler that it meets."""

    def __init__(self, call: Any, context: Any) -> None:
        self.call = call
        self.context = context

    async def rounds(self, data: bytes, count: int) -> None:
        """Each end sends and then waits for the other, as often as told."""

        async def one(end: Any) -> None:
            for _ in range(count):
                await end.write(data)
                assert len(await end.read()) == len(data)

        await asyncio.gather(one(self.call), one(self.context))


def certified(name: str) -> tuple[bytes, bytes]:
    """A key and its certificate."""
    key = new_key()
    return key_pem(key), issue(name, key, datetime.now(UTC), timedelta(days=1)).pem


KEYS = {name: certified(name) for name in ("p0", "p1")}


@asynccontextmanager
async def server_of_one(secure: bool = False) -> AsyncIterator[tuple[int, asyncio.Future[Any]]]:
    """A server with a peer's options; its port, and the context of the first stream."""
    accepted: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def accept(_: object, context: Any) -> None:
        accepted.set_result(context)
        await over.wait()

    server = grpc.aio.server(options=server_options(4))
    handlers = {STREAM: grpc.stream_stream_rpc_method_handler(accept)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(EXCHANGE_SERVICE, handlers),))
    if secure:
        credentials = grpc.ssl_server_credentials([KEYS["p1"]], KEYS["p0"][1], require_client_auth=True)
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port, accepted
    finally:
        over.set()
        await server.stop(0)


@asynccontextmanager
async def ends(port: int, accepted: "asyncio.Future[Any]", secure: bool = False) -> AsyncIterator[Ends]:
    options = [*data_channel(), ("grpc.ssl_target_name_override", tls_name("p1"))]
    credentials = grpc.ssl_channel_credentials(KEYS["p1"][1], *KEYS["p0"])
    made = (
        grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options=options)
        if secure
        else grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=data_channel())
    )
    async with made as channel:
        call: Any = channel.stream_stream(STREAM_PATH)()
        await call.wait_for_connection()
        yield Ends(call, await accepted)
        call.cancel()


@pytest.mark.network
@pytest.mark.skipif(not available(), reason="TCP_INFO of own sockets is Linux's")
@pytest.mark.parametrize("secure", [True, False], ids=["tls", "plaintext"])
@pytest.mark.parametrize("payload_bytes", SHAPES)
async def test_the_model_explains_what_tcp_sent_within_8_bytes_a_message(payload_bytes, secure, tmp_path):
    """On every edge and direction of a run by real processes, from their ledgers."""
    dim, rank = SHAPES[payload_bytes]
    network = network_of([("p0", "p1"), ("p0", "p2"), ("p1", "p2")])
    data = local_data(make_tasks(network.names, (rank,) * 3, 2 * rank, dim=dim, rank=rank, seed=3))
    spec = dif_spec(rank=rank, iterations=10, agreement={"rounds": 25}, init=SHORT)
    async with lab(network, data, tmp_path, secure=secure) as peers:
        done = await difpeer(
            *("run", peers.spec_file(spec), *peers.via("p0"), "--out", tmp_path / "runs", "--json")
        )
    folder = tmp_path / "runs" / done.document["run_id"]
    with open_books(folder / "ledger.sqlite") as books:
        framing = read_framing(books, read_network(folder / "network.yaml"), tls=secure)
        (values,) = books.execute("SELECT max(payload_bytes) FROM messages").fetchone()
    assert values == payload_bytes
    assert json.loads((folder / "summary.json").read_text())["tls"] is secure
    assert len(framing) == 6
    for edge, one in framing.items():
        print(edge, one, f"{one.residual_bytes:.2f} B a message")
        assert one.messages > 250
        # In how many writes a long message goes depends on what the link bears; each begins a record.
        allowed = RESIDUAL_BYTES + RECORD_BYTES * (secure and payload_bytes > LONG_BYTES)
        assert abs(one.residual_bytes) <= allowed, edge


@pytest.mark.parametrize("payload_bytes", SHAPES)
async def test_the_frames_are_those_that_the_model_counts(payload_bytes):
    data, count = message(SHAPES[payload_bytes]), 50
    async with (
        server_of_one() as (port, accepted),
        frames_to(port) as relay,
        ends(relay.port, accepted) as both,
    ):
        await both.rounds(data, count)
        await relay.until(lambda: all(whole(frames.found, data, count) for frames in relay.frames.values()))
        for way, opening in (("up", OPENING_DIALLED_BYTES - 24), ("down", OPENING_ACCEPTED_BYTES)):
            frames = relay.frames[way]
            kinds = frames.kinds()
            assert set(kinds) == {"SETTINGS", "HEADERS", "DATA", "WINDOW_UPDATE", "PING"}
            # The connection's window is opened once; dialling, HEADERS name an address of 14 or 15 characters. SETTINGS
            # come again when gRPC has learnt what the link bears.
            begun = next(i for i, frame in enumerate(frames.found) if frame.kind == "DATA")
            fixed = [frame.size for frame in frames.found[:begun] if frame.kind in ("SETTINGS", "HEADERS")]
            assert opening - 2 <= sum(fixed) + 13 <= opening
            long = len(data) > LONG_BYTES
            # Of long messages the first few are in more pieces, until gRPC knows the link.
            assert count * (1 + long) <= kinds["DATA"] <= count * (1 + long) + 10 * long
            assert {frame.size for frame in frames.found if frame.kind == "PING"} == {17}
            # Two for each message that came; fewer where one was for two, more where a ping flushed them early.
            updates = kinds["WINDOW_UPDATE"] - 1
            assert count <= updates <= 2 * count + 2 * kinds["PING"] + 10 * long


@pytest.mark.parametrize("payload_bytes", SHAPES)
async def test_the_records_are_those_that_the_model_counts(payload_bytes):
    data, count = message(SHAPES[payload_bytes]), 50
    async with (
        server_of_one(secure=True) as (port, accepted),
        records_to(port) as relay,
        ends(relay.port, accepted, secure=True) as both,
    ):
        begun = relay.up, relay.down
        await both.rounds(data, count)
        for opening, expected in zip(
            begun, (TLS_OPENING_DIALLED_BYTES, TLS_OPENING_ACCEPTED_BYTES), strict=True
        ):
            # What opens may still be on its way; never is there more than the model says, but for odd signatures.
            assert 0.5 * expected < opening <= expected + 50
        for way in ("up", "down"):
            found = [one.size for one in relay.records[way].found if one.kind == APPLICATION_DATA]
            assert max(found) <= RECORD_HOLDS + RECORD_BYTES
            # Pings and their acknowledgements have some of their own; the first long ones are in more pieces.
            assert (
                count * records(len(data)) * 0.95 - 5 <= len(found) <= count * (records(len(data)) + 1) + 50
            )
            full = sum(size == RECORD_HOLDS + RECORD_BYTES for size in found)
            assert full >= 0.9 * count * (len(data) // RECORD_HOLDS)


def whole(frames: list[Frame], data: bytes, count: int) -> bool:
    """Whether all messages, each with a prefix of five bytes, have passed."""
    return sum(len(frame.body) for frame in frames if frame.kind == "DATA") == count * (len(data) + 5)
