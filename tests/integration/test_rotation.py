"""Keys and certificates that change while a run is on: nobody is restarted, and the bits stay the same."""

from datetime import UTC, datetime, timedelta

import pytest

from peer.config import canonical_spec
from peer.identity.certificates import issue
from peer.identity.issuing import issue_one, write_certificates
from peer.identity.keys import read_key
from peer.identity.ring import certificate_file, key_file
from tests.support.network import PROCESSES, difpeer, eventually, lab, start
from tests.support.problems import dif_spec, local_data, make_tasks, network_of
from tests.support.watching import watch
from topology.network import read_network, write_network

pytestmark = PROCESSES

RING = network_of([("p0", "p1"), ("p0", "p2"), ("p1", "p2")])
TASKS = make_tasks(RING.names, (2, 2, 2), 8, dim=12, rank=2, seed=4)
ENDLESS = dif_spec(rank=2, iterations=10**6, init={"power_iterations": 3, "agreement_rounds": 3})
WITHIN_S = 60.0


async def underway(network, spec, run="a"):
    """Submit a run and wait until it has learned a little."""
    async with network.client("p0") as client:
        await client.submit(run, canonical_spec(spec))
    await reached(network, 5, run)


async def reached(network, iteration, run="a"):
    async with network.client("p0") as client:
        async for reply in watch(client, run, "p1", 20):
            if reply.status.iteration >= iteration:
                return reply.status.iteration
    raise AssertionError(f"run {run} ended before iteration {iteration}")


async def progressed(network):
    """Wait until the run has gone on from where it is."""
    async with network.client("p0") as client:
        status = await client.status("p1")
    await reached(network, status.runs[-1].iteration + 50)


async def test_a_key_is_rotated_in_mid_run(tmp_path):
    async with lab(RING, local_data(TASKS), tmp_path) as network:
        before = dict(network.processes)
        await underway(network, ENDLESS)
        file = network.network_file
        done = await difpeer("keys", "rotate", "p1", "--network", file, "--json")
        old, new = (one["fingerprint"] for one in done.document["keys"])
        assert done.document["keys"][0]["pins"] == [old, new]
        for name in network.network.names:
            await eventually(lambda n=name: "have been read again" in network.log(n), f"{name} has both pins")
        await progressed(network)
        done = await difpeer("keys", "rotate", "p1", "--finish", "--network", file, "--json")
        assert [one["fingerprint"] for one in done.document["keys"]] == [new]
        for name in ("p0", "p2"):
            await eventually(
                lambda n=name: (
                    f"the key of p1 is not pinned any more ({old})" in network.log(n)
                    or "this peer has a new certificate" in network.log("p1")
                ),
                f"the connection between p1 and {name} is made anew",
            )
        await progressed(network)
        assert network.processes == before
        assert all(process.returncode is None for process in before.values())
        done = await difpeer("cancel", "a", *network.via("p1"))
        assert done.status == 0, done.err


async def test_an_operators_key_is_rotated_while_they_follow_a_run(tmp_path):
    """Neither asked anew nor stopped: the command takes the next key when the old one is refused."""
    spec = dif_spec(rank=2, iterations=1500, init={"power_iterations": 3, "agreement_rounds": 3})
    async with lab(RING, local_data(TASKS), tmp_path) as network:
        file = network.network_file
        out = ("--out", tmp_path / "runs", "--json")
        following = await start("run", network.spec_file(spec), *network.via("p0"), *out)
        await eventually(lambda: "iteration" in following.err, "the run is on")
        for times, step in enumerate(((), ("--finish",)), start=1):
            await difpeer("keys", "rotate", "operator", *step, "--network", file)
            for name in network.network.names:
                await eventually(
                    lambda n=name, t=times: network.log(n).count("read again") >= t, f"{name} has read it"
                )
        assert following.process.returncode is None, "the run was over before the key was changed"
        done = await following.ended()
        assert done.document["result_digest"] == network.digests(spec)


async def test_rotation_changes_no_bit(tmp_path):
    spec = dif_spec(rank=2, iterations=600, init={"power_iterations": 3, "agreement_rounds": 3})
    async with lab(RING, local_data(TASKS), tmp_path) as network:
        await underway(network, spec)
        file = network.network_file
        for name in ("p2", "p0"):
            for words in (("rotate", name), ("rotate", name, "--finish"), ("issue", name)):
                done = await difpeer("keys", *words, "--network", file)
                assert done.status == 0, done.err
        out = ("--out", tmp_path / "runs", "--json")
        done = await difpeer("run", "--attach", "a", *network.via("p0"), *out)
        assert done.document["result_digest"] == network.digests(spec)


async def test_a_certificate_that_expires_in_mid_run_ends_its_connections(tmp_path):
    async with lab(RING, local_data(TASKS), tmp_path) as network:
        await underway(network, ENDLESS)
        file = network.network_file
        certificate = issue("p1", read_key(key_file(file, "p1")), datetime.now(UTC), timedelta(seconds=15))
        write_certificates(certificate_file(file, "p1"), [certificate])
        expires = certificate.not_after
        await eventually(lambda: "expires at" in network.log("p1"), "p1 has taken it over")
        await progressed(network)
        assert datetime.now(UTC) < expires
        text = "link to p1 is down: the certificate of p1 expired"
        for name in ("p0", "p2"):
            await eventually(lambda n=name: text in network.log(n), f"{name} has ended the connection")
        assert datetime.now(UTC) - expires < timedelta(seconds=WITHIN_S)
        await eventually(lambda: "no neighbour takes it" in network.log("p1"), "p1 knows why")
        await eventually(lambda: stands_still(network), "the run waits")
        issue_one(file, "p1")
        await progressed(network)


async def stands_still(network):
    """Whether the others wait for p1, which cannot come back; the one that lost it later may wait for the other."""
    async with network.client("p0") as client:
        others = [await client.status(name) for name in ("p0", "p2")]
    links = [link for status in others for link in status.links if link.neighbour == "p1"]
    awaited = {name for status in others for name in status.runs[-1].waiting_for}
    return not any(link.up for link in links) and "p1" in awaited


@pytest.mark.parametrize("broken", [None, "operator"])
async def test_a_neighbour_that_is_taken_off_is_sent_away(tmp_path, broken):
    """Also where somebody else's certificate cannot be read."""
    async with lab(RING, local_data(TASKS), tmp_path) as network:
        await underway(network, ENDLESS)
        if broken:
            certificate_file(network.network_file, broken).write_text("half")
        pins = {"p1": ("sha256:" + "0" * 64,)}
        write_network(read_network(network.network_file).with_keys(pins, {}), network.network_file)
        text = "link to p1 is down: the key of p1 is not pinned any more"
        for name in ("p0", "p2"):
            await eventually(lambda n=name: text in network.log(n), f"{name} has ended the connection")
        # It knows itself by another key.
        await eventually(lambda: "are not taken over" in network.log("p1"), "p1 says so")
