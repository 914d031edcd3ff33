"""docs/own-algorithm.md: its files are the example's, and its commands do what it says, on real processes."""

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from peer.config import RunFailed
from peer.measure.summary import result_digest
from peer.program import Algorithm
from peer.registry import parse_spec, plugins
from peer.runtime.collecting import collect
from peer.runtime.following import follow, submit
from peer.testing import check_program, made_up_tasks, run_block
from tests.support.network import PROCESSES, ROOT, Lab, living
from tests.support.packages import install_package
from tests.support.problems import local_data, make_tasks, network_of
from tests.support.watching import watch
from topology.errors import InputError
from topology.shipped import shipped_network

pytestmark = PROCESSES

EXAMPLE = ROOT / "examples" / "own-algorithm"
PAGE = (ROOT / "docs" / "own-algorithm.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SHIMS = {
    "pip": '-m pip --disable-pip-version-check --quiet "$@" --no-deps --no-build-isolation --target "$INSTALLED"',
    "pytest": '-m pytest -p no:cacheprovider -c /dev/null "$@"',
    "difpeer": '-c "from peer.cli.main import main; main()" "$@"',
}
"""The commands of the page, in this environment: it has difpeer's sources and no network."""


def test_the_page_shows_the_example_as_it_is():
    shown = [text for _, text in BLOCKS]
    for name in ("pyproject.toml", "own_pca.py", "own-pca.yaml", "test_own_pca.py"):
        assert (EXAMPLE / name).read_text(encoding="utf-8") in shown, name


def test_the_block_form_finds_the_same(monkeypatch):
    """The two forms add in other orders, so their bits may differ; each has the same in all drivers."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    from own_pca import OWN_PCA, OwnPcaSpec

    (text,) = (text for language, text in BLOCKS if "def own_pca_block(" in text and language == "python")
    names: dict[str, object] = {}
    exec(compile(text, "docs/own-algorithm.md", "exec"), names)
    block = Algorithm(names["own_pca_block"], OwnPcaSpec, OWN_PCA.interval_rounds)
    network = shipped_network("star6")
    tasks = made_up_tasks(network)
    spec = OwnPcaSpec(algorithm="own-pca", rank=2, iterations=3, checkpoint_every=2)
    check_program(block, tasks, spec, network)
    found, expected = (
        run_block(each.program, tasks(network.names), spec, network).result["U"] for each in (block, OWN_PCA)
    )
    np.testing.assert_allclose(found, expected, atol=1e-10)


def three_free_ports() -> int:
    """The first of three ports in a row where nobody listens."""
    for base in range(20_000, 30_000, 3):
        with ExitStack() as sockets:
            try:
                for port in range(base, base + 3):
                    sockets.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
        return base
    raise AssertionError("no three free ports")


def test_the_commands_of_the_page(tmp_path):
    (tmp_path / "bin").mkdir()
    for name, command in SHIMS.items():
        shim = tmp_path / "bin" / name
        shim.write_text(f"#!/bin/sh\nexec {sys.executable} {command}\n")
        shim.chmod(0o755)
    shutil.copytree(EXAMPLE, tmp_path / "examples" / "own-algorithm")
    script = "set -e\n" + "".join(text for language, text in BLOCKS if language == "sh")
    environment = {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "INSTALLED": str(tmp_path / "installed"),
        "PYTHONPATH": f"{ROOT}:{tmp_path / 'installed'}",
    }
    script = script.replace("7100", str(three_free_ports()))
    try:
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
    finally:
        for pid in living(tmp_path):
            os.kill(pid, 9)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    documents = [
        json.loads((tmp_path / "own" / f"{name}.json").read_text()) for name in ("block", "exact", "network")
    ]
    digests = [document["result_digest"] for document in documents]
    assert digests[0] == digests[1] == digests[2]
    assert [document["versions"]["own-pca"] for document in documents] == ["0.1.0"] * 3
    assert documents[2]["iterations"] == 60
    assert (
        documents[2]["bytes"]["payload"] == 60 * 4 * 4 * 20 * 2 * 8
    )  # rounds, messages in each, d r float64
    assert documents[2]["bytes"]["predicted_payload"] is None
    for document in documents:
        trace = document["subspace_distance"]["trace"]
        assert len(trace) == 61
        assert trace[-1] < 0.3 < trace[0]


class Unequal(Lab):
    """A network whose last peer has other packages."""

    packages: dict[str, Path]

    async def start(self, name, environment=None):
        where = self.packages.get(name)
        await super().start(name, {"PYTHONPATH": f"{ROOT}:{where}" if where else str(ROOT)})


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Two versions of the example, as pip leaves them; the first is installed here too."""
    module = (EXAMPLE / "own_pca.py").read_text(encoding="utf-8")
    for version in ("0.1.0", "0.2.0"):
        install_package(tmp_path / version, "own-pca", version, {"own-pca": "own_pca:OWN_PCA"}, module)
    monkeypatch.syspath_prepend(str(tmp_path / "0.1.0"))
    monkeypatch.setattr(plugins, "_loaded", {})
    return tmp_path


def unequal(packages, **versions) -> Unequal:
    """Three peers in a row, each with a version of the example or none."""
    tasks = make_tasks(("p0", "p1", "p2"), (2, 2, 2), 12)
    network = Unequal(network_of([("p0", "p1"), ("p1", "p2")]), local_data(tasks), packages / "lab")
    network.packages = {name: packages / version for name, version in versions.items()}
    return network


async def test_a_peer_without_the_package_or_with_another_version_is_named(packages):
    spec = parse_spec({"algorithm": "own-pca", "rank": 2, "iterations": 2})
    async with unequal(packages, p0="0.1.0", p1="0.1.0") as network:
        text = await refusal(network, "a", spec)
        assert "refused by p2: algorithm: there is no algorithm 'own-pca'" in text
        assert "install the package that brings it" in text
        network.processes["p2"].terminate()
        await network.processes["p2"].wait()
        network.packages["p2"] = packages / "0.2.0"
        await network.start("p2")
        text = await refusal(network, "b", spec)
        assert "p2 (algorithm own-pca 0.2.0) does not fit the others (algorithm own-pca 0.1.0)" in text


async def refusal(network, run, spec) -> str:
    """What the one who submits is told."""

    async def submitted() -> None:
        async with network.client("p0") as client, asyncio.timeout(60):
            await submit(client, run, spec)
            await follow(client, run, network.network.names, lambda news: None)

    with pytest.raises(InputError) as caught:
        await submitted()
    return str(caught.value)


async def test_a_killed_peer_goes_on_with_its_package_only_and_the_bits_are_the_same(packages):
    spec = parse_spec({"algorithm": "own-pca", "rank": 2, "iterations": 300, "checkpoint_every": 3})
    names = ("p0", "p1", "p2")
    async with (
        unequal(packages, **dict.fromkeys(names, "0.1.0")) as network,
        network.client("p0") as client,
    ):
        await submit(client, "a", spec)
        async for reply in watch(client, "a", "p1", 20):
            if reply.status.iteration > 10:
                break
        network.processes["p1"].kill()
        await network.processes["p1"].wait()
        network.packages["p1"] = packages / "0.2.0"
        with pytest.raises(RunFailed, match=r"own-pca 0\.1\.0 \(now own-pca 0\.2\.0\)"):
            await network.start("p1")
        network.packages["p1"] = packages / "0.1.0"
        await network.start("p1")
        await follow(client, "a", names, lambda news: None)
        results = (await collect(client, "a", names)).results
    digests = {name: result_digest(arrays["U"]) for name, arrays in results.items()}
    assert digests == network.digests(spec, exact=True) == network.digests(spec)
