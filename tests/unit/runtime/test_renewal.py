"""What a serving peer makes of a network file that changes: pins are taken over, of the rest it says what to do."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from peer.identity.issuing import issue_one
from peer.runtime import renewal
from tests.support.problems import local_data, make_tasks, network_of
from tests.unit.runtime.nodes import lab, until
from topology.network import Network, network_content, write_network

PAIR = network_of([("p0", "p1")])
TASKS = make_tasks(PAIR.names, (1, 1), 6, dim=4, rank=1, seed=1)


@asynccontextmanager
async def looked_after(tmp_path, monkeypatch, caplog):
    """p0 alone, which looks at its files often."""
    monkeypatch.setattr(renewal, "LOOK_EVERY_S", 0.01)
    caplog.set_level("INFO", logger="difpeer")
    async with lab(PAIR, local_data(TASKS), tmp_path, absent=("p1",), secure=True) as running:
        p0 = running.peers["p0"]
        _, door = running.identity("p0")
        watch = renewal.keep_renewed(
            running.credentials["p0"], running.network, p0.node.links, p0.service.relay, door
        )
        task = asyncio.create_task(watch)
        yield running
        task.cancel()


def moved(content):
    content["peers"]["p1"]["address"] = "127.0.0.1:9"


def nowhere(content):
    del content["peers"]["p1"]["address"]


def turned(content):
    content["edges"] = [{"peers": ["p0", "p1"], "dial": "p1"}]


def grown(content):
    content["peers"]["p2"] = {}
    content["edges"] = [["p0", "p1"], ["p1", "p2"]]


def weighed(content):
    content["mixing"] = "uniform"


def spelt(content):
    """The same in other words."""
    content["edges"] = [{"peers": ["p1", "p0"], "dial": "p0"}]


@pytest.mark.parametrize(
    ("change", "told"),
    [(moved, True), (nowhere, True), (turned, True), (grown, True), (weighed, True), (spelt, False)],
)
async def test_what_a_restart_is_needed_for_is_told(tmp_path, monkeypatch, caplog, change, told):
    async with looked_after(tmp_path, monkeypatch, caplog) as running:
        content = network_content(running.network)
        change(content)
        write_network(Network.model_validate(content), running.network_file)
        await until(lambda: "have been read again" in caplog.text)
        issue_one(running.network_file, "p1")
        await until(lambda: caplog.text.count("have been read again") == 2)
    assert ("restart the peers to use them" in caplog.text) == told
