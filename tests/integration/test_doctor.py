"""``difpeer doctor --network`` beside real peers: each fault is named with its mend."""

import json
import socket
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from peer.identity.certificates import issue
from peer.identity.issuing import issue_all, write_certificates
from peer.identity.keys import new_key, read_key
from peer.identity.ring import certificate_file, key_file
from tests.support.network import PROCESSES, difpeer, free_address, lab
from tests.support.problems import local_data, make_tasks, network_of
from topology.address import parse_address
from topology.network import write_network

pytestmark = PROCESSES

NETWORK = network_of([("p0", "p1"), ("p1", "p2")])


@asynccontextmanager
async def serving(tmp_path, *absent):
    tasks = make_tasks(NETWORK.names, (2, 2, 2), 20, dim=10, rank=2, seed=3)
    async with lab(NETWORK, local_data(tasks), tmp_path, absent=absent) as local:
        yield local


@pytest.fixture
def alone(tmp_path):
    """A network with keys, and no peers."""
    file = tmp_path / "network.yaml"
    network = NETWORK.with_addresses({name: free_address() for name in NETWORK.names})
    network = issue_all(file, network, ["operator"])
    write_network(network, file)
    return file, network


async def doctor(file, *words):
    ended = await difpeer("doctor", "--network", file, *words, "--json")
    document = json.loads(ended.out)
    assert document["works"] == (ended.status == 0)
    findings = {}
    for finding in document["findings"]:
        findings.setdefault(finding["check"], []).append(finding)
    assert all(f["mend"] for each in findings.values() for f in each if f["grade"] == "bad")
    return findings


def one(findings, check, grade):
    (finding,) = [f for f in findings[check] if f["grade"] == grade]
    return f"{finding['found']} → {finding['mend']}"


async def test_a_peer_that_is_well_and_its_operator(tmp_path):
    async with serving(tmp_path) as local:
        peer = await doctor(local.network_file, "--name", "p1")
        for check in ("key", "certificates", "port", "p0", "p2", "clock", "versions", "profile"):
            one(peer, check, "good")
        assert "p1 serves at" in one(peer, "port", "good")
        operator = await doctor(local.network_file)
        assert "of the operator operator" in one(operator, "key", "good")
        assert {"p0", "p1", "p2"} <= operator.keys()
        assert "port" not in operator


async def test_a_neighbour_that_is_not_started_is_no_fault_of_this_machine(alone):
    file, _ = alone
    findings = await doctor(file, "--name", "p0")
    assert "connection refused → start p1" in one(findings, "p1", "limited")
    assert "is free to listen at" in one(findings, "port", "good")


async def test_another_peer_at_the_address_and_a_program_that_is_none(tmp_path):
    async with serving(tmp_path) as local:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            swapped = local.network.with_addresses(
                {
                    "p0": f"127.0.0.1:{silent.getsockname()[1]}",
                    "p1": local.address("p2"),
                    "p2": local.address("p1"),
                }
            )
            write_network(swapped, local.network_file)
            findings = await doctor(local.network_file)
        assert "is none that is here for a pinned key" in one(findings, "p1", "bad")
        assert "`difpeer keys show`" in one(findings, "p1", "bad")
        assert "p0" in findings
        one(findings, "p0", "bad")


async def test_a_peer_that_does_not_know_this_machine_s_key(tmp_path):
    async with serving(tmp_path) as local:
        other = tmp_path / "other"
        other.mkdir()
        # The others as they are, and an operator of whom they have never heard.
        network = issue_all(other / "network.yaml", local.network.with_keys({}, {}), ["operator"])
        for name in network.names:
            certificate_file(other / "network.yaml", name).write_bytes(
                certificate_file(local.network_file, name).read_bytes()
            )
        known = {name: local.network.peers[name].keys for name in network.names}
        write_network(network.with_keys(known, {}), other / "network.yaml")
        findings = await doctor(other / "network.yaml")
        assert "does not take this machine's key" in one(findings, "p0", "bad")


async def test_a_name_that_cannot_be_resolved(alone):
    file, network = alone
    write_network(network.with_addresses({"p1": "p1.invalid:7100"}), file)
    text = one(await doctor(file, "--name", "p0"), "p1", "bad")
    assert "the name p1.invalid cannot be resolved" in text
    assert "peers.p1.address" in text


@pytest.mark.parametrize(
    ("begins", "ends", "grade", "words"),
    [
        (-400, -1, "bad", "expired at"),
        (-1, 5, "limited", "expires at"),
        (2, 300, "bad", "begins at"),
    ],
)
async def test_a_certificate_that_is_not_valid_for_long(alone, begins, ends, grade, words):
    file, _ = alone
    key = read_key(key_file(file, "p1"))
    now = datetime.now(UTC) + timedelta(days=begins)
    write_certificates(certificate_file(file, "p1"), [issue("p1", key, now, timedelta(days=ends - begins))])
    findings = await doctor(file, "--name", "p0")
    text = one(findings, "certificates", grade)
    assert words in text
    assert "certs/p1.pem" in text
    assert "of operator, p0: valid" in one(findings, "certificates", "good")


async def test_a_certificate_that_is_missing(alone):
    file, _ = alone
    certificate_file(file, "p1").unlink()
    assert "no certificate of p1" in one(await doctor(file, "--name", "p0"), "certificates", "bad")


async def test_a_certificate_file_that_cannot_be_used(alone):
    file, _ = alone
    for name in ("p1", "p2"):
        certificate_file(file, name).write_text("half")
    findings = await doctor(file, "--name", "p0")
    assert "certs/p1.pem: holds no certificate" in one(findings, "certificates", "bad")
    assert "certs/p2.pem: holds no certificate" in one(findings, "certificates", "limited")
    assert "of operator, p0: valid" in one(findings, "certificates", "good")


async def test_keys_that_cannot_be_used(alone):
    file, _ = alone
    own = key_file(file, "p0")
    own.chmod(0o640)
    assert "others may read or write this private key (mode 0640)" in one(
        await doctor(file, "--name", "p0"), "key", "bad"
    )
    own.write_bytes(key_file(file, "p1").read_bytes())
    own.chmod(0o600)
    assert "not the key that the network file pins for p0" in one(
        await doctor(file, "--name", "p0"), "key", "bad"
    )
    own.unlink()
    assert "no such file" in one(await doctor(file, "--name", "p0"), "key", "bad")


async def test_an_address_that_is_another_machine_s(alone):
    file, network = alone
    write_network(network.with_addresses({"p0": "192.0.2.1:7100"}), file)
    assert "--listen [::]:7100" in one(await doctor(file, "--name", "p0"), "port", "bad")
    findings = await doctor(file, "--name", "p0", "--listen", f"[::]:{free_address().rpartition(':')[2]}")
    assert "is free to listen at" in one(findings, "port", "good")


async def test_a_port_that_is_taken_in_ipv4_only(alone):
    """Who serves at all addresses serves in IPv4, too."""
    file, _ = alone
    with socket.create_server(("0.0.0.0", 0)) as taken:
        listen = f"[::]:{taken.getsockname()[1]}"
        findings = await doctor(file, "--name", "p0", "--listen", listen)
    assert f"cannot listen at {listen} (Address already in use" in one(findings, "port", "bad")


async def test_without_a_key_nobody_can_have_told_of_itself(alone):
    file, network = alone
    key_file(file, "p0").chmod(0o640)
    host, port = parse_address(network.peers["p1"].address)
    with socket.create_server((host, port)):
        findings = await doctor(file, "--name", "p0")
    assert "takes connections → mend the key" in one(findings, "p1", "limited")
    assert "clock" not in findings


async def test_an_operator_needs_certificates_only_of_whom_they_ask(alone):
    file, _ = alone
    for name in ("p1", "p2"):
        certificate_file(file, name).unlink()
    findings = await doctor(file)
    for name in ("p1", "p2"):
        (text,) = [
            f["found"] + f["mend"] for f in findings["certificates"] if f"certs/{name}.pem" in f["found"]
        ]
        assert f"no certificate of {name}" in text
        assert f"`--via {name}`" in text
        assert name not in findings, "it is not asked"
    assert {f["grade"] for each in findings.values() for f in each} == {"good", "limited"}
    certificate_file(file, "p0").unlink()
    assert "no certificate of any peer" in one(await doctor(file), "certificates", "bad")


async def test_a_certificate_of_another_key_is_wrong_for_an_operator_too(alone):
    file, _ = alone
    other = issue("p1", new_key(), datetime.now(UTC), timedelta(days=100))
    write_certificates(certificate_file(file, "p1"), [other])
    assert "ask p1 which one is right" in one(await doctor(file), "certificates", "bad")


async def test_bad_input(alone):
    file, _ = alone
    ended = await difpeer("doctor", "--network", file, "--name", "p9")
    assert (ended.status, "--name" in ended.error) == (2, True)
    ended = await difpeer("doctor", "--name", "p0")
    assert (ended.status, "--network" in ended.error) == (2, True)
