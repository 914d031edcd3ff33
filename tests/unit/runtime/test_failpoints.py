"""Failpoints: asked for by name, out of the way where they are not, and reached where they say."""

import asyncio
import signal
from importlib import import_module

import pytest

from peer.config import canonical_spec
from peer.protocol.records import RunState
from peer.runtime import failpoints
from peer.runtime.driver import Driver
from peer.runtime.failpoints import POINTS, Failpoint, arm, failpoint_of
from tests.support.problems import KITE, dif_spec, local_data, make_tasks, network_of
from tests.unit.runtime.nodes import lab, until
from topology.errors import InputError

NETWORK = network_of(KITE)
DATA = local_data(make_tasks(NETWORK.names, (2, 3, 1, 2, 4), 8))
SPEC = dif_spec(rank=2, iterations=4, init={"power_iterations": 3, "agreement_rounds": 5})
BEFORE = 4 * 5
"""Rounds of the initialisation; four checkpoints too."""
NEIGHBOURS = NETWORK.neighbours("p1")


def test_a_failpoint_has_a_name_and_a_count():
    assert failpoint_of({}) is None
    assert failpoint_of({"DIFPEER_FAILPOINT": ""}) is None
    assert failpoint_of({"DIFPEER_FAILPOINT": "at-end"}) == Failpoint("at-end", 1)
    assert failpoint_of({"DIFPEER_FAILPOINT": "before-rename:13"}) == Failpoint("before-rename", 13)


@pytest.mark.parametrize(
    "text", ["nowhere", "before-renam:3", ":3", "before-rename:0", "at-end:x", "at-end:-1"]
)
def test_any_other_is_an_error_of_input(text):
    with pytest.raises(InputError, match=r"^DIFPEER_FAILPOINT: .*; "):
        failpoint_of({"DIFPEER_FAILPOINT": text})


@pytest.fixture
async def killed(monkeypatch):
    """Who would be killed, instead of this process, and by which signal."""
    moment = asyncio.get_running_loop().create_future()

    def kill(pid, number):
        moment.set_result(number)
        raise SystemError("killed")

    monkeypatch.setattr(failpoints.os, "kill", kill)
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    return moment


async def run_into(peers, killed, point):
    """Run until p1 has come to the failpoint; returns its node and its neighbours' nodes."""
    nodes = {name: running.node for name, running in peers.peers.items()}
    await until(lambda: all(state.up for node in nodes.values() for state in node.links.states.values()))
    arm(point, nodes["p1"])
    async with peers.client("p0") as client:
        await client.submit("a", canonical_spec(SPEC))
        assert await asyncio.wait_for(killed, 30) == signal.SIGKILL
    return nodes["p1"], [nodes[name] for name in NEIGHBOURS]


def arrived(node):
    return node.machine.engines["a"].edges["p1"].received_seq


async def test_half_sent(tmp_path, killed):
    async with lab(NETWORK, DATA, tmp_path) as peers:
        _, neighbours = await run_into(peers, killed, Failpoint("half-sent", 25))
        await until(lambda: sorted(map(arrived, neighbours)) == [24, 24, 25])


async def test_all_sent(tmp_path, killed):
    async with lab(NETWORK, DATA, tmp_path) as peers:
        _, neighbours = await run_into(peers, killed, Failpoint("all-sent", 25))
        await until(lambda: list(map(arrived, neighbours)) == [25, 25, 25])


async def test_waiting(tmp_path, killed):
    async with lab(NETWORK, DATA, tmp_path) as peers:
        node, neighbours = await run_into(peers, killed, Failpoint("waiting", 25))
        engine = node.machine.engines["a"]
        number = engine.round
        assert number >= 24
        assert 0 < len(node.machine.waiting("a").peers) < len(NEIGHBOURS)
        await until(lambda: list(map(arrived, neighbours)) == [number + 1] * 3)


@pytest.mark.parametrize("name", ["before-adapt", "after-adapt"])
async def test_adapt(tmp_path, killed, monkeypatch, name):
    monkeypatch.setattr(Driver, "_segment", Driver._segment)  # put back afterwards
    adapted = []
    module = import_module("peer.algorithms.dif_altgdmin")
    adapt = module.adapt

    def counted(problem, *rest):
        adapted.append(len(problem.y))
        return adapt(problem, *rest)

    monkeypatch.setattr(module, "adapt", counted)
    async with lab(NETWORK, DATA, tmp_path) as peers:
        node, neighbours = await run_into(peers, killed, Failpoint(name, 4 + 1))
        assert list(map(arrived, neighbours)) == [BEFORE + 5] * 3
        assert node.machine.engines["a"].round == BEFORE + 5
        assert adapted.count(len(DATA["p1"].y)) == 1 + (name == "after-adapt")


async def test_in_init(tmp_path, killed):
    async with lab(NETWORK, DATA, tmp_path) as peers:
        node, _ = await run_into(peers, killed, Failpoint("in-init", 12))
        assert node.machine.engines["a"].round == 11
        assert node.books.notes["a"].driver.label == "init.power"


async def test_in_combine(tmp_path, killed):
    async with lab(NETWORK, DATA, tmp_path) as peers:
        node, neighbours = await run_into(peers, killed, Failpoint("in-combine", BEFORE + 2))
        assert node.machine.engines["a"].round == BEFORE + 2
        await until(lambda: list(map(arrived, neighbours)) == [BEFORE + 2] * 3)


@pytest.mark.parametrize(("count", "state"), [(1, RunState.RUNNING), (2, RunState.DONE)])
async def test_at_end(tmp_path, killed, count, state):
    async with lab(NETWORK, DATA, tmp_path) as peers:
        node, neighbours = await run_into(peers, killed, Failpoint("at-end", count))
        files = node.store._files("a")
        assert files.read_record().record.state is state
        assert files.read_checkpoint(files.checkpoints()[-1]).final
        for neighbour in neighbours:
            assert (
                "p1" in neighbour.machine.waiting("a").peers or neighbour.machine.waiting("a").kind != "done"
            )


async def test_what_is_not_armed_is_not_wrapped_and_what_is_says_so(tmp_path, caplog):
    async with lab(NETWORK, DATA, tmp_path) as peers:
        node = peers.peers["p1"].node
        assert "handle" not in vars(node.machine)
        arm(Failpoint("in-hello", 1_000), node)
        assert "handle" in vars(node.machine)
        assert "kills itself at the failpoint in-hello" in caplog.text


def test_there_are_twelve():
    assert len(POINTS) == 12
