"""SIGTERM in every phase: exit status 0 within 5 s, a whole state folder, and the bits of an undisturbed run."""

import asyncio
import random
import signal
import sqlite3
from contextlib import closing
from time import monotonic

import pytest

from peer.config import RunFailed
from peer.measure.summary import result_digest
from peer.protocol.records import RunState, loadable
from peer.runtime.collecting import collect
from peer.runtime.following import follow, submit
from peer.state.runs import run_files
from tests.support.network import PROCESSES, eventually, frozen, lab
from tests.support.problems import KITE, dif_spec, local_data, make_tasks, network_of

pytestmark = PROCESSES

NETWORK = network_of(KITE)
# p0's least squares take most of an iteration: the others wait for it.
DATA = local_data(make_tasks(NETWORK.names, (400, 3, 1, 2, 2), (60, 90), dim=40, seed=8, noise=0.01))
SPEC = dif_spec(rank=2, iterations=150, seed=4)
STOP_S = 5.0
"""What is promised."""


async def status(network, name):
    async with network.client(name) as client:
        return await client.status()


async def until(network, name, condition, what):
    """Wait until the newest run at a peer is as wanted."""

    async def holds():
        runs = (await status(network, name)).runs
        assert not runs or runs[-1].state is not RunState.CLOSED, f"the run was over before {name} {what}"
        return runs and condition(runs[-1])

    await eventually(holds, f"{name} {what}")


def whole(network, name, *, resumes=True):
    """Whether everything in a state folder can be read, and a running run resumed from it."""
    folder = network.folder / "state" / name
    assert list(folder.rglob("*.partial")) == []
    for files in run_files(folder / "runs", name):
        record = files.read_record().record
        checkpoints = [files.read_checkpoint(index) for index in files.checkpoints()]
        if record.state is RunState.RUNNING and resumes:
            assert loadable(checkpoints)


async def stopped(network, *names, twice=False, resumes=True):
    """Stop peers as an operator does, and look at what they leave."""
    for name in names:
        process = network.processes[name]
        process.send_signal(signal.SIGTERM)
        began = monotonic()
        if twice:
            await asyncio.sleep(0.05)
            process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), STOP_S) == 0, network.log(name)
        assert monotonic() - began < STOP_S
        whole(network, name, resumes=resumes)


async def stopped_while_starting(network, name):
    """As soon as the process has its state folder."""
    before = network.processes[name]
    starting = asyncio.create_task(network.start(name))
    lock = network.folder / "state" / name / "lock"

    def locked():
        process = network.processes[name]
        return process is not before and lock.read_text().strip() == str(process.pid)

    await eventually(locked, f"{name} has its state folder")
    await stopped(network, name, resumes=False)
    try:
        await starting
    except RunFailed as error:
        assert "exit status 0" in str(error)  # noqa: PT017 - it may also have come to be ready


async def same_bits(network, spec):
    async with network.client("p0") as client:
        await follow(client, "a", NETWORK.names, lambda _: None)
        collected = await collect(client, "a", NETWORK.names)
    digests = {name: result_digest(arrays["U"]) for name, arrays in collected.results.items()}
    assert digests == network.digests(spec)


async def submitted(network, spec):
    async with network.client("p0") as client:
        await submit(client, "a", spec)


async def test_a_stop_in_any_phase_costs_no_bit(tmp_path):
    async with lab(NETWORK, DATA, tmp_path, absent=("p4",)) as network:
        await stopped(network, "p1")  # between Hellos: its neighbours come up
        await stopped_while_starting(network, "p1")
        await network.start("p1")
        await submitted(network, SPEC)
        await until(network, "p0", lambda run: run.waiting_kind == "facts", "waits for p4's facts")
        await stopped(network, "p0", resumes=False)
        network.absent = ()
        await asyncio.gather(network.start("p0"), network.start("p4"))
        await until(network, "p3", lambda run: run.label.startswith("init."), "initialises")
        await stopped(network, "p3", resumes=False)
        await network.start("p3")
        await until(network, "p1", lambda run: run.iteration >= 2 and "p0" in run.waiting_for, "waits for p0")
        await stopped(network, "p0")  # it computes
        await until(
            network, "p1", lambda run: "p0" in run.waiting_for and run.waiting_s > 0.2, "waits for p0"
        )
        await stopped(network, "p1", twice=True)
        await asyncio.gather(network.start("p0"), network.start("p1"))
        await until(network, "p2", lambda run: run.iteration >= 6, "goes on")
        await stopped(network, "p2")
        await network.start("p2")
        async with frozen(network, "p3"):
            await until(
                network, "p1", lambda run: "p3" in run.waiting_for and run.waiting_s > 0.5, "waits for p3"
            )
            await stopped(network, "p1", "p4")
        await asyncio.gather(network.start("p1"), network.start("p4"))
        await until(network, "p4", lambda run: run.iteration >= SPEC.iterations - 10, "comes to the end")
        await stopped(network, "p4", resumes=False)
        await network.start("p4")
        await same_bits(network, SPEC)
        for name in NETWORK.names:
            assert "Traceback" not in network.log(name)
        assert "link to p4 is down: it said Goodbye" in network.log("p3")


async def test_a_stop_between_done_and_closed(tmp_path):
    """p4 ends when its result is on disk, before it has told anybody: the others have theirs and wait for its word."""
    spec = dif_spec(rank=2, iterations=3, init={"power_iterations": 2, "agreement_rounds": 2})
    async with lab(NETWORK, DATA, tmp_path, absent=("p4",)) as network:
        network.absent = ()
        await network.start("p4", {"DIFPEER_FAILPOINT": "at-end:1"})
        await submitted(network, spec)
        for name in ("p0", "p3"):
            await until(network, name, lambda run: run.state is RunState.DONE, "is done, not closed")
        assert await network.processes["p4"].wait() != 0
        await stopped(network, "p0", "p3")
        await asyncio.gather(*(network.start(name) for name in ("p0", "p3")))
        await until(network, "p0", lambda run: run.waiting_for == ("p4",), "waits for p4's word")
        await network.start("p4")
        await same_bits(network, spec)


async def test_a_stop_does_not_wait_for_somebody_who_holds_the_ledger(tmp_path):
    spec = dif_spec(rank=2, iterations=10**6, init={"power_iterations": 2, "agreement_rounds": 2})
    async with lab(NETWORK, DATA, tmp_path) as network:
        await submitted(network, spec)
        await until(network, "p1", lambda run: run.iteration >= 2, "learns")
        with closing(
            sqlite3.connect(tmp_path / "state" / "p1" / "ledger.sqlite", isolation_level=None)
        ) as held:
            held.execute("BEGIN IMMEDIATE")
            await stopped(network, "p1")
        assert "the ledger's last rows may be missing" in network.log("p1")
        await network.start("p1")
        await until(network, "p1", lambda run: run.iteration >= 5, "goes on")


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
async def test_twenty_stops_at_any_moment_cost_no_bit(tmp_path, seed):
    choose = random.Random(seed)
    async with lab(NETWORK, DATA, tmp_path) as network:
        await submitted(network, SPEC)
        for _ in range(20):
            names = choose.sample(NETWORK.names, choose.choice((1, 1, 2)))
            await asyncio.sleep(choose.uniform(0, 0.8))
            await asyncio.gather(*(stopped(network, name, resumes=False) for name in names))
            await asyncio.gather(*(network.start(name) for name in names))
        await same_bits(network, SPEC)
