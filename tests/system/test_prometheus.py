"""Prometheus of Debian's package scrapes a network while it runs, and knows the run's bytes to the last one."""

import asyncio
import json
import shutil
import signal
from contextlib import asynccontextmanager
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from tests.support.metered import metered
from tests.support.network import difpeer, eventually, free_address, lab
from tests.support.problems import dif_spec, local_data, make_tasks, network_of
from topology.yamlfile import dump_yaml

pytestmark = pytest.mark.system

RING = network_of([("p0", "p1"), ("p1", "p2"), ("p2", "p3"), ("p0", "p3")])
TASKS = make_tasks(RING.names, (2, 2, 2, 2), 10)
SPEC = dif_spec(
    rank=2, iterations=60, agreement={"rounds": 4}, init={"power_iterations": 3, "agreement_rounds": 4}
)


@asynccontextmanager
async def prometheus(folder, targets):
    """A Prometheus of our own: its configuration, data and port are nobody else's."""
    program = shutil.which("prometheus")
    assert program, "prometheus is not installed: apt-get install prometheus"
    folder.mkdir()
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "difpeer", "static_configs": [{"targets": list(targets)}]}],
    }
    dump_yaml(config, folder / "prometheus.yml")
    address = free_address()
    with (folder / "log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            program,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
            stdout=log,
            stderr=log,
        )
    try:
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def query(address, promql):
    """Samples of an instant query, by labels; None where Prometheus does not answer yet."""

    def ask():
        with urlopen(f"http://{address}/api/v1/query?{urlencode({'query': promql})}", timeout=10) as answer:
            return json.load(answer)

    try:
        document = await asyncio.to_thread(ask)
    except OSError:
        return None
    assert document["status"] == "success", document
    return {
        tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in document["data"]["result"]
    }


async def test_a_query_gives_the_bytes_of_the_run(tmp_path):
    async with (
        lab(RING, local_data(TASKS), tmp_path / "lab", absent=RING.names) as network,
        metered(network) as addresses,
        prometheus(tmp_path / "prometheus", addresses.values()) as address,
    ):

        async def up():
            return await query(address, "sum(up)") == {(): len(addresses)}

        await eventually(up, "Prometheus scrapes all peers")
        words = (network.spec_file(SPEC), *network.via(), "--json", "--out", tmp_path / "runs")
        summary = (await difpeer("run", *words)).document

        async def closed():
            return await query(address, 'sum(difpeer_run_state{state="closed"})') == {(): len(addresses)}

        # Each scrape is of one moment: one that has seen the end of the run has seen all of its bytes.
        await eventually(closed, "Prometheus has seen the end of the run at all peers")
        for level in ("payload", "message"):
            promql = 'sum(difpeer_bytes_total{level="%s", direction="%s"})'
            for direction in ("sent", "received"):
                found = await query(address, promql % (level, direction))
                assert found == {(): summary["bytes"][level]}, (level, direction)
        rounds = await query(address, "sum by (instance) (difpeer_round_latency_seconds_count)")
        assert rounds == {(("instance", at),): summary["rounds"] for at in addresses.values()}
        p95 = await query(
            address,
            "histogram_quantile(0.95, sum by (le) (difpeer_round_latency_seconds_bucket))",
        )
        (seconds,) = p95.values()
        # Within the bucket that the ledger's own quantile is in, whose bounds are at most 4 times apart.
        assert 0.2 < seconds * 1000 / summary["round_latency_ms"]["p95"] < 5
