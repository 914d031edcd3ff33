"""The floor under a consensus round: processes that exchange bare bytes with their neighbours.

One process per peer of a network file. It reads ``rounds N`` lines from stdin, exchanges N times with every
neighbour, and answers ``done`` and how many bytes TCP has sent so far. Modes: ``stream`` (one bidirectional grpc.aio
stream per edge), ``stream-tls`` (the same, with the keys and certificates beside the network file, as a peer uses
them), ``unary`` (one grpc.aio call per neighbour and round), ``tcp`` (asyncio streams with a length, no gRPC).
"""

import asyncio
import os
import socket
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import uvloop
from grpc import aio

from peer.measure.tcp_info import HEADERS_IPV4, available, parse_tcp_info, tcp_info
from peer.runtime.access import Place, Secured
from peer.runtime.credentials import Credentials
from peer.runtime.door import GuardedDoor
from topology.network import Network, read_network

METHOD = "/difpeer.floor/Exchange"
OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.so_reuseport", 0)]


class Exchange:
    """What each mode offers: one message to, and one from, every neighbour."""

    def __init__(self, network: Network, name: str, payload: bytes) -> None:
        self.network = network
        self.name = name
        self.payload = payload
        self.inbound: dict[str, asyncio.Queue[bytes]] = {n: asyncio.Queue() for n in network.neighbours(name)}
        self.streams: dict[str, Any] = {}
        self.ready = asyncio.Event()
        self.over = asyncio.Event()

    def dialled(self) -> list[str]:
        """Neighbours that this peer dials."""
        return [n for n in self.inbound if self.network.edge(self.name, n).dialler == self.name]

    def address(self, name: str) -> str:
        """Where a peer listens."""
        address = self.network.peers[name].address
        assert address is not None
        return address

    def joined(self, neighbour: str, stream: Any) -> None:
        """Note a neighbour's stream."""
        self.streams[neighbour] = stream
        if len(self.streams) == len(self.inbound):
            self.ready.set()


class StreamExchange(Exchange):
    """One bidirectional stream per edge; the name of the dialler is its first message."""

    async def start(self) -> None:
        self.server = aio.server(options=OPTIONS)
        handler = grpc.stream_stream_rpc_method_handler(self._serve)
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("difpeer.floor", {"Exchange": handler}),)
        )
        self.listen()
        await self.server.start()
        self.channels = []
        for neighbour in self.dialled():
            channel = self.channel(neighbour)
            self.channels.append(channel)
            await channel.channel_ready()
            call = channel.stream_stream(METHOD)()
            await call.write(self.name.encode())
            self.joined(neighbour, call)

    def listen(self) -> None:
        """Without TLS."""
        self.server.add_insecure_port(self.address(self.name))

    def channel(self, neighbour: str) -> aio.Channel:
        """Likewise."""
        return aio.insecure_channel(self.address(neighbour), options=OPTIONS)

    async def _serve(self, _: Any, context: Any) -> None:
        name = (await context.read()).decode()
        self.joined(name, context)
        await self.over.wait()

    async def round(self) -> None:
        """Write to all, then read from all: the plain form of an exchange."""
        for stream in self.streams.values():
            await stream.write(self.payload)
        for stream in self.streams.values():
            assert len(await stream.read()) == len(self.payload)


class SecuredStreamExchange(StreamExchange):
    """The same with TLS, as :mod:`peer.runtime.door` and :mod:`peer.runtime.access` have it."""

    credentials: Credentials

    def listen(self) -> None:
        """As a peer does, for its neighbours."""
        GuardedDoor(self.credentials, self.network.neighbours(self.name)).open(
            self.server, self.address(self.name)
        )

    def channel(self, neighbour: str) -> aio.Channel:
        """To nobody but this neighbour."""
        place = Place(neighbour, self.address(neighbour))
        return Secured(self.credentials).channel(place, OPTIONS)[0]


class UnaryExchange(Exchange):
    """One call per neighbour and round: the message goes out as the request, the answer is empty."""

    async def start(self) -> None:
        self.server = aio.server(options=OPTIONS)
        handlers = {n: grpc.unary_unary_rpc_method_handler(self._serve(n)) for n in self.inbound}
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("difpeer.floor", handlers),)
        )
        self.server.add_insecure_port(self.address(self.name))
        await self.server.start()
        for neighbour in self.inbound:
            channel = aio.insecure_channel(self.address(neighbour), options=OPTIONS)
            await channel.channel_ready()
            self.joined(neighbour, channel.unary_unary(f"/difpeer.floor/{self.name}"))

    def _serve(self, neighbour: str) -> Any:
        async def receive(request: bytes, _: Any) -> bytes:
            self.inbound[neighbour].put_nowait(request)
            return b""

        return receive

    async def round(self) -> None:
        calls = [call(self.payload) for call in self.streams.values()]
        for queue in self.inbound.values():
            await queue.get()
        for call in calls:
            await call


class TcpExchange(Exchange):
    """Plain TCP: four bytes of length, then the message."""

    async def start(self) -> None:
        host, port = self.address(self.name).rsplit(":", 1)
        self.server = await asyncio.start_server(self._serve, host, int(port), limit=2**22)
        for neighbour in self.dialled():
            host, port = self.address(neighbour).rsplit(":", 1)
            while True:
                try:
                    reader, writer = await asyncio.open_connection(host, int(port), limit=2**22)
                    break
                except OSError:
                    await asyncio.sleep(0.05)
            writer.write(self.name.encode() + b"\n")
            self.joined(neighbour, (reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.joined((await reader.readline()).decode().strip(), (reader, writer))

    async def round(self) -> None:
        length = len(self.payload).to_bytes(4, "little")
        for _, writer in self.streams.values():
            writer.writelines((length, self.payload))
            await writer.drain()
        for reader, _ in self.streams.values():
            count = int.from_bytes(await reader.readexactly(4), "little")
            await reader.readexactly(count)


MODES = {
    "stream": StreamExchange,
    "stream-tls": SecuredStreamExchange,
    "unary": UnaryExchange,
    "tcp": TcpExchange,
}


async def serve(mode: str, path: str, name: str, payload_bytes: int) -> None:
    """Exchange as often as stdin says."""
    exchange = MODES[mode](read_network(path), name, os.urandom(payload_bytes))
    if isinstance(exchange, SecuredStreamExchange):
        exchange.credentials = Credentials(Path(path), name=name)
    await exchange.start()
    await exchange.ready.wait()
    say("ready")
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        for _ in range(int(line.split()[1])):
            await exchange.round()
        say(f"done {sent_bytes()}")
    os._exit(0)  # nothing to hand over: the benchmark only wants the processes gone


def sent_bytes() -> int:
    """What TCP has sent on all of this process's connections, as the kernel counts; 0 where it does not."""
    if not available():
        return 0
    total = 0
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - Path's own is lazy, and closes its descriptor late
        with suppress(OSError):  # gone, such as that of the listing itself
            number = int(name)
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                total += bytes_sent(number)
    return total


def bytes_sent(descriptor: int) -> int:
    """Of one socket, which stays as it is."""
    one = socket.socket(fileno=descriptor)
    try:
        if one.type != socket.SOCK_STREAM or one.family not in (socket.AF_INET, socket.AF_INET6):
            return 0
        return parse_tcp_info(tcp_info(one), HEADERS_IPV4).bytes_sent or 0
    finally:
        one.detach()


def say(word: str) -> None:
    """Answer the benchmark."""
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
