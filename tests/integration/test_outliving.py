"""A run and those around it: its client, the peer it was submitted through, peers that come late or come back."""

import re
import signal
from contextlib import asynccontextmanager

from peer.protocol.messages import TombKind
from peer.protocol.records import RunState
from tests.support.network import PROCESSES, difpeer, eventually, frozen, lab, start
from tests.support.problems import KITE, dif_spec, local_data, make_tasks, network_of

pytestmark = PROCESSES

NETWORK = network_of(KITE)
DATA = local_data(make_tasks(NETWORK.names, (2, 3, 1, 2, 2), (9, 14), seed=8, noise=0.01))
SHORT = dif_spec(rank=2, iterations=25, seed=3)
SPEC = dif_spec(rank=2, iterations=250, seed=4)
ENDLESS = dif_spec(rank=2, iterations=10**6)


@asynccontextmanager
async def following(network, spec, via):
    """A ``difpeer run`` that has submitted; gives the command and the run."""
    words = ("--out", network.folder / "runs", "--json")
    command = await start("run", network.spec_file(spec), *network.via(via), *words)
    try:
        told = re.search(r"run (\S+);", await command.says("if this terminal closes"))
        assert told, command.err
        yield command, told.group(1)
    finally:
        if command.process.returncode is None:
            command.process.kill()
        await command.ended()


async def run_at(network, name):
    async with network.client(name) as client:
        runs = (await client.status()).runs
    return runs[-1] if runs else None


async def reaches(network, name, condition, what):
    async def holds():
        run = await run_at(network, name)
        return run is not None and condition(run)

    await eventually(holds, f"{name} {what}")


async def killed(network, name):
    process = network.processes[name]
    process.kill()
    await process.wait()


async def test_a_run_outlives_its_client_and_the_peer_it_came_through(tmp_path):
    async with lab(NETWORK, DATA, tmp_path) as network:
        async with following(network, SPEC, "p2") as (first, run):
            await reaches(network, "p2", lambda run: run.iteration > 0, "learns")
            second = await start(
                *("run", "--attach", run, *network.via("p2"), "--out", network.folder / "again", "--json")
            )
            try:
                async with frozen(network, "p4"):  # the run shall not be over before
                    await second.says("if this terminal closes")
                    first.process.kill()
                    await killed(network, "p2")
                await second.says(f"no answer from {network.address('p2')} for")
                assert (await run_at(network, "p1")).waiting_for == ("p2",)
                await network.start("p2")
                # As if nothing had been.
                assert (await second.ended()).document["result_digest"] == network.digests(SPEC)
            finally:
                if second.process.returncode is None:
                    second.process.kill()
        assert f"run {run} resumes from round" in network.log("p2")


async def test_the_way_back_is_through_a_peer_that_answers(tmp_path):
    async with lab(NETWORK, DATA, tmp_path) as network, following(network, ENDLESS, "p0") as (command, run):
        await killed(network, "p0")
        await command.says(f"no answer from {network.address('p0')} for")
        command.process.send_signal(signal.SIGINT)
        ended = await command.ended()
        assert (ended.status, ended.out) == (130, "")
        advice = ended.err.partition(f"the peers go on with run {run}: follow it with")[2]
        assert f"difpeer run --attach {run} {' '.join(network.via('p1'))}\n" in advice, ended.err
        assert f"difpeer cancel {run} {' '.join(network.via('p1'))}\n" in advice


async def test_status_beside_a_peer_that_is_away(tmp_path):
    async with lab(NETWORK, DATA, tmp_path, absent=("p3",)) as network:
        status = await difpeer("status", *network.via("p0"))
        assert re.search(r"p3 .* away for \d+ s", status.out), status.out
        assert re.search(r"p4 .* behind p3", status.out), status.out
        told = "asked through p0: p3 cannot be reached from p1, so nothing is known of p4 behind it\n"
        assert told in status.out, status.out
        assert "tried for" not in status.out


async def test_a_peer_that_is_away_at_submit_is_waited_for_by_name(tmp_path):
    async with (
        lab(NETWORK, DATA, tmp_path, absent=("p3",)) as network,
        following(network, SHORT, "p0") as (command, _),
    ):
        await command.says("for p3 (silent for")
        assert command.process.returncode is None
        status = await difpeer("status", *network.via("p2"))
        assert "in the end all wait for p3, p4\n" in status.out, status.out
        assert re.search(r"p1 has no link to p3 for \d+ s: \S+ Connection refused", status.out), status.out
        network.absent = ()
        await network.start("p3")
        assert (await command.ended()).document["result_digest"] == network.digests(SHORT)


async def test_a_cancel_reaches_a_peer_that_was_down(tmp_path):
    async with lab(NETWORK, DATA, tmp_path) as network, following(network, ENDLESS, "p0") as (command, run):
        await reaches(network, "p4", lambda run: run.iteration > 2, "learns")
        await killed(network, "p4")
        link = "the stream ended without Goodbye|Socket closed|reset by peer|Broken pipe"
        await eventually(
            lambda: re.search(f"link to p4 is down: .*({link})", network.log("p3")), "p3 sees it"
        )
        told = await difpeer("cancel", run, *network.via("p0"))
        expected = f"run {run} is cancelled; not reached now: p4, hears of it when it is back\n"
        assert (told.status, told.out) == (0, expected), told.err
        # The client waits for p4's word too: it may have finished.
        await network.start("p4")
        ended = await command.ended()
        assert (ended.status, ended.out) == (1, "")
        assert f"run {run} cancelled (p0 says" in ended.error
        await reaches(network, "p4", lambda run: run.state is RunState.TOMB, "has heard of it")
        assert (await run_at(network, "p4")).reason.kind is TombKind.CANCELLED


async def test_a_peer_comes_back_when_the_others_are_done(tmp_path):
    async with lab(NETWORK, DATA, tmp_path) as network:
        async with following(network, SPEC, "p0") as (command, run):
            await reaches(network, "p4", lambda run: run.iteration > SPEC.iterations - 20, "comes to the end")
            await killed(network, "p4")
            await network.start("p4")
            await reaches(network, "p4", lambda run: run.state is RunState.CLOSED, "has the result")
            assert (await command.ended()).document["result_digest"] == network.digests(SPEC)
        # And once more, when there is nothing to do; what it has is still to be had.
        await killed(network, "p4")
        words = ("--attach", run, *network.via("p1"), "--out", network.folder / "again", "--json")
        late = await start("run", *words)
        await late.says("p4 says nothing for")
        await network.start("p4")
        assert (await late.ended()).document["result_digest"] == network.digests(SPEC)
