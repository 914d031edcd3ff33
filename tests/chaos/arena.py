"""A network of processes that lives over many cases, and what is done to it."""

import asyncio
import io
import signal
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import numpy as np
import pytest

from peer.config import RunFailed, RunSpec, canonical_spec
from peer.measure.summary import result_digest
from peer.protocol.records import RunState
from peer.runtime.client import Client
from peer.runtime.failpoints import VARIABLE, Failpoint
from peer.wire.requests import RunStatus
from tests.chaos.cases import SPEC
from tests.support.network import DEADLINE_S, Lab
from tests.support.problems import local_data, make_tasks
from topology.errors import InputError
from topology.network import Network

QUIET_S = 3.0
"""When none of the victims has fallen for so long, who is left waits for those who are down."""

POLL_S = 0.02


@asynccontextmanager
async def together() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group whose first failure is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except* (AssertionError, InputError, RunFailed, pytest.fail.Exception) as failures:
        raise failures.exceptions[0] from None


@dataclass
class Arena:
    """One graph's network of processes.

    A case that fails leaves it unfit, and the next one gets a new network.
    """

    network: Network
    folder: Path
    lab: Lab | None = None
    fit: bool = False
    networks: int = 0
    _expected: dict[RunSpec, dict[str, str]] = field(default_factory=dict)

    async def enter(self) -> Lab:
        """The running network, unfit until :meth:`leave`."""
        if not self.fit:
            await self.close()
            self.networks += 1
            tasks = make_tasks(self.network.names, [3] * len(self.network.names), 10, dim=20)
            lab = Lab(self.network, local_data(tasks), self.folder / str(self.networks))
            self.lab = await lab.__aenter__()
            await self._check_undisturbed(lab)
        assert self.lab is not None
        self.fit = False
        return self.lab

    def expected(self, spec: RunSpec) -> dict[str, str]:
        """What the simulator's results hash to; those of an undisturbed run of the network were compared."""
        assert self.lab is not None
        if spec not in self._expected:
            self._expected[spec] = self.lab.digests(spec, exact=True)
        return self._expected[spec]

    async def _check_undisturbed(self, lab: Lab) -> None:
        run = Running(lab, "undisturbed", SPEC, "p0")
        run.submit()
        await run.closed()
        assert await run.digests() == self.expected(SPEC)

    def leave(self) -> None:
        """The case has passed."""
        self.fit = True

    async def close(self) -> None:
        if self.lab is not None:
            await self.lab.stop()
            self.lab = None


@dataclass
class Running:
    """One run that is disturbed."""

    lab: Lab
    run: str
    spec: RunSpec
    via: str
    submitting: asyncio.Task[None] | None = None

    # Doing

    def submit(self) -> None:
        """Submit the run, beside whatever happens to whom it is submitted through."""

        async def submitting() -> None:
            async with self._client(self.via) as client:
                await client.submit(self.run, canonical_spec(self.spec))

        self.submitting = asyncio.create_task(submitting())

    async def restart(self, names: Iterable[str], failpoint: Failpoint | None = None) -> None:
        """Kill the processes of peers where they are alive, and start them; armed, or clean."""
        names = tuple(names)
        environment = {} if failpoint is None else {VARIABLE: f"{failpoint.name}:{failpoint.count}"}
        await asyncio.gather(*(self.lab.kill(name) for name in names))
        await asyncio.gather(*(self.lab.start(name, environment) for name in names))

    async def fallen(self, victims: Sequence[str], failpoint: Failpoint) -> tuple[bool, list[str]]:
        """Wait until the failpoint has killed every victim.

        Where those who are alive cannot reach it without the ones that are down, these are started again, clean.

        Returns
        -------
        bool
            Whether all of them were down at once.
        list of str
            Who is down now.
        """
        alive = {asyncio.ensure_future(self.lab.processes[name].wait()): name for name in victims}
        down: list[str] = []
        at_once = True
        due = monotonic() + DEADLINE_S
        while alive:
            ended, _ = await asyncio.wait(alive, timeout=QUIET_S, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                name = alive.pop(task)
                down.append(name)
                self._check_end(name, task.result(), failpoint)
            if not ended and down:
                at_once = False
                await self.restart(down)
                down = []
            elif monotonic() > due:
                raise AssertionError(f"{failpoint.name} is never reached at {', '.join(alive.values())}")
        return at_once, down

    def _check_end(self, name: str, status: int, failpoint: Failpoint) -> None:
        told = self.lab.log(name).rpartition("armed: ")[2]  # by this process, the last one
        if status != -signal.SIGKILL or f"failpoint {failpoint.name} is reached" not in told:
            raise AssertionError(f"{name} has ended (exit status {status}), but not by {failpoint.name}")

    # Looking

    async def statuses(self) -> dict[str, RunStatus]:
        """What every peer tells that can be asked and knows the run."""

        async def one(name: str) -> RunStatus | None:
            with suppress(InputError):
                async with self._client(name, patience_s=0) as client:
                    return await self._status(client, name)
            return None

        names = self.lab.network.names
        told = zip(names, await asyncio.gather(*map(one, names)), strict=True)
        return {name: status for name, status in told if status is not None}

    async def closed(self) -> None:
        """Wait until the run is closed at every peer, each asked itself."""
        assert self.submitting is not None
        try:
            async with asyncio.timeout(DEADLINE_S), together() as group:
                for name in self.lab.network.names:
                    group.create_task(self._closed(name))
                await self.submitting
        except TimeoutError:
            raise AssertionError(f"the run is not closed everywhere within {DEADLINE_S:.0f} s") from None

    async def _closed(self, name: str) -> None:
        async with self._client(name) as client:
            while True:
                status = await self._status(client, name)
                if status is not None and status.state is RunState.CLOSED:
                    return
                await asyncio.sleep(POLL_S)

    async def _status(self, client: Client, name: str) -> RunStatus | None:
        """Where the run stands at a peer; it may have no other end than its result."""
        found = next((status for status in (await client.status()).runs if status.run == self.run), None)
        if found is not None and found.reason is not None:
            raise AssertionError(f"the run has ended at {name}: {found.reason}")
        return found

    async def digests(self) -> dict[str, str]:
        """Of every peer's own result."""

        async def one(name: str) -> str:
            async with self._client(name) as client:
                files = await client.collect(self.run)
            with np.load(io.BytesIO(files["result.npz"])) as result:
                return result_digest(result["U"])

        names = self.lab.network.names
        return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))

    def _client(self, name: str, patience_s: float = DEADLINE_S) -> Client:
        return self.lab.client(name, patience_s=patience_s)
