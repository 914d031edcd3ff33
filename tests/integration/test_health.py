"""``difpeer health`` of a real peer: alive, stopped, standing still, and asked by somebody else."""

import pytest

from tests.support.network import PROCESSES, difpeer, frozen, lab
from tests.support.problems import local_data, make_tasks, network_of

pytestmark = PROCESSES

PAIR = network_of([("p0", "p1")])
DATA = local_data(make_tasks(PAIR.names, (2, 2), 10))


def asked(local, name, *words):
    return difpeer("health", "--name", name, "--network", local.network_file, *words)


@pytest.mark.parametrize("secure", [True, False])
async def test_a_peer_that_serves_is_healthy(tmp_path, secure):
    async with lab(PAIR, DATA, tmp_path / "lab", secure=secure) as local:
        words = () if secure else ("--insecure-loopback",)
        told = await asked(local, "p0", "--json", *words)
        assert told.document == {"peer": "p0", "address": local.address("p0"), "serves": True}


async def test_a_peer_that_listens_everywhere_is_asked_at_loopback(tmp_path):
    async with lab(PAIR, DATA, tmp_path / "lab") as local:
        port = local.address("p0").rpartition(":")[2]
        told = await asked(local, "p0", "--listen", f"[::]:{port}", "--json")
        assert told.document["address"] == f"127.0.0.1:{port}"


async def test_a_peer_that_has_ended_is_not(tmp_path):
    async with lab(PAIR, DATA, tmp_path / "lab") as local:
        await local.kill("p0")
        told = await asked(local, "p0")
    assert told.status == 1
    assert f"p0 does not serve at {local.address('p0')}: Connection refused" in told.error


async def test_a_peer_that_stands_still_is_not(tmp_path):
    async with lab(PAIR, DATA, tmp_path / "lab") as local, frozen(local, "p0"):
        told = await asked(local, "p0")
    assert told.status == 1
    assert "no answer within 5 s" in told.error


async def test_another_process_at_its_port_is_not_taken_for_the_peer(tmp_path):
    async with lab(PAIR, DATA, tmp_path / "lab") as local:
        told = await asked(local, "p0", "--listen", local.address("p1"))
    assert told.status == 1


async def test_a_key_without_a_certificate_is_named(tmp_path):
    async with lab(PAIR, DATA, tmp_path / "lab") as local:
        keys = local.network_file.parent / "keys"
        told = await asked(local, "p0", "--key", keys / "p1.key")
    assert told.status == 2
    assert "certificate and key do not belong together" in told.error


async def test_what_a_container_tells_its_peer_does_not_reach_the_peers_of_a_demo(tmp_path, monkeypatch):
    monkeypatch.setenv("DIFPEER_LISTEN", "127.0.0.1:1")
    monkeypatch.setenv("DIFPEER_KEY", str(tmp_path / "none.key"))
    async with lab(PAIR, DATA, tmp_path / "lab") as local:
        told = await asked(
            local, "p0", "--listen", local.address("p0"), "--key", local.folder / "keys" / "p0.key"
        )
    assert told.status == 0, told.err
