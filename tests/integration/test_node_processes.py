"""Peers as processes of their own: what they load, how they start, stop and are killed."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

from peer.config import RunFailed, canonical_spec
from peer.data.store import write_all
from peer.protocol.records import RunState
from peer.runtime.local import LocalNetwork
from tests.support.network import NO_USE, PROCESSES
from tests.support.problems import dif_spec, local_data, make_tasks, network_of
from tests.support.watching import watch
from topology.network import write_network

pytestmark = PROCESSES

RING = network_of([("p0", "p1"), ("p1", "p2"), ("p2", "p3"), ("p0", "p3")])
SPEC = dif_spec(rank=4, iterations=20, init={"power_iterations": 3, "agreement_rounds": 4})
LONG = dif_spec(rank=2, iterations=100_000)
PSS_LIMIT_MB = 75
STOP_LIMIT_S = 5.0


STARTER = """
import asyncio, sys
from peer.runtime.local import LocalNetwork
from topology.network import read_network

async def main(network, data, folder):
    async with LocalNetwork(read_network(network), data, folder) as local:
        print(*(process.pid for process in local.processes.values()), flush=True)
        await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def data(tmp_path):
    tasks = make_tasks(RING.names, (4, 4, 4, 4), 12, dim=100)
    write_all(tmp_path / "data", {name: (local, tasks.U_true) for name, local in local_data(tasks).items()})
    return tmp_path / "data"


def client_of(local, name="p0"):
    return local.client(name)


def pss_mb(pid):
    """Proportional set size: shared pages count by share."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no Pss in smaps_rollup")


def mapped(pid):
    """Files that a process has mapped: extension modules name their packages."""
    return Path(f"/proc/{pid}/maps").read_text()


async def test_a_serving_peer_stays_small_with_and_after_a_run(tmp_path, data):
    async with LocalNetwork(RING, data, tmp_path / "run") as local, client_of(local) as client:
        await client.submit("a", canonical_spec(SPEC))
        async for _ in watch(client, "a", "p2"):
            pass
        for name, process in local.processes.items():
            assert pss_mb(process.pid) <= PSS_LIMIT_MB, name
            for package in NO_USE:
                assert f"/{package}/" not in mapped(process.pid)


def test_serving_imports_nothing_large():
    """All modules, also those without an extension: in the process that would serve."""
    code = "import sys, peer.cli.main, peer.cli.serve; print('\\n'.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "peer.runtime.serve" in loaded
    assert [name for name in loaded if name.split(".")[0] in NO_USE] == []


async def test_peers_stop_within_five_seconds_with_status_0_also_in_a_run(tmp_path, data):
    async with LocalNetwork(RING, data, tmp_path / "run") as local:
        async with client_of(local) as client:
            await client.submit("a", canonical_spec(LONG))
            async for reply in watch(client, "a", "p2", 20):
                if reply.status.iteration > 2:
                    break
        for name, number in (("p0", signal.SIGTERM), ("p1", signal.SIGINT), ("p2", signal.SIGTERM)):
            process = local.processes[name]
            began = monotonic()
            process.send_signal(number)
            # Whoever is impatient does not make it worse.
            process.send_signal(number)
            assert await asyncio.wait_for(process.wait(), STOP_LIMIT_S) == 0, local.log_tail(name)
            assert monotonic() - began < STOP_LIMIT_S
        assert "it said Goodbye" in local.log_file("p3").read_text()
        # The ledger's rows were written, and the lock is gone: the folder serves again.
        await local.start("p0")


async def test_a_killed_peer_is_noticed_and_its_run_goes_on_when_it_is_back(tmp_path, data):
    async with LocalNetwork(RING, data, tmp_path / "run") as local, client_of(local) as client:
        await client.submit("a", canonical_spec(LONG))
        async for reply in watch(client, "a", "p2", 20):
            if reply.status.iteration > 5:
                break
        local.processes["p2"].kill()
        await local.processes["p2"].wait()
        began = monotonic()
        while next(link for link in (await client.status("p1")).links if link.neighbour == "p2").up:
            assert monotonic() - began < 5
        stopped_at = next(run.iteration for run in (await client.status("p1")).runs)
        await local.start("p2")
        async with asyncio.timeout(30):
            async for reply in watch(client, "a", "p3", 20):
                assert reply.status.state is RunState.RUNNING
                if reply.status.iteration > stopped_at + 5:
                    break


async def test_a_start_that_fails_names_the_peer_and_shows_its_log(tmp_path, data):
    rows = data / "p2" / "rows.npz"
    rows.write_bytes(rows.read_bytes()[:-7])
    local = LocalNetwork(RING, data, tmp_path / "run")
    with pytest.raises(RunFailed, match=r"p2 did not start \(exit status 2\)") as caught:
        async with local:
            pytest.fail("it started")
    assert "rows.npz" in str(caught.value)
    assert all(process.returncode is not None for process in local.processes.values())


async def test_an_unexpected_end_is_told_with_the_log(tmp_path, data):
    async with LocalNetwork(RING, data, tmp_path / "run") as local:
        ended = asyncio.create_task(local.first_end())
        await asyncio.sleep(0)
        local.processes["p1"].kill()
        text = await asyncio.wait_for(ended, 10)
    assert "p1 has ended (exit status -9)" in text


async def test_nothing_is_left_when_the_block_is_cancelled(tmp_path, data):
    local = LocalNetwork(RING, data, tmp_path / "run")
    inside = asyncio.Event()

    async def block():
        async with local:
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(block())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert {process.returncode for process in local.processes.values()} == {0}


async def test_peers_end_when_their_starter_is_killed(tmp_path, data):
    write_network(RING, tmp_path / "net.yaml")
    starter = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STARTER, tmp_path / "net.yaml", data, tmp_path / "run"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert starter.stdout is not None
    pids = [int(pid) for pid in (await starter.stdout.readline()).split()]
    assert len(pids) == len(RING.names)
    starter.kill()
    await starter.wait()
    began = monotonic()
    while any(is_alive(pid) for pid in pids):
        assert monotonic() - began < 10
        await asyncio.sleep(0.05)


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_port_in_use_is_an_error_that_may_pass(tmp_path, data):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        network = RING.with_addresses({name: f"127.0.0.1:{7100 + i}" for i, name in enumerate(RING.names)})
        write_network(network, tmp_path / "net.yaml")
        command = [
            *(sys.executable, "-c", "from peer.cli.main import main; main()", "serve", "--insecure-loopback"),
            *("--name", "p0", "--network", tmp_path / "net.yaml", "--data", data / "p0"),
            *("--state", tmp_path / "state", "--listen", f"127.0.0.1:{port}"),
        ]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env=dict(os.environ))
    assert ended.returncode == 75
    assert f"cannot listen at 127.0.0.1:{port}: Address already in use" in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
