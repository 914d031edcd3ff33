"""``run``, ``status`` and ``cancel`` on a network of processes, through any of its peers."""

import asyncio
import json
import re
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest
import pytest_asyncio

from peer.measure.run_folder import read_run_folder
from peer.measure.schema import TABLES
from peer.protocol.records import RunState
from peer.runtime.following import News, follow, progress_note, submit
from peer.runtime.operations import NEWEST_RUNS
from tests.support.network import Command, Ended, Lab, difpeer, eventually, frozen, lab, start
from tests.support.problems import KITE, dif_spec, local_data, make_tasks, network_of
from topology.content import network_text
from topology.network import read_network

pytestmark = [pytest.mark.network, pytest.mark.asyncio(loop_scope="module")]

SHORT = dif_spec(rank=2, iterations=25, seed=3)
LONG = dif_spec(rank=2, iterations=400, seed=4)
"""Some seconds: long enough to be caught in the middle."""
ENDLESS = dif_spec(rank=2, iterations=10**6)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(tmp_path_factory):
    """p0, p1, p2 in a triangle; p3 beside p1 and p4 behind p3. Owners do not share coefficients."""
    graph = network_of(KITE)
    tasks = make_tasks(graph.names, (2, 3, 1, 2, 2), (9, 14), seed=8, noise=0.01)
    folder = tmp_path_factory.mktemp("commands")
    async with lab(graph, local_data(tasks), folder, truth=tasks.U_true) as running:
        yield running


async def newest(network: Lab, name: str = "p0"):
    """The newest run's status at one peer."""
    async with network.client(name) as client:
        return (await client.status()).runs[-1]


@asynccontextmanager
async def submitted(network: Lab, spec, *words) -> AsyncIterator[tuple[Command, str]]:
    """Start a run and wait until all peers learn; gives the command and the run's id. Nothing of it stays."""
    command = await start("run", network.spec_file(spec), "--out", network.folder / "runs", "--json", *words)
    told = re.search(r"run (\S+);", await command.says("if this terminal closes"))
    assert told, command.err
    run = told.group(1)

    async def learning() -> bool:
        statuses = [await newest(network, name) for name in network.network.names]
        assert all(status.reason is None for status in statuses), statuses
        return all(status.run == run and status.iteration > 0 for status in statuses)

    await eventually(learning, "all peers learn")
    try:
        yield command, run
    finally:
        if command.process.returncode is None:
            command.process.kill()
            await command.ended()
        async with network.client("p0") as client:
            await client.cancel(run, "the test is over")


async def cancelled(network: Lab, run: str, via: str = "p0") -> Ended:
    return await difpeer("cancel", run, *network.via(via))


def same_everywhere(network: Lab, document, spec) -> None:
    assert document["result_digest"] == network.digests(spec)


@pytest.mark.long
async def test_a_run_that_is_no_longer_among_the_newest_is_collected_still(tmp_path):
    graph = network_of([("p0", "p1")])
    tasks = make_tasks(graph.names, (1, 1), (4, 6), seed=1, noise=0.01)
    async with lab(graph, local_data(tasks), tmp_path) as running:
        spec = dif_spec(rank=1, iterations=1)
        runs = [f"run-{number:03d}" for number in range(NEWEST_RUNS + 1)]
        async with running.client("p0") as client:
            for run in runs:
                await submit(client, run, spec)
                await follow(client, run, graph.names, lambda _: None)
            assert (await client.status()).runs[0].run == runs[1]
        attached = await difpeer(
            "run", "--attach", runs[0], *running.via("p0"), "--out", tmp_path / "runs", "--json"
        )
        assert attached.document["run_id"] == runs[0]


async def test_two_runs_on_the_same_network_have_the_simulators_digests(network):
    documents = []
    for via in ("p4", "p0"):
        words = (network.spec_file(SHORT), *network.via(via), "--out", network.folder / "runs", "--json")
        documents.append((await difpeer("run", *words)).document)
    first, second = documents
    assert first["run_id"] != second["run_id"]
    assert first["result_digest"] == second["result_digest"] == network.digests(SHORT, exact=True)
    assert (first["driver"], first["matches_simulation"]) == ("network", None)
    assert len(first["subspace_distance"]["trace"]) == SHORT.iterations + 1
    for document in documents:
        folder = read_run_folder(network.folder / "runs" / document["run_id"])
        assert folder.summary == document
        assert folder.spec == SHORT
        assert document["bytes"]["payload"] == document["bytes"]["predicted_payload"]
        # B belongs to the owners, who have not shared it here; of the features there is a digest.
        assert {name: list(arrays) for name, arrays in folder.results.items()} == {
            name: ["U", "prepared"] for name in network.network.names
        }
        with closing(sqlite3.connect(folder.ledger)) as ledger:
            for table in TABLES:
                rows = ledger.execute(f"SELECT DISTINCT peer, run FROM {table}").fetchall()
                assert sorted(rows) == [(name, document["run_id"]) for name in network.network.names], table


async def test_text_for_people(network):
    words = (*network.via("p3"), "--out", network.folder / "runs")
    done = await difpeer("run", network.spec_file(SHORT), *words)
    assert done.status == 0, done.err
    assert "dif-altgdmin on 5 peers and 5 edges (network)" in done.out
    assert "run folder: " in done.out
    told = await difpeer("status", *network.via("p3"))
    assert told.status == 0, told.err
    for name in network.network.names:
        assert re.search(rf"{name} .* closed .* 25/25", told.out), told.out


async def test_a_frozen_peer_is_named_as_the_one_waited_for_and_changes_no_bit(network):
    async with submitted(network, LONG, *network.via("p0")) as (command, run):
        async with frozen(network, "p3"):

            async def everyone_waits() -> bool:
                statuses = [await newest(network, name) for name in ("p0", "p1", "p2", "p4")]
                return all(status.waiting_for and status.waiting_s > 0.5 for status in statuses)

            await eventually(everyone_waits, "p1 and p4 wait for p3, the others for p1")
            asked = difpeer("status", *network.via("p0"), "--json"), difpeer("status", *network.via("p0"))
            document, text = await asyncio.gather(*asked)
            peers = document.document["peers"]
            assert {
                name: told["runs"][-1]["run"] for name, told in peers.items() if "runs" in told
            } == dict.fromkeys(("p0", "p1", "p2"), run)
            waits = peers["p1"]["runs"][-1]
            assert (waits["state"], waits["waiting_kind"], waits["waiting_for"]) == (
                "running",
                "round",
                ["p3"],
            )
            assert waits["waiting_s"] > 0.5
            assert waits["label"] in ("descent", "init.power", "init.threshold")
            assert "p1" in peers["p0"]["runs"][-1]["waiting_for"]
            for name in ("p3", "p4"):  # p4 is behind p3
                assert "no answer" in peers[name]["error"] or "cannot be reached" in peers[name]["error"]
            assert re.search(r"p1 .* running .* p3 \d+\.\d s", text.out), text.out
        same_everywhere(network, (await command.ended()).document, LONG)


async def test_a_second_run_is_refused_by_the_name_of_the_first(network):
    async with submitted(network, ENDLESS, *network.via("p1")) as (command, run):
        for via in ("p1", "p4"):
            second = await difpeer("run", network.spec_file(SHORT), *network.via(via))
            assert second.status == 2
            assert f"run {run} is on" in second.error
            cancel = " ".join(map(str, ("cancel", run, *network.via(via))))
            assert f"end it with `difpeer {cancel}`" in " ".join(second.error.split())
        # It goes on, and nobody has recorded the other.
        assert {(await newest(network, name)).run for name in network.network.names} == {run}
        assert (await newest(network)).state is RunState.RUNNING

        told = await cancelled(network, run, via="p4")
        assert (told.status, told.out.strip()) == (0, f"run {run} is cancelled")
        told = await cancelled(network, run, via="p4")
        assert told.out.startswith(f"run {run} had ended already: cancelled (p4 says: cancelled by ")
        ended = await command.ended()
        assert (ended.status, ended.out) == (1, "")
        assert f"run {run} cancelled (p4 says: cancelled by " in ended.error
        peers = (await difpeer("status", *network.via("p2"), "--json")).document["peers"]
        for told_by in peers.values():
            newest_run = told_by["runs"][-1]
            assert (newest_run["run"], newest_run["state"]) == (run, "tomb")
            assert (newest_run["reason"]["kind"], newest_run["reason"]["peer"]) == ("cancelled", "p4")
            assert newest_run["waiting_for"] == []
        again = await difpeer("cancel", run, *network.via("p0"), "--json")
        assert again.document == {"run_id": run, "state": "tomb", "not_reached": []}


async def test_of_two_runs_submitted_at_once_one_is_taken(network):
    words = ("run", network.spec_file(SHORT), "--out", network.folder / "runs", "--json")
    commands = [await start(*words, *network.via(name)) for name in ("p0", "p4")]
    both = await asyncio.gather(*(command.ended() for command in commands))
    loser, winner = sorted(both, key=lambda ended: ended.status == 0)
    same_everywhere(network, winner.document, SHORT)
    if loser.status != 0:  # else it came when the other one was over
        assert (loser.status, loser.out) == (2, "")
        assert f"run {winner.document['run_id']} " in loser.error
        assert "wait for" in loser.error


async def test_a_run_outlives_its_client(network):
    async with submitted(network, LONG, *network.via("p0")) as (command, run):
        command.process.kill()
        await command.ended()
        assert not (network.folder / "runs" / run).exists()
        attached = await difpeer(
            "run", "--attach", run, *network.via("p4"), "--out", network.folder / "runs", "--json"
        )
        summary = attached.document
        assert summary["run_id"] == run
        same_everywhere(network, summary, LONG)
        assert read_run_folder(network.folder / "runs" / run).summary == summary
        finished = await cancelled(network, run)
        assert (finished.status, finished.out.strip()) == (0, f"run {run} was finished already")
        # The results are there, whoever asks again and later.
        again = await difpeer(
            "run", "--attach", run, *network.via("p2"), "--out", network.folder / "again", "--json"
        )
        assert again.document["result_digest"] == summary["result_digest"]


async def test_two_clients_of_one_run_may_write_to_the_same_place(network):
    async with submitted(network, LONG, *network.via("p0")) as (command, run):
        words = ("--attach", run, *network.via("p2"), "--out", network.folder / "runs", "--json")
        attached = await start("run", *words)
        await attached.says("if this terminal closes")
        first, second = await asyncio.gather(command.ended(), attached.ended())
    assert first.document == second.document == read_run_folder(network.folder / "runs" / run).summary
    assert "another client has written" in first.err + second.err


async def test_ctrl_c_leaves_the_run_and_says_how_to_come_back(network):
    async with submitted(network, ENDLESS, *network.via("p2")) as (command, run):
        command.process.send_signal(signal.SIGINT)
        ended = await command.ended()
        assert (ended.status, ended.out) == (130, "")
        assert f"difpeer run --attach {run} --via {network.address('p2')} {network.access.words}" in ended.err
        assert (await newest(network)).state is RunState.RUNNING
        attached = await start("run", "--attach", run, *network.via("p3"), "--out", network.folder / "runs")
        await attached.says("if this terminal closes")
        assert (await cancelled(network, run)).status == 0
        ended = await attached.ended()
        assert ended.status == 1
        assert f"run {run} cancelled (p0 says: cancelled by " in ended.error


async def test_a_run_that_one_peer_has_let_go_is_collected_from_the_others(network):
    words = (network.spec_file(SHORT), *network.via("p0"), "--out", network.folder / "runs", "--json")
    whole = (await difpeer("run", *words)).document
    run = whole["run_id"]
    assert whole["missing_peers"] == {}
    others = {name: digest for name, digest in whole["result_digest"].items() if name != "p4"}
    network.processes["p4"].terminate()
    await network.processes["p4"].wait()
    gone = await difpeer("runs", "delete", run, "--state", network.folder / "state" / "p4")
    assert "the parts of the others can be collected still" in gone.out, gone.err
    await network.start("p4")
    for via in ("p1", "p4"):  # the one asked may be the one that has let it go
        out = network.folder / f"without-p4-by-{via}"
        attached = await difpeer("run", "--attach", run, *network.via(via), "--out", out, "--json")
        assert attached.status == 1
        assert f"run {run} is collected without p4 (p4 knows no run {run})" in attached.error
        assert "if this terminal closes" not in attached.err
        assert "says nothing" not in attached.err
        summary = json.loads(attached.out)
        assert summary["missing_peers"] == {"p4": f"p4 knows no run {run}"}
        assert summary["result_digest"] == others
        folder = read_run_folder(out / run)
        assert folder.summary == summary
        assert list(folder.results) == ["p0", "p1", "p2", "p3"]
    text = await difpeer("run", "--attach", run, *network.via("p0"), "--out", network.folder / "text")
    assert "all figures are without p4\n" in text.out


async def test_a_peer_that_is_away_is_waited_for_by_name_and_goes_on_when_it_is_back(network):
    names = network.network.names
    async with network.client("p0", patience_s=0.1) as client:
        await submit(client, "interrupted", LONG)
        told: list[News] = []
        following = asyncio.create_task(follow(client, "interrupted", names, told.append))
        try:
            await eventually(
                lambda: told and len(told[-1]) == 5 and told[-1]["p4"].status.iteration,
                "all peers tell of the run",
            )
            network.processes["p4"].terminate()
            assert await network.processes["p4"].wait() == 0
            await eventually(
                lambda: re.search(r", p3 waits \d+ s for p4$", progress_note(told[-1])), "the note names p4"
            )
            await eventually(lambda: "p4 (link down for" in network.log("p3"), "p3's log says what is wrong")
            assert not following.done()
            await network.start("p4")
            await following
        finally:
            following.cancel()
    assert {told[-1][name].status.state for name in names} == {RunState.CLOSED}
    words = ("--attach", "interrupted", *network.via("p4"), "--out", network.folder / "runs", "--json")
    same_everywhere(network, (await difpeer("run", *words)).document, LONG)


async def test_clients_are_told_the_network_that_is_served_and_not_the_file_of_another_moment(tmp_path):
    graph = network_of([("p0", "p1")])
    tasks = make_tasks(graph.names, (2, 2), 8)
    async with lab(graph, local_data(tasks), tmp_path, absent=graph.names) as pair:
        text = pair.network_file.read_text()
        pair.network_file.write_text(f"# a note of ours\n{text}")
        pair.absent = ("p1",)
        await pair.start("p0")
        async with pair.client("p0") as client:
            told = (await client.status()).network
        assert told == network_text(read_network(pair.network_file)) == text
