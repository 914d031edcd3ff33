"""Bad input through real commands: a message that names field, file and mend, exit status 2, nothing left running.

Where each kind of bad input is tested, below ``tests/``:

======================================================  =======================================================
unknown or duplicate key, wrong type: spec              unit/test_config.py; through ``run`` here
unknown or duplicate key, wrong type: network file      unit/topology/test_network_errors.py, test_yamlfile.py
disconnected, one peer, self loop, edge twice, unknown  unit/topology/test_network_errors.py; self loop through
peer, name that is a path, address twice                ``serve`` here
rank, iterations or rounds 0                            unit/test_config.py; through ``run`` here
rank above d or the tasks, n < r without ridge          unit/algorithms/test_requirements.py; [1]
a peer without tasks                                    unit/data/test_local.py (a folder), test_dealing.py (a
                                                        division); fewer tasks than peers: integration/test_demo.py
data of another dimension at one peer                   [1]
NaN, text or constant columns, object arrays, a task    unit/data/test_import_errors.py
on two peers, ``U_true`` of a wrong shape
an existing output folder                               unit/cli/test_data.py; of a run here
port in use                                             here
a peer that cannot be reached                           the one asked: here; another one is waited for:
                                                        integration/test_outliving.py
a corrupt data folder                                   unit/data/test_store.py; through ``serve`` here
a second run while one is on                            integration/test_commands.py
payloads with wrong shape, dtype, length, NaN or Inf,   integration/test_hostile.py
of another run, or too large
an own value that has diverged                          integration/test_exact_simulator.py; [1]
======================================================  =======================================================

[1] integration/test_bad_input_network.py
"""

import asyncio
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest

from peer.data.store import write_all
from peer.identity.certificates import issue
from peer.identity.issuing import issue_all, write_certificates
from peer.identity.keys import read_key
from peer.identity.ring import certificate_file, key_file
from tests.support.network import difpeer, free_address, living
from tests.support.problems import local_data, make_tasks, network_of
from topology.network import read_network, write_network
from topology.yamlfile import dump_yaml

pytestmark = pytest.mark.network

PAIR = [("p0", "p1")]


@dataclass
class Files:
    """Files of a network of two peers, none of which is running."""

    folder: Path
    network: Path
    spec: Path

    def serve(self, **changes: object) -> tuple[object, ...]:
        """Words that would serve p0."""
        options = {
            "name": "p0",
            "network": self.network,
            "data": self.folder / "data" / "p0",
            "state": self.folder / "state",
            **changes,
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return ("serve", *words, "--insecure-loopback")

    def other_network(self, **changes: object) -> Path:
        """The network file with other content."""
        path = self.folder / "other.yaml"
        peers = {name: {"address": free_address()} for name in ("p0", "p1")}
        dump_yaml({"name": "other", "peers": peers, "edges": [["p0", "p1"]], **changes}, path)
        return path


@pytest.fixture
def files(tmp_path):
    graph = network_of(PAIR)
    graph = graph.with_addresses({name: free_address() for name in graph.names})
    write_network(graph, tmp_path / "network.yaml")
    data = local_data(make_tasks(graph.names, (2, 2), 6, dim=4))
    write_all(tmp_path / "data", {name: (local, None) for name, local in data.items()})
    (tmp_path / "spec.yaml").write_text("algorithm: dif-altgdmin\nrank: 2\niterations: 5\n")
    return Files(tmp_path, tmp_path / "network.yaml", tmp_path / "spec.yaml")


async def refused(files: Files, *words: object, status: int = 2) -> str:
    """Run a command that must be refused; returns its error."""
    error = await bad_input(*words, status=status)
    assert not living(files.folder)
    return error


async def bad_input(*words: object, status: int = 2) -> str:
    done = await difpeer(*words)
    assert (done.status, done.out) == (status, ""), done.err
    return done.error


def edited(spec: Path, old: str, new: str) -> Path:
    spec.write_text(spec.read_text().replace(old, new))
    return spec


def damaged(file: Path) -> Path:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    return file.parent


def of_another_peer(state: Path) -> Path:
    state.mkdir()
    (state / "peer.json").write_text('{"format": 1, "peer": "p1", "incarnation": 4}')
    return state


SERVE = {
    "a name that is not in the network": (
        lambda files: files.serve(name="p7"),
        ["network.yaml: --name: no peer of network 'test' is called 'p7'; use one of: p0, p1"],
    ),
    "a self loop": (
        lambda files: files.serve(network=files.other_network(edges=[["p0", "p1"], ["p1", "p1"]])),
        ["other.yaml: edges[1]: 'p1' is its own neighbour; remove the edge"],
    ),
    "a peer without an address": (
        lambda files: files.serve(network=files.other_network(peers={"p0": {}, "p1": {}})),
        ["other.yaml: peers.p1.address: p1 has no address, and p0 has to dial it", "add address"],
    ),
    "an address of another machine": (
        lambda files: files.serve(
            network=files.other_network(
                peers={"p0": {"address": "127.0.0.1:7100"}, "p1": {"address": "192.0.2.1:7100"}}
            )
        ),
        ["other.yaml: peers.p1.address: 192.0.2.1:7100 is not", "use 127.0.0.1"],
    ),
    "listening beyond this machine": (
        lambda files: files.serve(listen="0.0.0.0:7100"),
        ["--listen: 0.0.0.0:7100 is not", "use 127.0.0.1"],
    ),
    "a corrupt data folder": (
        lambda files: files.serve(data=damaged(files.folder / "data" / "p0" / "rows.npz")),
        ["data/p0/rows.npz: files.rows.npz: SHA-256 differs", "copy the folder again"],
    ),
    "no data": (
        lambda files: files.serve(data=files.folder / "nowhere"),
        ["nowhere", "data"],
    ),
    "the folder of all peers' data": (
        lambda files: files.serve(name="p1", data=files.folder / "data"),
        ["--data: ", "data holds a folder for each peer; give this peer's own, ", str(Path("data") / "p1")],
    ),
    "another peer's data": (
        lambda files: files.serve(data=files.folder / "data" / "p1"),
        ["--data: ", "data/p1", "is the folder of the peer p1, not of p0", "data/p0"],
    ),
    "another peer's state folder": (
        lambda files: files.serve(state=of_another_peer(files.folder / "state")),
        ["peer.json: peer: the state folder belongs to the peer 'p1', not to 'p0'", "a folder of its own"],
    ),
    "a file in the place of the state folder": (
        lambda files: files.serve(state=files.spec),
        ["spec.yaml: cannot be used as a state folder", "give a folder"],
    ),
}


@pytest.mark.parametrize(("words", "parts"), SERVE.values(), ids=SERVE)
async def test_serve(files, words, parts):
    error = await refused(files, *words(files))
    for part in parts:
        assert part in error


NOBODY = "127.0.0.1:9"
RUN = {
    "rank 0": (
        lambda files: (edited(files.spec, "rank: 2", "rank: 0"), "--via", NOBODY),
        ["spec.yaml: rank: found 0; give a number ≥ 1"],
    ),
    "an unknown key": (
        lambda files: (edited(files.spec, "rank", "rnak"), "--via", NOBODY),
        ["spec.yaml: rnak: ", "did you mean 'rank'?"],
    ),
    "a duplicate key": (
        lambda files: (edited(files.spec, "rank: 2", "rank: 2\nrank: 3"), "--via", NOBODY),
        ["spec.yaml: rank: duplicate key (lines 2 and 3)"],
    ),
    "no specification": (lambda _: ("--via", NOBODY), ["SPEC: give either"]),
    "an address of another machine": (
        lambda files: (files.spec, "--via", "192.0.2.1:7100"),
        ["--via: 192.0.2.1:7100 is not"],
    ),
    "an address without a port": (
        lambda files: (files.spec, "--via", "127.0.0.1"),
        ["--via: '127.0.0.1' is no address; write host:port"],
    ),
}


@pytest.mark.parametrize(("words", "parts"), RUN.values(), ids=RUN)
async def test_run(files, words, parts):
    error = await refused(files, "run", *words(files), "--insecure-loopback", "--out", files.folder / "runs")
    for part in parts:
        assert part in error
    assert not (files.folder / "runs").exists()


async def test_without_tls_only_when_asked_for(files):
    *serve, _ = files.serve()
    for words in (serve, ("run", files.spec, "--via", NOBODY), ("status", "--via", NOBODY)):
        error = await refused(files, *words)
        assert "--insecure-loopback" in error or "difpeer keys" in error


async def test_an_address_where_nobody_serves_is_told_with_how_long_it_was_tried(files):
    nobody = ("--via", free_address(), "--insecure-loopback")
    commands = (("run", files.spec, *nobody), ("status", *nobody), ("cancel", "r", *nobody))
    for error in await asyncio.gather(*(bad_input(*words) for words in commands)):
        assert f"--via: {nobody[1]} cannot be reached, tried for 10." in error
        assert "Connection refused" in error
        assert "check the address, and that a peer serves there" in error


async def test_an_address_of_something_else(files):
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        error = await refused(files, "status", "--via", f"127.0.0.1:{port}", "--insecure-loopback")
    finally:
        await server.stop(None)
    assert f"--via: 127.0.0.1:{port} is no peer of difpeer" in error


async def test_a_port_in_use(files):
    """Of an option, or of the network file: whichever it was. It may be free later: a service is to try again."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        error = await refused(files, *files.serve(listen=address), status=75)
        network = files.other_network(peers={"p0": {"address": address}, "p1": {"address": free_address()}})
        told = await refused(files, *files.serve(network=network), status=75)
    assert f"{network}: peers.p0.address: cannot listen at {address}: Address already in use" in told
    assert f"--listen: cannot listen at {address}: Address already in use" in error
    assert "stop the process that uses the port, or give another address" in error


async def test_a_clock_before_the_certificate(files):
    """As of a machine that has just started, and has no clock of its own."""
    write_network(issue_all(files.network, read_network(files.network), []), files.network)
    key = read_key(key_file(files.network, "p0"))
    later = issue("p0", key, datetime.now(UTC) + timedelta(days=1), timedelta(days=10))
    write_certificates(certificate_file(files.network, "p0"), [later])
    words = [word for word in files.serve() if word != "--insecure-loopback"]
    error = await refused(files, *words, status=75)
    assert "the certificate of p0 begins at" in error
    assert "set this machine's clock" in error


async def test_an_existing_run_folder_is_refused_before_anything_is_asked(tmp_path):
    (tmp_path / "r1").mkdir()
    done = await difpeer("run", "--attach", "r1", "--via", NOBODY, "--insecure-loopback", "--out", tmp_path)
    assert done.status == 2
    assert f"{tmp_path / 'r1'}: it exists already; give another --out, or remove it" in done.error
