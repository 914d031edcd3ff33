"""Names of machines that resolve late or never: real processes, with an /etc/hosts of their own."""

import json
import shutil
import subprocess
from contextlib import asynccontextmanager

import pytest

from tests.support.network import PROCESSES, Lab, difpeer, eventually, living, start
from tests.support.problems import dif_spec, local_data, make_tasks, network_of

pytestmark = PROCESSES

LATE = "late.lab.test"
_UNSHARE = ("unshare", "--mount", "--map-root-user")


class Named(Lab):
    """Two peers; the second has a name for an address, which the hosts file may know or not."""

    program = Lab.program

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.port = self.address("p1").rpartition(":")[2]
        self.hosts = self.folder / "hosts"
        self.known(False)
        self.network = self.network.with_addresses({"p1": f"{LATE}:{self.port}"})

    def known(self, known):
        """From now on the name stands for this machine, or for nothing."""
        self.hosts.write_text("127.0.0.1 localhost\n" + (f"127.0.0.1 {LATE}\n" if known else ""))

    def command_for(self, name):
        listen = ("--listen", f"127.0.0.1:{self.port}") if name == "p1" else ()
        inside = ("sh", "-c", f'mount --bind "{self.hosts}" /etc/hosts && exec "$@"', "sh")
        return [*_UNSHARE, *inside, *super().command_for(name), *listen]


@pytest.fixture(autouse=True)
def needs_namespaces():
    probe = [*_UNSHARE, "mount", "--bind", "/etc/hosts", "/etc/hosts"]
    if shutil.which("unshare") is None or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace to be had")


@asynccontextmanager
async def named(tmp_path, **options):
    network = network_of([("p0", "p1")])
    tasks = make_tasks(network.names, (2, 2), 20, dim=10, rank=2, seed=3)
    async with Named(network, local_data(tasks), tmp_path, **options) as local:
        yield local
    assert not living(tmp_path)


async def link_of(local):
    told = (await difpeer("status", *local.via("p0"), "--json")).document["peers"]
    (link,) = told["p0"]["links"]
    return link, told["p1"]


async def test_a_name_that_never_resolves_is_told_with_its_mend(tmp_path):
    async with named(tmp_path) as local:

        async def unresolved():
            link, p1 = await link_of(local)
            return (link, p1) if "cannot be resolved" in link["detail"] else None

        link, p1 = await eventually(unresolved, "the name to be missed")
        assert not link["up"]
        assert link["neighbour"] == "p1"
        assert link["detail"].startswith(f"{LATE}:{local.port}: the name {LATE} cannot be resolved")
        assert "/etc/hosts" in link["detail"]
        assert p1["error"].startswith("p1 (")
        await eventually(
            lambda: f"the name {LATE} cannot be resolved" in local.log("p0"), "the log to name it"
        )


async def test_a_name_that_resolves_late_delays_nothing_by_back_offs(tmp_path):
    spec = dif_spec(rank=2, iterations=4, agreement={"rounds": 2})
    async with named(tmp_path) as local:
        running = await start(
            "run", local.spec_file(spec), *local.via("p0"), "--out", tmp_path / "runs", "--json", tmp=tmp_path
        )

        async def missed_again_and_again():
            # Requests for p1, too, must not be kept from it by what was found out now.
            link, _ = await link_of(local)
            return link["since_s"] > 8

        await eventually(missed_again_and_again, "several attempts")
        local.known(True)
        ended = await running.ended()
        assert ended.document["result_digest"] == local.digests(spec)
        assert (await link_of(local))[1]["peer"] == "p1"
        assert json.loads(ended.out)["num_peers"] == 2
