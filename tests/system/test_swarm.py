"""A swarm of one machine, with an overlay network: a stack learns what the simulator learns, a peer killed or not."""

import asyncio
import os
import re
import subprocess
from contextlib import asynccontextmanager
from secrets import token_hex

import pytest

from peer.data.store import read_all
from peer.measure.summary import result_digest
from peer.registry import read_spec
from peer.simulate.simulation import simulate
from tests.support.containers import OPERATOR, PEER, docker, run
from tests.support.network import PROGRAM, ROOT, Command, eventually
from topology.network import read_network
from topology.yamlfile import dump_yaml

pytestmark = pytest.mark.system

NETWORK = {
    "name": "stack",
    "peers": {f"p{number}": {} for number in range(4)},
    "edges": [["p0", "p1"], ["p1", "p2"], ["p2", "p3"], ["p0", "p3"]],
}
NAMES = tuple(NETWORK["peers"])
SPEC = read_spec(ROOT / "deploy" / "compose" / "run.yaml")
MIDST = 20


@asynccontextmanager
async def swarm():
    """A swarm of this machine alone; afterwards there is none, and no bridge of it."""
    assert docker("info", "--format", "{{.Swarm.LocalNodeState}}").strip() == "inactive", (
        "is in a swarm already"
    )
    had_bridge = docker("network", "ls", "--quiet", "--filter", "name=^docker_gwbridge$")
    docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
    try:
        yield
    finally:
        docker("swarm", "leave", "--force")
        if not had_bridge:
            docker("network", "rm", "docker_gwbridge")


@asynccontextmanager
async def stack(file):
    """A stack whose peers are healthy; afterwards its containers, networks and volumes are gone."""
    name = f"test-{token_hex(3)}"
    label = ("--filter", f"label=com.docker.stack.namespace={name}")
    docker("stack", "deploy", "--resolve-image", "never", "--compose-file", file, name)
    try:
        replicas = ("stack", "services", "--format", "{{.Replicas}}", name)
        await eventually(lambda: docker(*replicas).split() == ["1/1"] * len(NAMES), "all peers to be healthy")
        yield name
    finally:
        docker("stack", "rm", name)
        for kind in (("ps", "--all"), ("network", "ls")):
            await eventually(lambda kind=kind: not docker(*kind, "--quiet", *label), f"{kind} to be empty")
        docker("volume", "rm", *docker("volume", "ls", "--quiet", *label).split())


@pytest.fixture(scope="module")
def site(images, tmp_path_factory):
    """What is on a manager: network file, keys, a stack; and what is on a machine of the swarm: data."""
    place = tmp_path_factory.mktemp("swarm")
    dump_yaml(NETWORK, place / "lab.yaml")
    run(*PROGRAM, "keys", "init", "--network", place / "lab.yaml")
    drawn = ("--tasks", 40, "--dim", 60, "--samples", 30, "--rank", 3)
    run(*PROGRAM, "data", "synth", "--network", place / "lab.yaml", *drawn, "--out", place / "data")
    run("chown", "-R", "10001:10001", place / "data")
    node = docker("info", "--format", "{{.Name}}").strip()
    given = (
        "--network",
        place / "lab.yaml",
        "--data",
        place / "data",
        "--image",
        PEER,
        "--place",
        f"p0={node}",
    )
    run(*PROGRAM, "deploy", "swarm", *given, "--out", place / "stack")
    (place / "jobs").mkdir()
    dump_yaml(SPEC.model_dump(mode="json", exclude_none=True), place / "jobs" / "run.yaml")
    return place


@asynccontextmanager
async def job(site, name):
    """The operator's container, on the network of the stack."""
    key = "/run/difpeer/keys/operator.key"
    mounts = (f"{site}/stack:/etc/difpeer:ro", f"{site}/keys/operator.key:{key}:ro", f"{site}/jobs:/jobs")
    process = await asyncio.create_subprocess_exec(
        *("docker", "run", "--rm", "--network", f"{name}_peers", "--user", f"{os.getuid()}:{os.getgid()}"),
        *(word for mount in mounts for word in ("--volume", mount)),
        *("--env", f"DIFPEER_KEY={key}", "--workdir", "/jobs", OPERATOR),
        *("run", "run.yaml", "--via", "p0", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    yield Command(process)


def reached(said):
    """The newest iteration that the operator was told."""
    return max((int(number) for number in re.findall(r"iteration (\d+)/", said)), default=0)


def container_of(name, peer):
    return docker("ps", "--quiet", "--filter", f"label=com.docker.swarm.service.name={name}_{peer}").strip()


async def test_a_stack_learns_what_the_simulator_learns_though_a_peer_is_killed(site):
    async with swarm():
        for name in NAMES[1:]:
            docker(
                "node",
                "update",
                "--label-add",
                f"difpeer.{name}=yes",
                docker("info", "--format", "{{.Swarm.NodeID}}").strip(),
            )
        async with stack(site / "stack" / "stack.yaml") as name, job(site, name) as operator:
            await eventually(
                lambda: reached(operator.err) >= MIDST or operator.process.returncode is not None, "progress"
            )
            killed = container_of(name, "p2")
            docker("kill", killed)
            ended = await operator.ended()
            assert ended.status == 0, ended.err
            again = container_of(name, "p2")
    assert again
    assert again != killed, "the swarm has started the peer again"
    bases = simulate(
        SPEC, read_network(site / "lab.yaml"), read_all(site / "data", NAMES), {}, exact=True
    ).bases
    assert ended.document["result_digest"] == {peer: result_digest(U) for peer, U in bases.items()}
