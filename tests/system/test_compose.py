"""Six containers by the compose file of the project: they learn what the simulator learns, whatever happens to one."""

import asyncio
import json
import shutil
import subprocess
from time import sleep

import pytest

from peer.data.store import read_all
from peer.measure.summary import result_digest
from peer.registry import read_spec
from peer.runtime.access import Secured
from peer.runtime.client import Client
from peer.runtime.collecting import collect
from peer.runtime.credentials import Credentials
from peer.runtime.following import FOLLOWING_PATIENCE_S, follow, new_run_id, submit
from peer.simulate.simulation import simulate
from tests.support.containers import (
    BASE,
    OPERATOR,
    PEER,
    composed,
    docker,
    run,
    size_of,
)
from tests.support.network import PROGRAM, ROOT
from topology.network import read_network
from topology.yamlfile import dump_yaml

pytestmark = pytest.mark.system

USER = 12345
"""Whose folder the runs are to be in; nobody else's."""

ADDED_BYTES = 350_000_000
PEERS = tuple(f"p{number}" for number in range(6))
MIDST = 20
"""Iteration in which something happens to a container."""


@pytest.fixture(scope="module")
def six(images, tmp_path_factory):
    """The project's compose file, after `up` and the job's end; its peers go on."""
    place = tmp_path_factory.mktemp("compose")
    runs = place / "runs"
    runs.mkdir()
    shutil.chown(runs, USER, USER)
    environment = {
        "DIFPEER_IMAGE": PEER,
        "DIFPEER_OPERATOR_IMAGE": OPERATOR,
        "DIFPEER_RUNS": str(runs),
        "COMPOSE_HTTP_TIMEOUT": "240",
    }
    with composed(ROOT / "docker-compose.yml", environment) as project:
        project("up", "--detach", "--no-build")
        yield Six(project, place)


class Six:
    """Six peers in containers, and what an operator on this machine knows of them."""

    def __init__(self, project, place):
        self.project = project
        self.runs = place / "runs"
        job = project.container("job")
        self.status = docker("wait", job).strip()
        self.said = run("docker", "logs", job)
        self.site = place / "site"
        (self.site / "keys").mkdir(parents=True)
        first = project.container("p0")
        for what in ("network.yaml", "certs"):
            docker("cp", f"{first}:/etc/difpeer/{what}", self.site / what)
        docker(
            "cp",
            f"{project.container('init')}:/made/operator/operator.key",
            self.site / "keys" / "operator.key",
        )
        for name in PEERS:
            docker("cp", f"{project.container(name)}:/var/lib/difpeer/data/{name}", self.data / name)
        self.network = read_network(self.site / "network.yaml")

    @property
    def data(self):
        folder = self.site / "data"
        folder.mkdir(exist_ok=True)
        return folder

    def simulated(self, spec):
        """What the simulator gives here, on the same processor with the same packages."""
        bases = simulate(spec, self.network, read_all(self.data, PEERS), {}, exact=True).bases
        return {name: result_digest(U) for name, U in bases.items()}

    async def learn(self, spec, disturb):
        """Run a specification; in its midst something happens to a container."""
        access = Secured(Credentials(self.site / "network.yaml"))
        where = f"p0@{self.project.address('p0')}:7100"
        midst = asyncio.Event()

        def look(news):
            if news.all_told and news.slowest.iteration >= MIDST:
                midst.set()

        async with Client(where, access, patience_s=FOLLOWING_PATIENCE_S) as client:
            run_id = new_run_id()
            await submit(client, run_id, spec)
            following = asyncio.create_task(follow(client, run_id, PEERS, look))
            await asyncio.wait(
                (following, asyncio.create_task(midst.wait())), return_when=asyncio.FIRST_COMPLETED
            )
            assert not following.done(), "the run was over before anything happened"
            await asyncio.to_thread(disturb)
            await following
            collected = await collect(client, run_id, PEERS)
        return {name: result_digest(arrays["U"]) for name, arrays in collected.results.items()}


SPEC = read_spec(ROOT / "deploy" / "compose" / "run.yaml")


@pytest.fixture(scope="module")
def expected(six):
    return six.simulated(SPEC)


def test_what_difpeer_adds_to_its_base_is_small(images):
    added = size_of(PEER) - size_of(BASE)
    print(
        f"a peer's image adds {added / 1e6:.0f} MB, the operator's {(size_of(OPERATOR) - size_of(BASE)) / 1e6:.0f} MB"
    )
    assert added <= ADDED_BYTES


def test_a_peers_image_has_nothing_that_only_operators_need(images):
    unwanted = ("pyarrow", "plotly", "pandas", "matplotlib", "pip")
    look = f"from importlib.util import find_spec; print([m for m in {unwanted} if find_spec(m)])"
    assert docker("run", "--rm", "--entrypoint", "python", PEER, "-c", look).strip() == "[]"


def test_up_ends_with_the_digest_of_the_simulator(six, expected):
    assert six.status == "0", six.said
    (folder,) = six.runs.iterdir()
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["result_digest"] == expected
    assert "result digest" in six.said


def test_the_run_folder_and_its_report_are_the_users(six):
    (folder,) = six.runs.iterdir()
    assert (folder / "report.html").is_file()
    for path in (folder, *folder.rglob("*")):
        assert (path.stat().st_uid, path.stat().st_gid) == (USER, USER), path


def test_a_peer_is_not_root_and_sees_one_private_key_and_the_data_of_one_peer(six):
    inside = six.project.container("p3")
    assert docker("exec", inside, "id", "-u").strip() != "0"
    assert docker(
        "exec", inside, "find", "/var/lib/difpeer/keys", "/run/difpeer", "-name", "*.key"
    ).split() == ["/var/lib/difpeer/keys/p3.key"]
    assert docker("exec", inside, "ls", "/var/lib/difpeer/data").split() == ["p3"]


def test_a_peer_that_serves_is_healthy_and_says_so(six):
    inside = six.project.container("p3")
    assert docker("exec", inside, "difpeer", "health").startswith("p3 serves at 127.0.0.1:7100")


def kill(container, project):
    docker("kill", container)
    docker("start", container)


def pause(container, project):
    docker("pause", container)
    sleep(5)
    docker("unpause", container)


def disconnect(container, project):
    network = f"{project.name}_default"
    docker("network", "disconnect", network, container)
    sleep(10)
    docker("network", "connect", "--alias", "p2", network, container)


@pytest.mark.parametrize("disturb", [kill, pause, disconnect])
async def test_what_happens_to_a_container_changes_no_bit(six, expected, disturb):
    found = await six.learn(SPEC, lambda: disturb(six.project.container("p2"), six.project))
    assert found == expected


NETWORK = {
    "name": "limited",
    "peers": {f"p{number}": {"address": f"127.0.0.1:{7100 + number}"} for number in range(3)},
    "edges": [["p0", "p1"], ["p1", "p2"]],
}


@pytest.fixture(scope="module")
def made(images, tmp_path_factory):
    """A user's own network file, keys and data."""
    place = tmp_path_factory.mktemp("own")
    dump_yaml(NETWORK, place / "lab.yaml")
    run(*PROGRAM, "keys", "init", "--network", place / "lab.yaml")
    drawn = ("--tasks", 12, "--dim", 30, "--samples", 20, "--rank", 2)
    run(*PROGRAM, "data", "synth", "--network", place / "lab.yaml", *drawn, "--out", place / "data")
    return place


def deploy(made, out, *words):
    given = ("--network", made / "lab.yaml", "--data", made / "data", "--image", PEER)
    run(*PROGRAM, "deploy", "compose", *given, *words, "--out", out)
    return out


def test_links_are_limited_and_the_result_is_the_same(made, tmp_path):
    out = deploy(made, tmp_path / "out", "--link", "p0,p1:rate=2mbit")
    spec = SPEC.model_copy(update={"rank": 2, "iterations": 20})
    dump_yaml(spec.model_dump(mode="json", exclude_none=True), out / "jobs" / "run.yaml")
    with composed(out / "docker-compose.yml", {}) as project:
        project("up", "--detach")
        told = project("run", "--rm", "-T", "job", "run", "run.yaml", "--json")
        passed = docker("exec", project.container("link.p0"), "tc", "-s", "class", "show", "dev", "eth0")
    summary = json.loads(told)
    bases = simulate(
        spec,
        read_network(made / "lab.yaml"),
        read_all(made / "data", tuple(NETWORK["peers"])),
        {},
        exact=True,
    ).bases
    assert summary["result_digest"] == {name: result_digest(U) for name, U in bases.items()}
    assert "rate 2Mbit" in passed
    (sent,) = [int(line.split()[1]) for line in passed.splitlines() if line.strip().startswith("Sent")]
    assert sent > summary["bytes"]["message"] / 8, "the limited class has passed what p0 sent to p1"


def has_netem():
    probe = "tc qdisc add dev lo root netem delay 1ms"
    return (
        subprocess.run(["unshare", "--net", *probe.split()], capture_output=True, check=False).returncode == 0
    )


def test_peers_do_not_start_without_the_delay_that_was_asked_for(made, tmp_path):
    out = deploy(made, tmp_path / "out", "--delay", "20ms")
    with composed(out / "docker-compose.yml", {}) as project:
        project("up", "--detach", check=has_netem())
        beside = project.container("link.p0")
        if has_netem():
            assert "netem" in docker("exec", beside, "tc", "qdisc", "show", "dev", "eth0")
        else:
            assert "no delay of 20ms to p1: this machine's kernel has no netem" in project("logs", "link.p0")
            label = f"label=com.docker.compose.project={project.name}"
            running = docker(
                "ps", "--filter", label, "--format", '{{.Label "com.docker.compose.service"}}'
            ).split()
            assert sorted(running) == ["link.p0", "link.p1", "link.p2"]
