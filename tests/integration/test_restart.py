"""Peers that are killed, started again, and given other folders: the same bits, or an end by name."""

import asyncio
import io
import marshal
import platform
import shutil
import subprocess
from contextlib import asynccontextmanager
from struct import pack
from zlib import crc32

import numpy as np
import pytest

from peer.config import RunFailed, canonical_spec
from peer.data.store import write_peer
from peer.measure.summary import result_digest
from peer.protocol.messages import TombKind
from peer.protocol.records import RunState
from peer.runtime.client import Client
from tests.support.network import PROCESSES, Lab, difpeer, eventually, frozen, lab
from tests.support.problems import KITE, dif_spec, local_data, make_tasks, network_of
from tests.support.watching import watch

pytestmark = PROCESSES

GRAPH = network_of(KITE)
TASKS = make_tasks(GRAPH.names, (2, 3, 1, 2, 2), (9, 14), seed=8, noise=0.01)
# Few rounds in the initialisation and in an iteration: what is disturbed is the main loop, and its checkpoints.
FEW = {"init": {"power_iterations": 3, "agreement_rounds": 3}, "agreement": {"rounds": 3}}
SPEC = dif_spec(rank=2, iterations=150, seed=4, **FEW)
ENDLESS = dif_spec(rank=2, iterations=10**6, **FEW)
"""p3 is the only way to p4."""


@asynccontextmanager
async def started(folder, spec=SPEC):
    """A network with run "a"."""
    async with lab(GRAPH, local_data(TASKS), folder, truth=TASKS.U_true) as network:
        async with client_of(network) as client:
            await client.submit("a", canonical_spec(spec))
        yield network


def client_of(network: Lab, name="p0", **options) -> Client:
    return network.client(name, **options)


async def reached(network: Lab, iteration: int, name="p3") -> None:
    """Wait until a peer has finished so many iterations of the run."""
    async with client_of(network, name) as client:
        async for reply in watch(client, "a", name, 10):
            assert reply.status.reason is None, reply.status.reason
            if reply.status.iteration >= iteration:
                return
    pytest.fail("the run was over before it could be disturbed")


async def killed(network: Lab, *names: str) -> None:
    for name in names:
        network.processes[name].kill()
    for name in names:
        await network.processes[name].wait()


async def ends(network: Lab) -> dict[str, object]:
    """The last status of run "a" at each peer."""
    last = {}
    async with client_of(network) as client:
        for name in network.network.names:
            async for reply in watch(client, "a", name, 20):
                last[name] = reply.status
    return last


async def finished_with_the_simulators_bits(network: Lab, spec=SPEC) -> None:
    assert {status.state for status in (await ends(network)).values()} == {RunState.CLOSED}
    digests = {}
    async with client_of(network) as client:
        for name in network.network.names:
            with np.load(io.BytesIO((await client.collect("a", name))["result.npz"])) as result:
                digests[name] = result_digest(result["U"])
    assert digests == network.digests(spec)


async def refused(network: Lab, name="p3") -> str:
    """Start a peer that will not; what it says."""
    with pytest.raises(RunFailed, match=rf"{name} did not start \(exit status 2\)") as caught:
        await network.start(name)
    return " ".join(str(caught.value).split())


def flip(path) -> None:
    """Turn over one bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)


def state(network: Lab, name="p3"):
    return network.folder / "state" / name


def newest(folder):
    return max(folder.glob("checkpoint-*"), key=lambda path: int(path.name.partition("-")[2]))


@pytest.mark.parametrize("names", [("p3",), ("p1", "p3"), GRAPH.names], ids=["one", "neighbours", "all"])
async def test_killed_peers_go_on_where_they_were(tmp_path, names):
    async with started(tmp_path) as network:
        await reached(network, 40)
        await killed(network, *names)
        await asyncio.gather(*(network.start(name) for name in names))
        await finished_with_the_simulators_bits(network)
        for name in names:
            assert "run a resumes from round " in network.log(name)


async def test_a_peer_is_killed_again_and_again(tmp_path):
    async with started(tmp_path) as network:
        for kill in range(1, 6):
            await reached(network, 15 * kill)
            await killed(network, "p3")
            await network.start("p3")
        await finished_with_the_simulators_bits(network)
        assert network.log("p3").count("run a resumes from round ") == 5


async def test_a_peer_killed_before_its_first_checkpoint_begins_again(tmp_path):
    # So many rounds before the first checkpoint that p3 is in the midst of them.
    spec = dif_spec(rank=2, iterations=3, init={"power_iterations": 2, "agreement_rounds": 400})
    async with started(tmp_path, spec) as network, client_of(network) as client:

        async def underway() -> bool:
            return any(run.round > 20 for run in (await client.status("p3")).runs)

        await eventually(underway, "p3 is in the first agreement")
        await killed(network, "p3")
        assert not list((state(network) / "runs" / "a").glob("checkpoint-*"))
        await network.start("p3")
        await finished_with_the_simulators_bits(network, spec)
        assert "run a resumes from its start" in network.log("p3")


async def test_results_outlive_every_process(tmp_path):
    async with started(tmp_path, dif_spec(rank=2, iterations=5)) as network:
        await ends(network)
        await killed(network, *GRAPH.names)
        result = newest(state(network) / "runs" / "a")
        flip(result)
        await asyncio.gather(*(network.start(name) for name in GRAPH.names))
        # Whoever would collect it next month should hear of it now.
        warning = f"the result of run a at p3 cannot be read: {result} is damaged"
        await eventually(lambda: warning in network.log("p3"), "p3 warns of its result")
        flip(result)
        await finished_with_the_simulators_bits(network, dif_spec(rank=2, iterations=5))
        out = network.folder / "runs"
        again = await difpeer("run", "--attach", "a", *network.via("p4"), "--out", out, "--json")
        assert again.document["result_digest"] == network.digests(dif_spec(rank=2, iterations=5))
        # Of a run that is over its result is kept and nothing else.
        assert {len(list((state(network, name) / "runs" / "a").iterdir())) for name in GRAPH.names} == {2}


async def test_a_damaged_newest_checkpoint_is_passed_over(tmp_path):
    async with started(tmp_path) as network:
        await reached(network, 60)
        await killed(network, "p3")
        damaged = newest(state(network) / "runs" / "a")
        flip(damaged)
        await network.start("p3")
        await finished_with_the_simulators_bits(network)
        assert f"passed over: {damaged} is damaged" in network.log("p3")


async def test_rows_of_another_version_beside_the_ledger_keep_no_peer_from_starting(tmp_path):
    async with started(tmp_path) as network:
        await reached(network, 20)
        await killed(network, "p3")
        body = marshal.dumps({"accidents": [("p3", "a", 1)]}, 4)
        rows = state(network) / "ledger.sqlite.99.rows"
        rows.write_bytes(pack("<II", len(body), crc32(body)) + body)
        await network.start("p3")
        await finished_with_the_simulators_bits(network)
        assert f"passed over: {rows}.damaged has rows that do not fit" in network.log("p3")


@pytest.mark.parametrize("which", ["record", "checkpoint-*"])
async def test_damage_that_would_be_a_fresh_start_is_refused(tmp_path, which):
    async with started(tmp_path, ENDLESS) as network:
        await reached(network, 20)
        await killed(network, "p3")
        files = sorted((state(network) / "runs" / "a").glob(which))
        for file in files:
            flip(file)
        told = await refused(network)
        assert any(f"{file}: is damaged" in told for file in files)
        assert f"difpeer runs delete a --state {state(network)}" in told
        # The others wait for it, and nothing is decided before somebody does what was said.
        async with client_of(network) as client:
            assert (await client.status("p1")).runs[-1].state is RunState.RUNNING
        for file in files:
            flip(file)
        await network.start("p3")
        await reached(network, 40)


async def test_another_peers_run_folder_is_refused(tmp_path):
    async with started(tmp_path, ENDLESS) as network:
        await reached(network, 20)
        await killed(network, "p3", "p4")
        runs = state(network) / "runs"
        shutil.rmtree(runs)
        shutil.copytree(state(network, "p4") / "runs", runs)
        assert f"{runs / 'a' / 'record'}: is the file of another peer: 'p4', not 'p3'" in await refused(
            network
        )


async def test_an_empty_state_folder_in_mid_run_ends_the_run_by_name(tmp_path):
    async with started(tmp_path, ENDLESS) as network:
        await reached(network, 20)
        await killed(network, "p3")
        shutil.rmtree(state(network))
        await network.start("p3")
        for status in (await ends(network)).values():
            assert (status.state, status.reason.kind) == (RunState.TOMB, TombKind.FAILED)
            assert "p3 has lost durable state" in status.reason.text
            assert "submit the run anew" in status.reason.text


async def test_a_run_deleted_at_one_peer_ends_by_name_as_it_was_said(tmp_path):
    async with started(tmp_path, ENDLESS) as network:
        await reached(network, 20)
        words = ("--state", state(network), "--json")
        (entry,) = (await difpeer("runs", "list", *words)).document["runs"]
        assert (entry["run"], entry["state"], entry["algorithm"]) == ("a", "running", "dif-altgdmin")
        assert entry["iteration"] >= 15
        assert "in use by process" in (await difpeer("runs", "delete", "a", *words)).error
        await killed(network, "p3")
        document = (await difpeer("runs", "delete", "a", *words)).document
        assert (document["was"], document["removed"]) == ("running", ["a"])
        assert "they end the run by name" in document["means"]
        await network.start("p3")
        for status in (await ends(network)).values():
            assert (status.state, status.reason.kind) == (RunState.TOMB, TombKind.FAILED)
            assert "p3 has lost durable state" in status.reason.text


async def test_a_peer_whose_folder_was_emptied_after_many_starts_stops_by_name(tmp_path):
    async with started(tmp_path, ENDLESS) as network:
        for iteration in (20, 40, 60):
            await reached(network, iteration)
            await killed(network, "p3")
            if iteration < 60:
                await network.start("p3")
        kept = network.folder / "kept"
        state(network).rename(kept)
        await network.start("p3")
        assert await network.processes["p3"].wait() == 1
        said = " ".join(network.log("p3").split())
        assert "has seen incarnation 3 of p3, this process is 1" in said
        assert "restore" in said.partition("has seen incarnation 3")[2]

        # It is not there to be asked; the neighbour that refused it says why.
        status = " ".join((await difpeer("status", *network.via("p4"))).out.split())
        assert "its last Hello was refused: p3 shows incarnation 1, 3 was seen before: its state" in status
        # The mend it names: the newest folder.
        shutil.rmtree(state(network))
        kept.rename(state(network))
        await network.start("p3")
        await reached(network, 80)


@pytest.mark.parametrize("starts", [1, 2])
async def test_an_old_copy_of_a_state_folder_is_refused_by_name(tmp_path, starts):
    async with started(tmp_path, ENDLESS) as network:
        await reached(network, 20)
        await killed(network, "p3")
        shutil.copytree(state(network), network.folder / "backup")
        for number in range(1, starts + 1):
            await network.start("p3")
            await reached(network, 20 + 30 * number)
            await killed(network, "p3")
        shutil.rmtree(state(network))
        shutil.copytree(network.folder / "backup", state(network))
        await network.start("p3")
        if starts > 1:
            # Its number tells: the process stops, and the run goes on when the newest folder is back.
            assert await network.processes["p3"].wait() == 1
            assert "has seen incarnation 3 of p3, this process is 2" in " ".join(network.log("p3").split())
        else:
            for status in (await ends(network)).values():
                assert (status.state, status.reason.kind) == (RunState.TOMB, TombKind.FAILED)
                assert "p3 has lost durable state" in status.reason.text
                assert "submit the run anew" in status.reason.text


async def test_changed_data_are_refused_until_they_are_back(tmp_path):
    async with started(tmp_path) as network:
        await reached(network, 40)
        await killed(network, "p3")
        data = network.folder / "data" / "p3"
        data.rename(network.folder / "kept")
        # As many tasks and rows: only the numbers are others.
        other = make_tasks(GRAPH.names, (2, 3, 1, 2, 2), (9, 14), seed=8, noise=0.02)
        write_peer(data, local_data(other)["p3"], TASKS.U_true)
        told = await refused(network)
        assert "run a is running and was begun with other data than are in the data folder now" in told
        assert f"difpeer runs delete a --state {state(network)}" in told
        shutil.rmtree(data)
        (network.folder / "kept").rename(data)
        await network.start("p3")
        await finished_with_the_simulators_bits(network)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names a BLAS kernel of x86")
async def test_another_blas_kernel_is_refused(tmp_path, monkeypatch):
    async with started(tmp_path) as network:
        await reached(network, 40)
        await killed(network, "p3")
        with monkeypatch.context() as environment:
            environment.setenv("OPENBLAS_CORETYPE", "Nehalem")
            told = await refused(network)
        assert "run a is running and was begun with blas OpenBLAS" in told
        assert "Nehalem)" in told
        await network.start("p3")
        await finished_with_the_simulators_bits(network)


def root(*words) -> None:
    subprocess.run(words, check=True, capture_output=True)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MB as p3's state folder."""
    folder = tmp_path / "state" / "p3"
    folder.mkdir(parents=True)
    try:
        root("mount", "-t", "tmpfs", "-o", "size=4m", "difpeer-test", folder)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a file system cannot be mounted here: that needs root")
    yield folder
    while folder.is_mount():  # a test may have mounted it once more
        root("umount", "--lazy", folder)


async def stopped_by_its_disk(network: Lab, problem: str) -> None:
    assert await network.processes["p3"].wait() == 1
    said = " ".join(network.log("p3").split())
    assert f"p3 stops: {state(network) / 'runs' / 'a'} cannot be written ({problem})" in said
    assert "start it again" in said
    assert "Traceback" not in said


async def test_a_full_disk_stops_the_peer_and_room_lets_it_go_on(tmp_path, small_disk):
    async with started(tmp_path) as network:
        await reached(network, 40)
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                pass
        await stopped_by_its_disk(network, "No space left on device")
        filler.unlink()
        await network.start("p3")
        await finished_with_the_simulators_bits(network)


async def test_a_disk_that_has_become_read_only_stops_the_peer(tmp_path, small_disk):
    async with started(tmp_path) as network:
        await reached(network, 40)
        # A file system with open files cannot be remounted; a bind mount over it can, while nobody opens files there.
        async with frozen(network, "p3"):
            root("mount", "--bind", small_disk, small_disk)
            root("mount", "-o", "remount,bind,ro", small_disk)
        await stopped_by_its_disk(network, "Read-only file system")
        assert "cannot be written" in await refused(network)
        root("umount", small_disk)
        await network.start("p3")
        await finished_with_the_simulators_bits(network)
