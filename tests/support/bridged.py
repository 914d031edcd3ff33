"""Peers in network namespaces, joined by a bridge: ``python -m tests.support.bridged OUT …`` runs them to a run's end.

To be started by :func:`bridged_run`, which gives it a namespace of its own: there is the bridge, and the client. What
each peer puts on its link is captured at the link's other end, before anything is dropped; the receiver drops.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import which
from time import monotonic_ns, time_ns
from typing import Any

import pytest

from peer.runtime.collecting import collect, write_run
from peer.runtime.following import follow, submit
from tests.support import anywhere
from tests.support.capture import read_packets
from tests.support.network import ROOT, Lab, eventually
from tests.support.problems import dif_spec, local_data, make_tasks, network_of

TOOLS = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "ip": "iproute2",
    "iptables": "iptables",
    "ethtool": "ethtool",
    "tcpdump": "tcpdump",
}
"""With Debian's packages."""

EDGES = [("p0", "p1"), ("p0", "p2"), ("p1", "p2")]
PORT = 7100
MARK_PORT = 9
"""Nothing listens there."""
RUN = "captured"
SNAP_BYTES = 512
"""Of each packet: the first ones of a connection say what it is for."""


@dataclass(frozen=True)
class Case:
    """What runs, over what.

    Attributes
    ----------
    ipv6 : bool
        Else IPv4.
    loss : float
        Part of the TCP packets that each peer drops when they arrive.
    dim, rank : int
        Of the basis: a payload of 8 · dim · rank bytes.
    iterations : int
        With five rounds each.
    """

    ipv6: bool = False
    loss: float = 0.0
    dim: int = 600
    rank: int = 4
    iterations: int = 40


def bridged_run(case: Case, out: Path) -> None:
    """Run a network; ``out`` then has the run's folder ``run`` and ``<peer>.pcap`` of what each peer sent."""
    if os.geteuid() != 0:
        pytest.fail("needs root: it makes network namespaces and captures packets")
    missing = {package for tool, package in TOOLS.items() if which(tool) is None}
    if missing:
        pytest.fail(f"needs Debian's packages {', '.join(sorted(missing))}")
    command = ("unshare", "--net", sys.executable, "-m", __name__, str(out), json.dumps(asdict(case)))
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def host(number: int, ipv6: bool) -> str:
    """A peer's address; 254 is the client's."""
    return f"fd77::{number:x}" if ipv6 else f"10.77.0.{number}"


def _do(*words: object, inside: int | None = None) -> None:
    prefix = () if inside is None else ("nsenter", "--target", str(inside), "--net")
    subprocess.run([*prefix, *map(str, words)], check=True, capture_output=True, text=True)


@asynccontextmanager
async def _ending(*words: object, **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that ends with the block, and with this process."""
    process = await asyncio.create_subprocess_exec(
        "setpriv", "--pdeathsig", "KILL", *map(str, words), **options
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _plain_link(name: str, inside: int | None = None) -> None:
    """No offloads: what is captured is what a wire would carry."""
    _do("ethtool", "-K", name, "tso", "off", "gso", "off", "gro", "off", inside=inside)


class Bridged(Lab):
    """A network whose peers have a namespace each."""

    program = "from tests.support.anywhere import lift; lift(); from peer.cli.main import main; main()"

    def __init__(self, case: Case, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, secure=False, **options)  # what is captured has to be read
        self._case = case
        self._stack = AsyncExitStack()
        self._spaces: dict[str, int] = {}
        literal = "[{}]:{}" if case.ipv6 else "{}:{}"
        self.network = self.network.with_addresses(
            {name: literal.format(host(i, case.ipv6), PORT) for i, name in enumerate(self.network.names, 1)}
        )

    async def __aenter__(self) -> "Bridged":
        try:
            _do("ip", "link", "set", "lo", "up")
            _do("ip", "link", "add", "bridge", "type", "bridge", "mcast_snooping", 0)
            self._address("bridge", 254)
            for number, name in enumerate(self.network.names, 1):
                await self._join(name, number)
        except BaseException:
            await self._stack.aclose()
            raise
        await super().__aenter__()
        return self

    async def stop(self) -> None:
        await super().stop()
        for name in self.network.names:
            await self._captured_to_here(name)
        await self._stack.aclose()

    def command_for(self, name: str) -> list[str]:
        return ["nsenter", "--target", str(self._spaces[name]), "--net", "--", *super().command_for(name)]

    async def _join(self, name: str, number: int) -> None:
        """Make a peer's namespace, its link to the bridge, and the capture of what it sends."""
        # It holds the namespace: what is in it goes when it ends and the peer has ended.
        holder = await self._stack.enter_async_context(
            _ending("unshare", "--net", "sh", "-c", "echo; exec sleep infinity", stdout=subprocess.PIPE)
        )
        assert holder.stdout is not None
        await holder.stdout.readline()
        space = self._spaces[name] = holder.pid
        _do("ip", "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", space)
        _do("ip", "link", "set", f"to-{name}", "master", "bridge", "up")
        _do("ip", "link", "set", "lo", "up", inside=space)
        self._address("eth0", number, inside=space)
        _plain_link(f"to-{name}")
        _plain_link("eth0", inside=space)
        if self._case.loss:
            filter_ = "ip6tables" if self._case.ipv6 else "iptables"
            chance = ("-m", "statistic", "--mode", "random", "--probability", self._case.loss)
            _do(filter_, "-A", "INPUT", "-i", "eth0", "-p", "tcp", *chance, "-j", "DROP", inside=space)
        command = (
            f"tcpdump -i to-{name} -Q in -s {SNAP_BYTES} -B 65536 -U -Z root --time-stamp-precision nano"
        )
        capture = await self._stack.enter_async_context(
            _ending(*command.split(), "-w", self.folder / f"{name}.pcap", "tcp", stderr=subprocess.PIPE)
        )
        assert capture.stderr is not None
        while b"listening on" not in (line := await capture.stderr.readline()):
            assert line, f"tcpdump ended: {await capture.wait()}"

    async def _captured_to_here(self, name: str) -> None:
        """Wait until the capture's file has a packet sent now: tcpdump loses what it has not read when it is ended."""
        client = host(254, self._case.ipv6)
        knock = f"import socket\ntry: socket.create_connection(({client!r}, {MARK_PORT}), 10)\nexcept OSError: pass"
        _do(sys.executable, "-c", knock, inside=self._spaces[name])
        capture = self.folder / f"{name}.pcap"
        await eventually(
            lambda: any(packet.target[1] == MARK_PORT for packet in read_packets(capture)),
            f"the capture of {name} to have the last packet",
        )

    def _address(self, name: str, number: int, inside: int | None = None) -> None:
        length = 64 if self._case.ipv6 else 24
        nodad = ("nodad",) if self._case.ipv6 else ()
        _do(
            "ip",
            "address",
            "add",
            f"{host(number, self._case.ipv6)}/{length}",
            "dev",
            name,
            *nodad,
            inside=inside,
        )
        _do("ip", "link", "set", name, "up", inside=inside)


async def main(out: Path, case: Case) -> None:
    network = network_of(EDGES)
    tasks = make_tasks(network.names, (case.rank,) * 3, 8, dim=case.dim, rank=case.rank, seed=5)
    spec = dif_spec(
        rank=case.rank,
        iterations=case.iterations,
        agreement={"rounds": 5},
        init={"power_iterations": 2, "agreement_rounds": 5},
    )
    async with (
        Bridged(case, network, local_data(tasks), out) as local,
        local.client("p0") as client,
    ):
        await submit(client, RUN, spec)
        await follow(client, RUN, network.names, lambda _: None)
        collected = await collect(client, RUN, network.names)
        write_run(out / "run", collected, local.network, driver="network", wall_s=None)
    # The ledger's clock is monotonic, the capture's is not.
    (out / "clock.json").write_text(json.dumps(time_ns() - monotonic_ns()))


def arguments(words: Sequence[str]) -> tuple[Path, Case]:
    return Path(words[0]), Case(**json.loads(words[1]))


if __name__ == "__main__":
    anywhere.lift()
    asyncio.run(main(*arguments(sys.argv[1:])))
