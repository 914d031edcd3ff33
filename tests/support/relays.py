"""A network of processes whose edges can be cut: every connection between two peers goes through a relay of ours.

A cut stops forwarding without closing anything, as a cable does: what the ends send is taken and goes nowhere until
the edge heals.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.network import Lab, living
from topology.network import write_network


class RelayedLab(Lab):
    """Each peer has a network file of its own, with relays for its neighbours' addresses."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._flows: dict[tuple[str, str], asyncio.Event] = {}
        self._servers: list[asyncio.Server] = []
        self._pumps: set[asyncio.Task[None]] = set()

    async def prepare(self) -> None:
        await super().prepare()
        for name in self.network.names:
            addresses = {name: self.address(name)}
            for neighbour in self.network.neighbours(name):
                addresses[neighbour] = await self._listen(name, neighbour)
            write_network(self.network.with_addresses(addresses), self.file_for(name))

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        # Nobody's end waits for an edge that is cut.
        self.heal(*self._flows)
        await super().stop()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def file_for(self, name: str) -> Path:
        return self.folder / f"network-{name}.yaml"

    def cut(self, *directions: tuple[str, str]) -> None:
        """Stop what goes from the first to the second of each pair."""
        for direction in directions:
            self._flows[direction].clear()

    def heal(self, *directions: tuple[str, str]) -> None:
        for direction in directions:
            self._flows[direction].set()

    async def _listen(self, dialler: str, acceptor: str) -> str:
        for direction in ((dialler, acceptor), (acceptor, dialler)):
            self._flows.setdefault(direction, asyncio.Event()).set()

        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            host, _, port = self.address(acceptor).rpartition(":")
            try:
                far_reader, far_writer = await asyncio.open_connection(host, int(port))
            except OSError:
                writer.transport.abort()
                return
            for pump in (
                self._pump((dialler, acceptor), reader, far_writer),
                self._pump((acceptor, dialler), far_reader, writer),
            ):
                task = asyncio.ensure_future(pump)
                self._pumps.add(task)
                task.add_done_callback(self._pumps.discard)

        server = await asyncio.start_server(accepted, "127.0.0.1", 0)
        self._servers.append(server)
        return "127.0.0.1:" + str(server.sockets[0].getsockname()[1])

    async def _pump(
        self, direction: tuple[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Forward until one end closes, which the other end hears of as late as of everything else."""
        flows = self._flows[direction]
        try:
            while data := await reader.read(1 << 16):
                await flows.wait()
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        await flows.wait()
        writer.close()


@asynccontextmanager
async def relayed(*arguments: Any, **options: Any) -> AsyncIterator[RelayedLab]:
    """Run a network of processes behind relays; afterwards none of them is left."""
    async with RelayedLab(*arguments, **options) as running:
        yield running
    assert not living(running.folder)
