"""What the benchmarks share: process groups whose CPU time is read from the kernel, paired statistics."""

import os
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from topology.network import Edge, Network, PeerEntry

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(pids: Sequence[int]) -> float:
    """CPU time of processes, all threads, user and system, in seconds."""
    total = 0.0
    for pid in pids:
        # schedstat counts nanoseconds per thread; stat only ticks of 10 ms.
        for thread in Path(f"/proc/{pid}/task").iterdir():
            total += int((thread / "schedstat").read_text().split()[0]) / 1e9
    return total


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


def circulant(num_peers: int, degree: int) -> Network:
    """A ring in which each peer is joined to its ``degree`` nearest ones (two peers: one edge)."""
    names = [f"p{i}" for i in range(num_peers)]
    pairs = {
        tuple(sorted((i, (i + step) % num_peers)))
        for i in range(num_peers)
        for step in range(1, max(degree // 2, 1) + 1)
    }
    return Network(
        name="bench",
        mixing="metropolis",
        peers={
            name: PeerEntry(address=f"127.0.0.1:{port}")
            for name, port in zip(names, free_ports(num_peers), strict=True)
        },
        edges=tuple(Edge(first=names[a], second=names[b]) for a, b in sorted(pairs)),
    )


class FloorGroup:
    """Processes of :mod:`floor`, one per peer."""

    def __init__(self, mode: str, network: Network, path: Path, payload_bytes: int) -> None:
        floor = Path(__file__).with_name("floor.py")
        command = [sys.executable, str(floor), mode, str(path)]
        self._processes = [
            subprocess.Popen(
                [*command, name, str(payload_bytes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in network.names
        ]
        self._expect("ready")

    @property
    def pids(self) -> list[int]:
        """Of the processes."""
        return [process.pid for process in self._processes]

    def rounds(self, count: int) -> int:
        """Exchange ``count`` times; returns the bytes that TCP has sent since the start."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"rounds {count}\n")
            process.stdin.flush()
        return self._expect("done")

    def stop(self) -> None:
        """End all processes."""
        for process in self._processes:
            process.kill()
            process.wait()

    def _expect(self, word: str) -> int:
        """Wait for an answer of all; returns the sum of the numbers that follow it."""
        total = 0
        for process in self._processes:
            assert process.stdout is not None
            line = process.stdout.readline().strip()
            said, _, number = line.partition(" ")
            if said != word:
                raise RuntimeError(f"a floor process said {line!r}, expected {word!r}")
            total += int(number or 0)
        return total


@contextmanager
def floor_group(mode: str, network: Network, path: Path, payload_bytes: int) -> Iterator[FloorGroup]:
    """A running floor, ended on leaving."""
    group = FloorGroup(mode, network, path, payload_bytes)
    try:
        yield group
    finally:
        group.stop()


def quartiles(values: Sequence[float]) -> dict[str, float]:
    """Median and quartiles, for printing."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"low": low, "median": middle, "high": high}
