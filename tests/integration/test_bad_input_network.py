"""Bad input that only a running network can find out; the table of all kinds is in ``test_bad_input.py``."""

import pytest
import pytest_asyncio

from peer.protocol.messages import TombKind
from peer.protocol.records import RunState
from peer.runtime.following import submit
from tests.support.network import Lab, difpeer, eventually, free_address, lab
from tests.support.problems import dif_spec, local_data, make_tasks, network_of

pytestmark = [pytest.mark.network, pytest.mark.asyncio(loop_scope="module")]

SPEC = dif_spec(rank=2, iterations=5)
PAIR = [("p0", "p1")]
CHAIN = [("p0", "p1"), ("p1", "p2")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory):
    graph = network_of(PAIR)
    tasks = make_tasks(graph.names, (2, 2), 3, dim=8)
    async with lab(graph, local_data(tasks), tmp_path_factory.mktemp("pair")) as running:
        yield running


NOT_FITTING = {
    "rank above the dimension": (
        {"rank": 9},
        "rank: 9 is above the dimension 8 of the data; use a rank of at most 8",
    ),
    "rank above the tasks": (
        {"rank": 5},
        "rank: 5 is above the number of tasks in the network, 4; use a rank",
    ),
    "fewer rows than the rank": (
        {"rank": 4},
        "rank: 4 is above the rows of the smallest task, 3, without a ridge",
    ),
}


@pytest.mark.parametrize(("fields", "part"), NOT_FITTING.values(), ids=NOT_FITTING)
async def test_a_specification_that_does_not_fit_the_data_of_all_peers(pair, fields, part):
    spec = pair.spec_file(dif_spec(iterations=5, **fields))
    done = await difpeer("run", spec, *pair.via("p1"), "--out", pair.folder / "runs")
    assert done.status == 2
    assert part in done.error
    assert not (pair.folder / "runs").exists()
    run = done.error.split()[1]
    for name in pair.network.names:
        status = await newest(pair, name)
        assert (status.run, status.state) == (run, RunState.TOMB)
        assert status.reason.kind is TombKind.REFUSED
        assert part in status.reason.text


async def test_a_specification_that_only_a_peer_can_refuse(pair):
    """Not from our command line: a client of another version, say."""
    async with pair.client("p0") as client:
        reply = await client.submit("odd", b'{"algorithm":"dif-altgdmin","rank":0,"iterations":5}')
    assert reply.state is RunState.TOMB
    assert reply.reason.kind is TombKind.REFUSED
    assert "rank" in reply.reason.text


async def test_an_own_value_that_has_diverged_is_ours(pair):
    spec = pair.spec_file(dif_spec(rank=2, iterations=5, step={"c_eta": 1e308}))
    done = await difpeer("run", spec, *pair.via())
    assert done.status == 1
    assert "failed (p" in done.error
    assert "not finite" in done.error
    assert "step.c_eta" in done.error
    assert "sent a value" not in done.error  # no neighbour is to blame


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (
            ("run", "--attach", "unheard-of"),
            "--attach: the peer at {} knows no run 'unheard-of'; it",
        ),
        (("cancel", "unheard-of"), "RUN: the peer at {} knows no run 'unheard-of'; it"),
        (("cancel", "../runs"), "run: found '../runs', must be 1 to 64 of A-Z a-z 0-9"),
    ],
)
async def test_a_run_that_cannot_be_meant(pair, words, part):
    done = await difpeer(*words, *pair.via())
    assert done.status == 2
    assert part.format(pair.address("p0")) in done.error


async def test_a_state_folder_in_use(pair):
    state = pair.folder / "state" / "p0"
    words = ("--name", "p0", "--network", pair.network_file, "--data", pair.folder / "data" / "p0")
    done = await difpeer("serve", *words, "--state", state, "--listen", free_address())
    assert done.status == 2
    assert f"{state}: the state folder is in use by process {pair.processes['p0'].pid}" in done.error
    assert "stop the other difpeer serve" in done.error


async def newest(network: Lab, name: str):
    """The newest run's status at one peer."""
    async with network.client(name) as client:
        return (await client.status()).runs[-1]


async def submitted(network: Lab, run: str) -> None:
    async with network.client("p0") as client:
        await submit(client, run, SPEC)


async def test_a_peer_that_never_starts_and_one_whose_data_do_not_fit(tmp_path):
    """One network from p2's absence to p2 with the right data."""
    graph = network_of(CHAIN)
    data = local_data(make_tasks(graph.names, (2, 2, 2), 6, dim=4))
    narrow = local_data(make_tasks(graph.names, (2, 2, 2), 6, dim=3))
    async with lab(graph, {**data, "p2": narrow["p2"]}, tmp_path, absent=("p2",)) as network:
        await it_is_waited_for_by_name(network)
        await submitted(network, "narrow")
        network.absent = ()
        await network.start("p2")
        await all_refuse_by_its_name(network, "narrow")
        await a_new_run_is_bad_input(network)


async def it_is_waited_for_by_name(network: Lab) -> None:
    await submitted(network, "early")
    for name in ("p0", "p1"):

        async def waits(name: str = name) -> bool:
            status = await newest(network, name)
            return (status.waiting_kind, status.waiting_for) == ("facts", ("p2",))

        await eventually(waits, f"{name} waits for the facts of p2")
    p2 = network.address("p2")
    document = (await difpeer("status", *network.via(), "--json")).document["peers"]
    assert document["p0"]["runs"][-1]["waiting_for"] == ["p2"]
    assert document["p2"] == {"error": f"p2 ({p2}) cannot be reached from p1"}
    (link,) = (link for link in document["p1"]["links"] if link["neighbour"] == "p2")
    assert not link["up"]
    assert "Connection refused" in link["detail"]
    await eventually(
        lambda: (
            "facts of all peers: waiting" in network.log("p1")
            and "for p2 (link down for" in network.log("p1")
        ),
        "the log names the wait",
    )
    assert (await difpeer("cancel", "early", *network.via())).status == 0


async def all_refuse_by_its_name(network: Lab, run: str) -> None:
    reasons = set()
    for name in network.network.names:

        async def over(name: str = name) -> object:
            status = await newest(network, name)
            return status.reason if status.run == run else None

        reason = await eventually(over, f"{name} has refused")
        assert reason.kind is TombKind.REFUSED
        reasons.add(reason.text)
    assert reasons == {
        "p2 (dim 3) does not fit the others (dim 4); give all peers data with the same features"
    }


async def a_new_run_is_bad_input(network: Lab) -> None:
    done = await difpeer("run", network.spec_file(SPEC), *network.via(), "--out", network.folder / "runs")
    assert done.status == 2
    assert (
        "p2 (dim 3) does not fit the others (dim 4); give all peers data with the same features" in done.error
    )
    assert not (network.folder / "runs").exists()
