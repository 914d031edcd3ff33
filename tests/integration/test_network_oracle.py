"""The oracle's numbers through a real network of processes, from imported data to the run folder."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest
import pytest_asyncio

from peer.data.store import read_all
from peer.measure.run_folder import read_run_folder
from peer.runtime.local import LocalNetwork
from tests.support.network import difpeer
from tests.support.problems import DATA, oracle_case
from topology.network import Network, read_network
from topology.yamlfile import dump_yaml

pytestmark = [pytest.mark.network, pytest.mark.asyncio(loop_scope="module")]

RTOL = 1e-9
CASE = oracle_case("tiny")
SAVED = sorted(int(key.removeprefix("U_dif_")) for key in CASE.arrays if key.startswith("U_dif_"))


def named_as_imported() -> Network:
    """The case's network; an array ``peer`` of whole numbers names peers 0, 1, ..."""
    edges = [(str(i), str(j)) for i, j in np.argwhere(np.triu(CASE.arrays["adjacency"]))]
    return Network.model_validate(
        {
            "name": "tiny",
            "peers": {str(i): {} for i in range(len(CASE.arrays["adjacency"]))},
            "edges": [{"first": first, "second": second} for first, second in edges],
        }
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def local(tmp_path_factory):
    folder = tmp_path_factory.mktemp("oracle")
    imported = await difpeer("data", "import", DATA / "tiny.npz", "--out", folder / "data", "--json")
    assert imported.status == 0, imported.err
    async with LocalNetwork(named_as_imported(), folder / "data", folder) as network:
        yield network


async def simulated(local: LocalNetwork, spec_file) -> dict[str, str]:
    words = ("--network", local.network_file, "--data", local.folder / "data", "--exact", "--json")
    return (await difpeer("simulate", spec_file, *words)).document["result_digest"]


@pytest.mark.parametrize("iterations", SAVED)
async def test_saved_bases_and_curves(local, iterations):
    spec_file = local.folder / f"spec{iterations}.yaml"
    spec = CASE.spec.model_dump(mode="json", exclude_none=True)
    dump_yaml({**spec, "iterations": iterations}, spec_file)
    names = local.network.names
    via = ("--via", local.address(names[iterations % len(names)]), *local.access.words.split())
    done = await difpeer("run", spec_file, *via, "--out", local.folder / "runs", "--json")
    summary = done.document
    folder = read_run_folder(local.folder / "runs" / summary["run_id"])
    U = np.stack([folder.results[name]["U"] for name in names])
    np.testing.assert_allclose(U, CASE.arrays[f"U_dif_{iterations}"], rtol=RTOL)
    expected = CASE.arrays["sd_dif"][: iterations + 1]
    np.testing.assert_allclose(summary["subspace_distance"]["trace"], expected, rtol=RTOL)
    np.testing.assert_allclose(
        summary["consensus_error"], CASE.arrays["disagreement_dif"][iterations], rtol=RTOL
    )
    np.testing.assert_allclose(summary["gamma"], CASE.arrays["gamma"], rtol=RTOL)
    assert worst_distances(folder.ledger) == pytest.approx(list(expected), rel=RTOL)
    if iterations == SAVED[-1]:
        assert summary["result_digest"] == await simulated(local, spec_file)


def worst_distances(ledger) -> list[float]:
    """The curve by SQL, as ``docs/ledger.md`` has it."""
    query = "SELECT max(value) FROM iterations WHERE name = 'subspace_distance' GROUP BY iteration ORDER BY iteration"
    with closing(sqlite3.connect(ledger)) as file:
        return [value for (value,) in file.execute(query)]


async def test_the_network_file_that_peers_were_given_is_read_back(local):
    """Names of digits alone are text, also in YAML."""
    assert read_network(local.network_file).names == ("0", "1", "2", "3")


async def test_peers_have_the_oracles_rows(local):
    data = read_all(local.folder / "data", local.network.names)
    assert np.concatenate([own.y for own in data.values()]).tolist() == CASE.tasks.y.tolist()
