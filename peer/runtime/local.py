"""A network of real peer processes on this machine, for the demo and for tests; it leaves nothing running."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import peer
from peer.config import RunFailed
from peer.identity.issuing import issue_all
from peer.runtime.access import Access, Loopback, Secured
from peer.runtime.client import PATIENCE_S, Client
from peer.runtime.credentials import Credentials
from topology.network import Network, write_network

__all__ = ["LocalNetwork"]

START_S = 90.0
"""Until all peers are ready: forty of them on two cores take their time."""
STOP_S = 6.0
"""For an orderly stop, which takes a peer 5 s at most; then they are killed."""
TAIL_LINES = 12
OPERATOR = "operator"
KEYS_LIFETIME = timedelta(days=30)
"""Nobody keeps them."""

TOLD_A_PEER = ("DIFPEER_KEY", "DIFPEER_LISTEN")
"""What the environment of a container tells the one peer in it; it must not reach these."""


class LocalNetwork:
    """One ``difpeer serve`` process for each peer, on free ports of the loopback interface.

    Used as ``async with``. The processes end with the block, whatever happens in it; when this process is killed,
    the kernel ends them.

    Parameters
    ----------
    network : Network
        Its addresses are replaced.
    data : Path
        With one folder per peer.
    folder : Path
        For the network file, ``state/<peer>`` and ``logs/<peer>.log``; made where it is missing.
    options : sequence of str
        More options for every ``serve``.
    secure : bool
        Whether the peers talk TLS, with keys made for them alone.
    """

    program: ClassVar[str] = "from peer.cli.main import main; main()"
    """What a peer's process runs; its arguments follow."""

    def __init__(
        self,
        network: Network,
        data: str | Path,
        folder: str | Path,
        options: Sequence[str] = (),
        *,
        secure: bool = True,
    ) -> None:
        self.folder = Path(folder)
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self._data = Path(data)
        self._options = tuple(options)
        self._secure = secure
        self._reserved = ExitStack()
        addresses = {name: f"127.0.0.1:{self._reserve()}" for name in network.names}
        self.network = network.with_addresses(addresses)
        self.network_file = self.folder / "network.yaml"

    async def __aenter__(self) -> Self:
        try:
            await self.prepare()
            async with asyncio.timeout(START_S):
                await self._start_all()
        except BaseException as error:
            await self.stop()
            if isinstance(error, TimeoutError):
                raise RunFailed(f"{', '.join(self._unready())}: not ready after {START_S:.0f} s") from error
            raise
        return self

    async def prepare(self) -> None:
        """Make the folders, the keys and the network file."""
        for part in ("state", "logs"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        if self._secure:
            self.network = issue_all(self.network_file, self.network, [OPERATOR], KEYS_LIFETIME)
        write_network(self.network, self.network_file)

    async def _start_all(self) -> None:
        starts = [asyncio.ensure_future(self.start(name)) for name in self.network.names]
        try:
            await asyncio.gather(*starts)
        finally:
            # Where one fails, none may begin after the others were stopped.
            for start in starts:
                start.cancel()
            await asyncio.gather(*starts, return_exceptions=True)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def address(self, name: str) -> str:
        """Where a peer listens."""
        return str(self.network.peers[name].address)

    @property
    def access(self) -> Access:
        """How a client reaches the peers: as their operator."""
        return Secured(Credentials(self.network_file)) if self._secure else Loopback()

    def client(self, name: str, patience_s: float = PATIENCE_S) -> Client:
        """A client of one peer, which tries it for so long while it cannot be reached."""
        return Client(self.address(name), self.access, patience_s=patience_s)

    def file_for(self, name: str) -> Path:
        """The network file that a peer is given."""
        del name
        return self.network_file

    def log_file(self, name: str) -> Path:
        """A peer's log."""
        return self.folder / "logs" / f"{name}.log"

    def command_for(self, name: str) -> list[str]:
        """Return the command line of a peer's process."""
        return [
            *(sys.executable, "-P", "-c", self.program, "serve", "--with-parent"),
            *(() if self._secure else ("--insecure-loopback",)),
            *("--name", name, "--network", str(self.file_for(name)), "--data", str(self._data / name)),
            *("--state", str(self.folder / "state" / name), *self._options),
        ]

    async def start(self, name: str, environment: Mapping[str, str] | None = None) -> None:
        """Start one peer, for the first time or again, and wait until it is ready.

        Parameters
        ----------
        name : str
            Of the peer.
        environment : mapping of str to str, optional
            Added to that of this process.

        Raises
        ------
        RunFailed
            If it ends instead; with the end of its log.
        """
        with self.log_file(name).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self.command_for(name),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={**_environment(), **(environment or {})},
                # Ctrl-C goes to this process alone, which stops the peers in an orderly way.
                start_new_session=True,
            )
        self.processes[name] = process
        assert process.stdout is not None
        if not await process.stdout.readline():
            status = await process.wait()
            raise RunFailed(f"{name} did not start (exit status {status}):\n{self.log_tail(name)}")

    async def kill(self, name: str) -> None:
        """End one peer as ``kill -9`` does; :meth:`start` starts it again."""
        process = self.processes[name]
        if process.returncode is None:
            process.kill()
        await process.wait()

    async def first_end(self) -> str:
        """Wait until any peer's process ends, and tell it with the end of its log."""
        waits = {asyncio.ensure_future(p.wait()): name for name, p in self.processes.items()}
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        ended = next(iter(done))
        name = waits[ended]
        return f"{name} has ended (exit status {ended.result()}):\n{self.log_tail(name)}"

    def log_tail(self, name: str) -> str:
        """The last lines of a peer's log."""
        try:
            lines = self.log_file(name).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return "(no log)"
        return "\n".join(lines[-TAIL_LINES:])

    async def stop(self) -> None:
        """Stop all peers: in an orderly way, then by force; returns when none is left."""
        try:
            self._signal(signal.SIGTERM)
            waits = [asyncio.ensure_future(p.wait()) for p in self.processes.values()]
            if waits:
                await asyncio.wait(waits, timeout=STOP_S)
        finally:
            # Also when the stop itself is interrupted.
            self._signal(signal.SIGKILL)
            self._reserved.close()
        await asyncio.gather(*(p.wait() for p in self.processes.values()))

    def _signal(self, number: signal.Signals) -> None:
        for process in self.processes.values():
            if process.returncode is None:
                try:
                    process.send_signal(number)
                except ProcessLookupError:
                    continue

    def _unready(self) -> list[str]:
        return [name for name in self.network.names if name not in self.processes]

    def _reserve(self) -> int:
        """A free port, kept from others by a bound socket that does not listen: gRPC's server may bind it too."""
        reserved = self._reserved.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        port: int = reserved.getsockname()[1]
        return port


def _environment() -> dict[str, str]:
    """The environment of this process, with the packages that it runs: installed or not, peers run the same."""
    root = str(Path(peer.__file__).parent.parent)
    before = os.environ.get("PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if name not in TOLD_A_PEER}
    return {**kept, "PYTHONPATH": root if not before else f"{root}{os.pathsep}{before}"}
