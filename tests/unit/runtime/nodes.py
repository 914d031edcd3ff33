"""Peers in this process, joined by real gRPC on loopback; and strangers who speak to them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from peer.data.store import LocalData
from peer.identity.issuing import issue_all
from peer.measure.ledger import Ledger
from peer.measure.sockets import _tcp_sockets, endpoints
from peer.protocol.messages import Hello, Message
from peer.runtime.access import Access, Loopback, Secured
from peer.runtime.client import Client
from peer.runtime.credentials import Credentials
from peer.runtime.door import Door, GuardedDoor, OpenDoor
from peer.runtime.node import Node
from peer.runtime.operations import Operations
from peer.runtime.owned import Owned
from peer.runtime.service import Service
from peer.runtime.settings import data_channel
from peer.runtime.store import FileStore
from peer.state.folder import StateFolder
from peer.wire.envelope import STREAM_PATH, decode_message, encode_message
from tests.support.watching import watch
from topology.network import Network, write_network

PROFILE = '{"test":true}'


@dataclass
class Running:
    """One peer that serves."""

    node: Node
    service: Service
    address: str
    folder: StateFolder
    store: FileStore
    ledger: Ledger
    stopped: bool = False

    async def stop(self) -> None:
        if not self.stopped:
            self.stopped = True
            await self.node.stop("the test stops it")
            await self.service.stop(0.2)
            self.store.close(5)
            self.ledger.close()
            self.folder.close()


@dataclass
class Lab:
    """Peers by name, on one network."""

    network: Network
    data: Mapping[str, LocalData]
    folder: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    secure: bool = False
    peers: dict[str, Running] = field(default_factory=dict)
    credentials: dict[str, Credentials] = field(default_factory=dict)

    async def start(self, name: str, incarnation: int = 1, **options: Any) -> Running:
        """Each incarnation has a folder of its own: the peer has lost what it knew."""
        owned = {"truth": None, "profile": PROFILE, **self.options, **options}
        folder = StateFolder(self.folder / f"{name}-{incarnation}", name)
        ledger = Ledger(folder.ledger)
        store = FileStore(folder, [], {})
        access, door = self.identity(name)
        node = Node(
            self.network,
            name,
            incarnation,
            Owned(self.data[name], **owned),
            store=store,
            ledger=ledger,
            access=access,
        )
        service = Service(node, Operations(node, "name: test\n"), access, door)
        address = str(self.network.peers[name].address)
        await service.start(address)
        node.start()
        self.peers[name] = Running(node, service, address, folder, store, ledger)
        return self.peers[name]

    @property
    def network_file(self) -> Path:
        """Beside it are the keys of a secure network."""
        return self.folder / "network.yaml"

    def identity(self, name: str) -> tuple[Access, Door]:
        if not self.secure:
            return Loopback(), OpenDoor()
        credentials = self.credentials.setdefault(name, Credentials(self.network_file, name=name))
        return Secured(credentials), GuardedDoor(credentials, self.network.neighbours(name))

    def client(self, name: str, **options: Any) -> Client:
        access = Secured(Credentials(self.network_file)) if self.secure else Loopback()
        return Client(str(self.network.peers[name].address), access, **options)

    async def finished(self, client: Client, run: str) -> dict[str, Any]:
        """The last reply of every peer's watch."""
        last: dict[str, Any] = {}

        async def follow(name: str) -> None:
            async for reply in watch(client, run, name, 20):
                last[name] = reply

        await asyncio.gather(*(follow(name) for name in self.network.names))
        return last


@asynccontextmanager
async def lab(
    network: Network,
    data: Mapping[str, LocalData],
    folder: Path,
    *,
    absent: tuple[str, ...] = (),
    secure: bool = False,
    **options: Any,
) -> AsyncIterator[Lab]:
    """All peers of a network but the absent ones, on ports that nobody else gets meanwhile."""
    async with AsyncExitStack() as stack:
        ports = {}
        for name in network.names:
            kept = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            kept.bind(("127.0.0.1", 0))
            ports[name] = kept.getsockname()[1]
        addressed = network.with_addresses({name: f"127.0.0.1:{port}" for name, port in ports.items()})
        made = Lab(addressed, data, folder, options, secure)
        if secure:
            made.network = issue_all(made.network_file, addressed, ["operator"])
            write_network(made.network, made.network_file)
        try:
            for name in network.names:
                if name not in absent:
                    await made.start(name)
            yield made
        finally:
            await asyncio.gather(*(running.stop() for running in made.peers.values()))


class Caller:
    """Someone who dials a peer and says what the test wants."""

    def __init__(self, call: Any) -> None:
        self.call = call

    async def say(self, message: Message | bytes) -> None:
        await self.call.write(message if isinstance(message, bytes) else encode_message(message))

    async def hear(self) -> Message | None:
        """The next message; None at the end of the stream."""
        try:
            data = await self.call.read()
        except grpc.aio.AioRpcError:
            return None
        return None if data is grpc.aio.EOF else decode_message(data)

    async def hear_until(self, wanted: Callable[[Message], bool]) -> Message | None:
        while (message := await self.hear()) is not None:
            if wanted(message):
                return message
        return None

    async def hear_all(self) -> list[Message]:
        heard = []
        while (message := await self.hear()) is not None:
            heard.append(message)
        return heard


@asynccontextmanager
async def calling(address: str, hello: Hello | None = None) -> AsyncIterator[Caller]:
    async with grpc.aio.insecure_channel(address, options=data_channel()) as channel:
        caller = Caller(channel.stream_stream(STREAM_PATH)())
        if hello is not None:
            await caller.say(hello)
        yield caller


def connections_to(address: str) -> set[Any]:
    """Local ends of this process's connections to an address."""
    (remote,) = endpoints(address)
    found = set()
    for one in _tcp_sockets(set()):
        if one.remote == remote and one.established:
            found.add(one.local)
        one.close()
    return found


async def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait for what a peer does in its own time; the test fails where it does not."""
    async with asyncio.timeout(seconds):
        while not (found := condition()):  # noqa: ASYNC110 - it has no event of its own
            await asyncio.sleep(0.005)
    return found
