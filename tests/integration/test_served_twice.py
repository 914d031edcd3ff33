"""One peer, two processes: the second is refused, and the first one's log says so; or one of the two stops by name."""

import re
import shutil
from contextlib import AsyncExitStack, asynccontextmanager

from peer.config import canonical_spec
from peer.protocol.messages import TombKind
from peer.protocol.records import RunState
from tests.support.network import PROCESSES, difpeer, eventually, free_address, frozen, lab, start
from tests.support.problems import dif_spec, local_data, make_tasks, network_of
from topology.network import write_network

pytestmark = PROCESSES

PAIR = network_of([("p0", "p1")])
TASKS = make_tasks(PAIR.names, (2, 2), 8)
TOLD = r"closed the stream of \S+: a second process was started as p0; it is refused while this one serves"


async def test_a_second_process_is_refused_and_the_first_says_so(tmp_path):
    async with lab(PAIR, local_data(TASKS), tmp_path / "lab") as network:
        await eventually(lambda: "link to p1 is up" in network.log("p0"), "the peers are linked")
        words = ("--name", "p0", "--network", network.network_file, "--data", network.folder / "data" / "p0")
        state = network.folder / "state" / "p0"
        copy = tmp_path / "copy"
        shutil.copytree(state, copy)
        cases = (
            ("the same folder", state, (), "the state folder is in use by process"),
            ("a copy of it", copy, (), "p0 is served at"),
            ("a new folder", tmp_path / "new", (), "p0 is served at"),
            ("a copy, at another address", copy, ("--listen", free_address()), "p0 is served at"),
        )
        for number, (case, folder, listen, said) in enumerate(cases, 1):
            done = await difpeer("serve", *words, "--state", folder, *listen)
            assert (done.status, done.out) == (2, ""), (case, done.err)
            assert said in done.error, case
            await eventually(
                lambda n=number: len(re.findall(TOLD, network.log("p0"))) == n, f"p0's log: {case}"
            )
            assert network.log("p0").count("a second process") == number, "once for each attempt"
        assert not (tmp_path / "new").exists()
        assert "link to p1 is down" not in network.log("p0")
        assert "seen before" not in network.log("p1")
        assert network.processes["p0"].returncode is None


@asynccontextmanager
async def copied(network, copy):
    """p0 once more, from a copy of its folder, where the two cannot see each other; gives how to ask it."""
    address = free_address()
    elsewhere = network.folder / f"{copy.name}.yaml"  # beside the certificates
    write_network(network.network.with_addresses({"p0": address, "p1": network.address("p1")}), elsewhere)
    command = await start(
        *("serve", "--name", "p0", "--network", elsewhere, "--data", network.folder / "data" / "p0"),
        *("--state", copy),
    )
    try:
        yield address, command
    finally:
        if command.process.returncode is None:
            command.process.kill()
        await command.ended()


async def underway(network, spec, iteration):
    """Submit run "a", and wait until p1 has done so many iterations."""
    async with client_of(network, "p1") as client:
        await client.submit("a", canonical_spec(spec))
    await reached(network, iteration)


async def reached(network, iteration):
    async with client_of(network, "p1") as client:
        await eventually(lambda: at_least(client, iteration), f"iteration {iteration}")


async def at_least(client, iteration):
    return any(run.iteration >= iteration for run in (await client.status()).runs)


def client_of(network, name):
    return network.client(name)


async def stopped_by_name(network):
    """The process with the lower incarnation is told, and ends."""
    assert await network.processes["p0"].wait() == 1
    said = " ".join(network.log("p0").split())
    assert "p1 has seen incarnation 2 of p0, this process is 1" in said
    assert "is served twice; stop the other process, or restore the newest state folder" in said
    assert "p0 shows incarnation 1, 2 was seen before" in network.log("p1")


async def test_a_copy_that_cannot_see_the_first_takes_over_with_the_same_bits(tmp_path):
    spec = dif_spec(rank=2, iterations=200, init={"power_iterations": 3, "agreement_rounds": 3})
    async with lab(PAIR, local_data(TASKS), tmp_path / "lab") as network:
        await underway(network, spec, 20)
        async with AsyncExitStack() as stack:
            # Cut off, say, for so long that somebody starts its peer on another machine.
            async with frozen(network, "p0"):
                shutil.copytree(network.folder / "state" / "p0", tmp_path / "copy")
                address, _ = await stack.enter_async_context(copied(network, tmp_path / "copy"))
                words = (
                    "--via",
                    f"p0@{address}",
                    *network.access.words.split(),
                    "--out",
                    tmp_path / "runs",
                    "--json",
                )
                done = await difpeer("run", "--attach", "a", *words)
                assert done.document["result_digest"] == network.digests(spec)
            await stopped_by_name(network)


async def test_a_copy_that_is_behind_ends_the_run_by_name_and_the_first_stops(tmp_path):
    spec = dif_spec(rank=2, iterations=10**6, init={"power_iterations": 3, "agreement_rounds": 3})
    async with lab(PAIR, local_data(TASKS), tmp_path / "lab") as network:
        await underway(network, spec, 20)
        async with frozen(network, "p0"):
            shutil.copytree(network.folder / "state" / "p0", tmp_path / "copy")
        await reached(network, 60)
        async with copied(network, tmp_path / "copy") as (_, command):
            await stopped_by_name(network)
            async with client_of(network, "p1") as client:
                async for reply in client.watch("a", "p1", 20):
                    last = reply.status
            assert (last.state, last.reason.kind) == (RunState.TOMB, TombKind.FAILED)
            assert "p0 has lost durable state" in last.reason.text
            assert command.process.returncode is None
