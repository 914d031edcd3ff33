"""Peers that are apart although they are on one machine: each with a clock of its own, or with links of their own.

``python -m tests.support.apart OUT LINK RATE`` runs a network whose peers have a network namespace each, and each edge
a pair of virtual interfaces of its own; a token bucket limits one of them. To be started by :func:`limited_run`, which
gives it a namespace for itself.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from peer.config import RunSpec
from peer.runtime.client import PATIENCE_S, Client
from peer.runtime.collecting import collect, write_run
from peer.runtime.following import follow, submit
from tests.support.network import ROOT, Lab
from tests.support.problems import dif_spec, local_data, make_tasks, network_of
from tests.support.relays import RelayedLab
from topology.network import Network, write_network

RING = [("p0", "p1"), ("p1", "p2"), ("p2", "p3"), ("p0", "p3")]
TOOLS = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "ip": "iproute2",
    "tc": "iproute2",
}
"""With Debian's packages."""

PORT = 7100
LARGE = dif_spec(
    rank=4,
    iterations=15,
    agreement={"rounds": 4},
    init={"power_iterations": 2, "agreement_rounds": 2},
)
"""On `large_network`: a value has 32 kB, an iteration computes for some 10 ms."""


def large_network() -> tuple[Network, dict[str, Any]]:
    """Four peers in a ring, with enough to compute and to send that either can bound a run."""
    network = network_of(RING)
    return network, local_data(make_tasks(network.names, (60,) * 4, 80, dim=1000, rank=4, seed=5))


def require(tools: Mapping[str, str]) -> None:
    """Fail with what is missing: these tests are never skipped where they are to run."""
    if os.geteuid() != 0:
        pytest.fail("needs root: it makes namespaces and control groups")
    missing = {package for tool, package in tools.items() if which(tool) is None}
    if missing:
        pytest.fail(f"needs Debian's packages {', '.join(sorted(missing))}")


async def learn(local: Lab, spec: RunSpec, folder: Path, via: str = "p0") -> Path:
    """Run a specification on a network and collect it as one of many machines."""
    async with local.client(via) as client:
        await submit(client, "apart", spec)
        await follow(client, "apart", local.network.names, lambda _: None)
        collected = await collect(client, "apart", local.network.names)
    write_run(folder, collected, local.network, driver="network", wall_s=None)
    return folder


class ClockedLab(RelayedLab):
    """Peers with a time namespace each, behind relays that can delay one direction of an edge.

    ``ahead_s`` is what a peer's clock is ahead; ``delay_s`` by (sender, receiver).
    """

    def __init__(
        self,
        *arguments: Any,
        ahead_s: Mapping[str, int],
        delay_s: Mapping[tuple[str, str], float],
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self._ahead_s = ahead_s
        self._delay_s = delay_s

    def command_for(self, name: str) -> list[str]:
        ahead = str(self._ahead_s.get(name, 0))
        return ["unshare", "--time", "--monotonic", ahead, "--", *super().command_for(name)]

    async def _pump(
        self, direction: tuple[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        delay_s = self._delay_s.get(direction)
        if delay_s is None:
            await super()._pump(direction, reader, writer)
            return
        now = asyncio.get_running_loop().time
        passing: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def take() -> None:
            data = b"-"
            while data:
                data = await reader.read(1 << 16)
                passing.put_nowait((now() + delay_s, data))

        taking = asyncio.ensure_future(take())
        try:
            while True:
                due, data = await passing.get()
                await asyncio.sleep(due - now())
                if not data:
                    break
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
            writer.close()


def limited_run(out: Path, link: tuple[str, str], rate: str) -> None:
    """Run `LARGE` with one link limited; ``out / "run"`` is the run's folder then."""
    require(TOOLS)
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", __name__, str(out), "-".join(link), rate],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _do(*words: object, inside: int | None = None) -> None:
    prefix = () if inside is None else ("nsenter", "--target", str(inside), "--net")
    subprocess.run([*prefix, *map(str, words)], check=True, capture_output=True, text=True)


@asynccontextmanager
async def _space() -> AsyncIterator[int]:
    """A network namespace, as the id of the process that holds it and ends with the block and with this process."""
    holder = await asyncio.create_subprocess_exec(
        *("setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-c", "echo; exec sleep infinity"),
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        await holder.stdout.readline()
        _do("ip", "link", "set", "lo", "up", inside=holder.pid)
        yield holder.pid
    finally:
        holder.kill()
        await holder.wait()


class LinkedLab(Lab):
    """Peers with a network namespace each, and each edge a link of its own; one of them is limited."""

    def __init__(self, *arguments: Any, link: frozenset[str], rate: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._link, self._rate = link, rate
        self._stack = AsyncExitStack()
        self._spaces: dict[str, int] = {}
        self._hosts: dict[tuple[str, str], str] = {}

    async def __aenter__(self) -> "LinkedLab":
        try:
            for name in self.network.names:
                self._spaces[name] = await self._stack.enter_async_context(_space())
            for number, edge in enumerate(self.network.edges):
                self._join(edge.first, edge.second, number)
            self._reach("p0")
        except BaseException:
            await self._stack.aclose()
            raise
        await super().__aenter__()
        return self

    async def stop(self) -> None:
        await super().stop()
        await self._stack.aclose()

    async def prepare(self) -> None:
        await super().prepare()
        for name in self.network.names:
            hosts = {other: self._hosts[other, name] for other in self.network.neighbours(name)}
            addresses = {other: f"{host}:{PORT}" for other, host in (hosts | {name: "0.0.0.0"}).items()}
            write_network(self.network.with_addresses(addresses), self.file_for(name))

    def address(self, name: str) -> str:
        return f"{self._hosts[name, '']}:{PORT}"

    def client(self, name: str, patience_s: float = PATIENCE_S) -> Client:
        return Client(f"{name}@{self.address(name)}", self.access, patience_s=patience_s)

    def file_for(self, name: str) -> Path:
        return self.folder / f"network-{name}.yaml"

    def command_for(self, name: str) -> list[str]:
        return ["nsenter", "--target", str(self._spaces[name]), "--net", "--", *super().command_for(name)]

    def _join(self, first: str, second: str, number: int) -> None:
        ends = ((first, second), (second, first))
        peers = [("name", f"to-{other}", "netns", self._spaces[name]) for name, other in ends]
        _do("ip", "link", "add", *peers[0], "type", "veth", "peer", *peers[1])
        for place, (name, other) in enumerate(ends, 1):
            host, inside = f"10.79.{number}.{place}", self._spaces[name]
            self._hosts[name, other] = host
            _do("ip", "address", "add", f"{host}/24", "dev", f"to-{other}", inside=inside)
            _do("ip", "link", "set", f"to-{other}", "up", inside=inside)
            if self._link == {first, second}:
                bucket = ("tbf", "rate", self._rate, "burst", "16kb", "latency", "2s")
                _do("tc", "qdisc", "add", "dev", f"to-{other}", "root", *bucket, inside=inside)

    def _reach(self, name: str) -> None:
        """A link of the client's to a peer."""
        inside = self._spaces[name]
        self._hosts[name, ""] = "10.78.0.1"
        _do("ip", "link", "set", "lo", "up")
        _do("ip", "link", "add", "client", "type", "veth", "peer", "name", "client", "netns", inside)
        for host, space in (("10.78.0.254", None), ("10.78.0.1", inside)):
            _do("ip", "address", "add", f"{host}/24", "dev", "client", inside=space)
            _do("ip", "link", "set", "client", "up", inside=space)


async def main(out: Path, link: frozenset[str], rate: str) -> None:
    network, data = large_network()
    async with LinkedLab(network, data, out / "lab", link=link, rate=rate) as local:
        await learn(local, LARGE, out / "run")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), frozenset(sys.argv[2].split("-")), sys.argv[3]))
