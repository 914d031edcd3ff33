"""Bad input through real commands: a message that names field, file and mend, exit status 2, nothing left running.

Where each kind of bad input is tested, below ``tests/``:

======================================================  =======================================================
unknown or duplicate key, wrong type: spec              unit/test_config.py; through ``run`` here
unknown or duplicate key, wrong type: network file      unit/topology/test_network_errors.py, test_yamlfile.py
disconnected, one peer, self loop, edge twice, unknown  unit/topology/test_network_errors.py; self loop through
peer, name that is a path, address twice                ``serve`` here
rank, iterations or rounds 0                            unit/test_config.py; through ``run`` here
rank above d or the tasks, n < r without ridge          unit/algorithms/test_requirements.py; on a network here
a peer without tasks                                    unit/data/test_local.py (a folder), test_dealing.py (a
                                                        division); fewer tasks than peers: integration/test_demo.py
data of another dimension at one peer                   here
NaN, text or constant columns, object arrays, a task    unit/data/test_import_errors.py
on two peers, ``U_true`` of a wrong shape
an existing output folder                               unit/cli/test_data.py; of a run here
port in use, a peer that cannot be reached              here
a corrupt data folder                                   unit/data/test_store.py; through ``serve`` here
a second run while one is on                            integration/test_commands.py
payloads with wrong shape, dtype, length, NaN or Inf,   integration/test_hostile.py
of another run, or too large
an own value that has diverged                          integration/test_exact_simulator.py; on a network here
======================================================  =======================================================
"""

import asyncio
import socket
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from peer.data.store import write_all
from peer.protocol.messages import TombKind
from peer.protocol.records import RunState
from peer.runtime.client import Client
from peer.runtime.following import submit
from tests.support.network import Lab, difpeer, eventually, lab, living
from tests.support.problems import dif_spec, local_data, make_tasks, network_of
from topology.network import write_network
from topology.yamlfile import dump_yaml

pytestmark = [pytest.mark.network, pytest.mark.asyncio(loop_scope="module")]

SPEC = dif_spec(rank=2, iterations=5)
PAIR = [("p0", "p1")]
CHAIN = [("p0", "p1"), ("p1", "p2")]


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


# Without a network


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


async def refused(files: Files, *words: object) -> str:
    """Run a command that must be refused; returns its error."""
    error = await bad_input(*words)
    assert not living(files.folder)
    return error


async def bad_input(*words: object) -> str:
    done = await difpeer(*words)
    assert (done.status, done.out) == (2, ""), done.err
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
        ["other.yaml: peers.p0.address: this peer has no address", "add address"],
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
        lambda files: files.serve(data=files.folder / "data"),
        [str(Path("data")), "p0"],
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
        assert "TLS" in error
        assert "--insecure-loopback" in error


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
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        error = await refused(files, *files.serve(listen=address))
    assert f"--listen: cannot listen at {address}: Address already in use" in error
    assert "stop the process that uses the port, or give another address" in error


# On a network


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory):
    graph = network_of(PAIR)
    tasks = make_tasks(graph.names, (2, 2), 3, dim=8)
    async with lab(graph, local_data(tasks), tmp_path_factory.mktemp("pair")) as running:
        yield running


NOT_FITTING = {
    "rank above the dimension": (
        {"rank": 9},
        "rank: 9 is above the dimension 8 of the data; use a rank of at most 8",
    ),
    "rank above the tasks": (
        {"rank": 5},
        "rank: 5 is above the number of tasks in the network, 4; use a rank",
    ),
    "fewer rows than the rank": (
        {"rank": 4},
        "rank: 4 is above the rows of the smallest task, 3, without a ridge",
    ),
}


@pytest.mark.parametrize(("fields", "part"), NOT_FITTING.values(), ids=NOT_FITTING)
async def test_a_specification_that_does_not_fit_the_data_of_all_peers(pair, fields, part):
    spec = pair.spec_file(dif_spec(iterations=5, **fields))
    done = await difpeer("run", spec, *pair.via("p1"), "--out", pair.folder / "runs")
    assert done.status == 2
    assert part in done.error
    assert not (pair.folder / "runs").exists()
    run = done.error.split()[1]
    for name in pair.network.names:
        status = await newest(pair, name)
        assert (status.run, status.state) == (run, RunState.TOMB)
        assert status.reason.kind is TombKind.REFUSED
        assert part in status.reason.text


async def test_a_specification_that_only_a_peer_can_refuse(pair):
    """Not from our command line: a client of another version, say."""
    async with Client(pair.address("p0"), insecure_loopback=True) as client:
        reply = await client.submit("odd", b'{"algorithm":"dif-altgdmin","rank":0,"iterations":5}')
    assert reply.state is RunState.TOMB
    assert reply.reason.kind is TombKind.REFUSED
    assert "rank" in reply.reason.text


async def test_an_own_value_that_has_diverged_is_ours(pair):
    spec = pair.spec_file(dif_spec(rank=2, iterations=5, step={"c_eta": 1e308}))
    done = await difpeer("run", spec, *pair.via())
    assert done.status == 1
    assert "failed (p" in done.error
    assert "not finite" in done.error
    assert "step.c_eta" in done.error
    assert "sent a value" not in done.error  # no neighbour is to blame


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (
            ("run", "--attach", "unheard-of"),
            "--attach: the peer at {} knows no run 'unheard-of'; see `difpeer status`",
        ),
        (("cancel", "unheard-of"), "RUN: the peer at {} knows no run 'unheard-of'; see `difpeer status`"),
        (("cancel", "../runs"), "run: found '../runs', must be 1 to 64 of A-Z a-z 0-9"),
    ],
)
async def test_a_run_that_cannot_be_meant(pair, words, part):
    done = await difpeer(*words, *pair.via())
    assert done.status == 2
    assert part.format(pair.address("p0")) in done.error


async def test_an_existing_run_folder_is_refused_before_anything_is_asked(tmp_path):
    (tmp_path / "r1").mkdir()
    done = await difpeer("run", "--attach", "r1", "--via", NOBODY, "--insecure-loopback", "--out", tmp_path)
    assert done.status == 2
    assert f"{tmp_path / 'r1'}: it exists already; give another --out, or remove it" in done.error


async def test_a_state_folder_in_use(pair):
    state = pair.folder / "state" / "p0"
    words = ("--name", "p0", "--network", pair.network_file, "--data", pair.folder / "data" / "p0")
    done = await difpeer("serve", *words, "--state", state, "--listen", free_address(), "--insecure-loopback")
    assert done.status == 2
    assert f"{state}: the state folder is in use by process {pair.processes['p0'].pid}" in done.error
    assert "stop the other difpeer serve" in done.error


async def newest(network: Lab, name: str):
    """The newest run's status at one peer."""
    async with Client(network.address(name), insecure_loopback=True) as client:
        return (await client.status()).runs[-1]


async def submitted(network: Lab, run: str) -> None:
    async with Client(network.address("p0"), insecure_loopback=True) as client:
        await submit(client, run, SPEC)


async def test_a_peer_that_never_starts_and_one_whose_data_do_not_fit(tmp_path):
    """One network from p2's absence to p2 with the right data."""
    graph = network_of(CHAIN)
    data = local_data(make_tasks(graph.names, (2, 2, 2), 6, dim=4))
    narrow = local_data(make_tasks(graph.names, (2, 2, 2), 6, dim=3))
    async with lab(graph, {**data, "p2": narrow["p2"]}, tmp_path, absent=("p2",)) as network:
        await it_is_waited_for_by_name(network)
        await run_gives_up_and_leaves_no_run_behind(network)
        await submitted(network, "narrow")
        network.absent = ()
        await network.start("p2")
        await all_refuse_by_its_name(network, "narrow")
        await a_new_run_is_bad_input(network)


async def it_is_waited_for_by_name(network: Lab) -> None:
    await submitted(network, "early")
    for name in ("p0", "p1"):

        async def waits(name: str = name) -> bool:
            status = await newest(network, name)
            return (status.waiting_kind, status.waiting_for) == ("facts", ("p2",))

        await eventually(waits, f"{name} waits for the facts of p2")
    p2 = network.address("p2")
    document = (await difpeer("status", *network.via(), "--json")).document["peers"]
    assert document["p0"]["runs"][-1]["waiting_for"] == ["p2"]
    assert document["p2"] == {"error": f"p2 ({p2}) cannot be reached from p1; tried for 0.0 s"}
    (link,) = (link for link in document["p1"]["links"] if link["neighbour"] == "p2")
    assert not link["up"]
    assert "Connection refused" in link["detail"]
    await eventually(
        lambda: (
            "facts of all peers: waiting" in network.log("p1")
            and "for p2 (link down for" in network.log("p1")
        ),
        "the log names the wait",
    )
    assert (await difpeer("cancel", "early", *network.via())).status == 0


async def run_gives_up_and_leaves_no_run_behind(network: Lab) -> None:
    done = await difpeer("run", network.spec_file(SPEC), *network.via(), "--out", network.folder / "runs")
    assert done.status == 2
    assert f"peers: p2 ({network.address('p2')}) cannot be reached from p1; tried for 1" in done.error
    assert "is cancelled; start it, then submit the run again" in done.error
    for name in ("p0", "p1"):

        async def over(name: str = name) -> bool:
            return (await newest(network, name)).state is RunState.TOMB

        await eventually(over, f"the run is over at {name}")


async def all_refuse_by_its_name(network: Lab, run: str) -> None:
    reasons = set()
    for name in network.network.names:

        async def over(name: str = name) -> object:
            status = await newest(network, name)
            return status.reason if status.run == run else None

        reason = await eventually(over, f"{name} has refused")
        assert reason.kind is TombKind.REFUSED
        reasons.add(reason.text)
    assert reasons == {
        "p2 (dim 3) does not fit the others (dim 4); give all peers data with the same features"
    }


async def a_new_run_is_bad_input(network: Lab) -> None:
    done = await difpeer("run", network.spec_file(SPEC), *network.via(), "--out", network.folder / "runs")
    assert done.status == 2
    assert (
        "p2 (dim 3) does not fit the others (dim 4); give all peers data with the same features" in done.error
    )
    assert not (network.folder / "runs").exists()
