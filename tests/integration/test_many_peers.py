"""Forty peers on one small machine: they finish a run, and each is small."""

import re
from pathlib import Path
from statistics import median

import pytest

from peer.measure.summary import result_digest
from peer.runtime import local as local_network
from peer.runtime.collecting import collect
from peer.runtime.following import follow, submit
from tests.support.network import NO_USE, Lab, lab
from tests.support.problems import dif_spec, local_data, make_tasks
from topology.generators import make_network

pytestmark = pytest.mark.network

PEERS = 40
MOST_PSS = 75e6
"""Proportional memory of one serving process, bytes: what it shares with the others counts in part."""

TELLS_MODULES = """
import atexit, sys
from pathlib import Path
state = Path(sys.argv[sys.argv.index("--state") + 1])
atexit.register(lambda: (state / "modules").write_text("\\n".join(sys.modules)))
from peer.cli.main import main
main()
"""


def pss(pid: int) -> int:
    """Proportional set size, bytes."""
    (kilobytes,) = re.findall(
        r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE
    )
    return int(kilobytes) * 1024


def libraries(pid: int) -> set[str]:
    """Shared libraries that a process has loaded."""
    return set(re.findall(r"/\S+\.so\S*", Path(f"/proc/{pid}/maps").read_text()))


async def test_forty_peers_finish_a_run_and_each_is_small(tmp_path, monkeypatch):
    monkeypatch.setattr(local_network, "START_S", 600.0)
    monkeypatch.setattr(local_network, "STOP_S", 60.0)
    monkeypatch.setattr(local_network.LocalNetwork, "program", TELLS_MODULES)
    graph = make_network("k-regular", PEERS, degree=4, seed=1).network
    tasks = make_tasks(graph.names, [1] * PEERS, 12, dim=10)
    spec = dif_spec(
        rank=2, iterations=5, agreement={"rounds": 2}, init={"power_iterations": 3, "agreement_rounds": 3}
    )
    async with lab(graph, local_data(tasks), tmp_path, truth=tasks.U_true) as network:
        async with network.client("p00") as client:
            await submit(client, "forty", spec)
            await follow(client, "forty", graph.names, lambda _: None)
            sizes = {name: pss(process.pid) for name, process in network.processes.items()}
            collected = await collect(client, "forty", graph.names)
        mapped = libraries(network.processes["p00"].pid)
    digests = {name: result_digest(arrays["U"]) for name, arrays in collected.results.items()}
    assert digests == network.digests(spec)

    megabytes = [size / 1e6 for size in sizes.values()]
    print(f"PSS of {PEERS} peers: median {median(megabytes):.1f} MB, most {max(megabytes):.1f} MB")
    assert max(sizes.values()) <= MOST_PSS, sizes
    assert any("/numpy/" in library for library in mapped)
    assert not [library for library in mapped if NO_USE & set(library.split("/"))]
    for name in graph.names:
        assert not NO_USE & loaded(network, name), name


def loaded(network: Lab, name: str) -> set[str]:
    """Packages that a peer had loaded when it ended, after a whole run."""
    modules = (network.folder / "state" / name / "modules").read_text().split()
    assert "peer.algorithms.dif_altgdmin" in modules
    return {module.partition(".")[0] for module in modules}
