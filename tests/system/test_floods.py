"""One peer of a running network under hostile load: the run goes on, as fast as before, to the same bits.

In one run quiet times and attacks take turns, so that both see the same machine at nearly the same time; rounds are
told apart by when they began, in the attacked peer's own ledger.
"""

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import monotonic_ns

import numpy as np
import pytest
import pytest_asyncio

from peer.config import canonical_spec
from peer.protocol.records import RunState
from peer.runtime.settings import HANDSHAKE_TIMEOUT_MS
from tests.support.attackers import CROWD
from tests.support.network import DEADLINE_S, ROOT, Lab, difpeer, eventually, lab
from tests.support.problems import dif_spec, local_data, make_tasks, network_of

pytestmark = [
    pytest.mark.system,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

NETWORK = network_of([("p0", "p1"), ("p1", "p2"), ("p2", "p3"), ("p0", "p3")])
TASKS = make_tasks(NETWORK.names, (2, 2, 2, 2), 8, dim=60)
RUN, VICTIM = "flooded", "p1"
OUTSIDERS = ("silent", "half", "slow")
INSIDERS = {
    "streams": "p0",
    "watches": "operator",
    "resets": "p0",
    "settings": "p0",
    "pings": "p0",
    "oversized": "p0",
}
"""With whose identity."""
KINDS = (*OUTSIDERS, *INSIDERS)

QUIET_S, TURNS = 4.0, 3
ATTACK_S = dict.fromkeys(OUTSIDERS, 7.0)
"""Longer than a handshake may take; else as long as it is quiet."""

SLOWER = 2.0
"""Most that p99 may rise under attack."""

MEMORY_MB = 150
"""Most that an attack may cost; a peer has 90 MB here."""

DESCRIPTORS = 100
"""Beside those of connections that strangers hold."""


@dataclass
class Attack:
    """What was seen of one kind, over its turns."""

    quiet: list[tuple[int, int]] = field(default_factory=list)
    loud: list[tuple[int, int]] = field(default_factory=list)
    descriptors: int = 0
    memory_mb: float = 0.0
    told: list[dict] = field(default_factory=list)


@dataclass
class Flooded:
    """A network in which a run goes on."""

    lab: Lab
    pid: int

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def memory_mb(self) -> float:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    @asynccontextmanager
    async def attacker(self, kind: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Somebody attacks, for the block."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.attackers", kind, self.lab.address(VICTIM)),
            *((str(self.lab.network_file), INSIDERS[kind], VICTIM) if kind in INSIDERS else ()),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def attacked(self, kind: str) -> Attack:
        seen = Attack()
        memory = self.memory_mb()
        for _ in range(TURNS):
            seen.quiet.append(await self._window(seen, QUIET_S))
            async with self.attacker(kind) as process:
                seen.loud.append(await self._window(seen, ATTACK_S.get(kind, QUIET_S)))
                process.terminate()
                assert process.stdout is not None
                async with asyncio.timeout(DEADLINE_S):
                    seen.told.append(json.loads(await process.stdout.read()))
            await eventually(lambda: self.descriptors() < DESCRIPTORS, "the strangers' connections are gone")
        seen.memory_mb = max(seen.memory_mb - memory, 0.0)
        return seen

    async def _window(self, seen: Attack, seconds: float) -> tuple[int, int]:
        began = monotonic_ns()
        while monotonic_ns() < began + seconds * 1e9:
            await asyncio.sleep(0.1)
            seen.descriptors = max(seen.descriptors, self.descriptors())
            seen.memory_mb = max(seen.memory_mb, self.memory_mb())
        return began, monotonic_ns()

    def latencies_ms(self, window: tuple[int, int]) -> Sequence[float]:
        """Of the victim's rounds that began in a time, as far as they are in its ledger, which lags by seconds."""
        query = "SELECT latency_ns / 1e6 FROM rounds WHERE started_ns BETWEEN ? AND ?"
        ledger = self.lab.folder / "state" / VICTIM / "ledger.sqlite"
        with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as books:
            return [latency for (latency,) in books.execute(query, window)]

    async def written(self, moment: int) -> None:
        """Wait until rounds that began later are in the ledger."""
        await eventually(lambda: self.latencies_ms((moment, 2**62)), "later rounds are written down")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def flooded(tmp_path_factory):
    async with lab(NETWORK, local_data(TASKS), tmp_path_factory.mktemp("floods")) as running:
        async with running.client("p0") as client:
            await client.submit(RUN, canonical_spec(dif_spec(rank=2, iterations=10**6)))
        flooded = Flooded(running, running.processes[VICTIM].pid)
        await flooded.written(0)
        yield flooded
        assert running.processes[VICTIM].returncode is None
        assert "Traceback" not in running.log(VICTIM)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_run_goes_on_as_fast(flooded, kind):
    """The median of the turns' ratios: one turn may meet with something else on the machine."""
    seen = await flooded.attacked(kind)
    await flooded.written(seen.loud[-1][1])
    ratios = []
    for quiet, loud in zip(seen.quiet, seen.loud, strict=True):
        before, during = (np.percentile(flooded.latencies_ms(window), 99) for window in (quiet, loud))
        ratios.append(during / before)
        print(f"{kind}: p99 {before:.1f} ms, under attack {during:.1f} ms")
    print(f"{kind}: {seen.descriptors} descriptors, {seen.memory_mb:.0f} MB more, {seen.told}")
    assert median(ratios) <= SLOWER
    assert seen.descriptors <= CROWD + DESCRIPTORS
    assert seen.memory_mb <= MEMORY_MB
    assert all(sum(told["counts"].values()) > 0 for told in seen.told)
    if kind in OUTSIDERS:
        # Who does not get through the handshake is closed in time; connections are counted from their first packet.
        assert all(told["ended"] for told in seen.told)
        assert max(told["longest_s"] for told in seen.told) <= HANDSHAKE_TIMEOUT_MS / 1000 + 2


async def test_the_bits_are_the_same(flooded):
    """A run from its first round to its last while strangers and a neighbour do their worst."""
    spec = dif_spec(rank=2, iterations=300)
    network = flooded.lab
    async with network.client("p0") as client:
        await client.cancel(RUN, "the next run")

        async def over() -> bool:
            return not any(run.state is RunState.RUNNING for run in (await client.status()).runs)

        await eventually(over, "the run before is over")
    async with flooded.attacker("silent"), flooded.attacker("streams"):
        done = await difpeer(
            *("run", network.spec_file(spec), *network.via("p0"), "--out", network.folder / "runs", "--json")
        )
    assert done.document["result_digest"] == network.digests(spec)
