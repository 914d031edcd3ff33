"""A serving peer with metrics: what it tells is what the run was, and a peer without has nothing of it."""

import json
import socket

import pytest

from tests.support.metered import metered, page, scrape, served, summed
from tests.support.network import PROCESSES, difpeer, eventually, free_address, lab
from tests.support.problems import dif_spec, local_data, make_tasks, network_of

pytestmark = PROCESSES

TRIANGLE = network_of([("p0", "p1"), ("p0", "p2"), ("p1", "p2")])
TASKS = make_tasks(TRIANGLE.names, (2, 2, 2), 8)
SPEC = dif_spec(
    rank=2, iterations=6, agreement={"rounds": 3}, init={"power_iterations": 3, "agreement_rounds": 4}
)


async def test_metrics_of_a_run_are_those_of_its_summary(tmp_path):
    async with (
        lab(TRIANGLE, local_data(TASKS), tmp_path / "lab", absent=TRIANGLE.names) as network,
        metered(network) as addresses,
    ):
        words = (network.spec_file(SPEC), *network.via(), "--json", "--out", tmp_path / "runs")
        summary = (await difpeer("run", *words)).document

        async def closed():
            found = {name: await scrape(address) for name, address in addresses.items()}
            states = [summed(samples, "difpeer_run_state", state="closed") for samples in found.values()]
            return found if all(states) else None

        found = await eventually(closed, "all peers have closed the run")
        sent = {
            level: sum(
                summed(samples, "difpeer_bytes_total", level=level, direction="sent")
                for samples in found.values()
            )
            for level in ("payload", "message", "socket", "wire")
        }
        received = sum(
            summed(samples, "difpeer_bytes_total", level="message", direction="received")
            for samples in found.values()
        )
        counts = summary["bytes"]
        assert sent["payload"] == counts["payload"] > 0
        assert sent["message"] == counts["message"] == received
        # From the connection's opening on, handshakes and all, and with what the peers said after the run.
        assert counts["socket"] <= sent["socket"] <= counts["socket"] + 40_000
        assert sent["wire"] > sent["socket"]
        for name, samples in found.items():
            assert summed(samples, "difpeer_round_latency_seconds_count") == summary["rounds"], name
            assert summed(samples, "difpeer_run_round") == summary["rounds"]
            assert summed(samples, "difpeer_run_iteration") == summary["iterations"]
            assert summed(samples, "difpeer_link_up") == 2
            assert summed(samples, "difpeer_incarnation") == 1
            assert summed(samples, "difpeer_checkpoints_total") >= summary["iterations"]
            assert summed(samples, "difpeer_build_info", peer=name) == 1
            assert summed(samples, "difpeer_run_state") == 1
            assert (
                0 < summed(samples, "difpeer_min_rtt_seconds") <= 2 * summed(samples, "difpeer_rtt_seconds")
            )
            gated = summed(samples, "difpeer_gated_rounds_total")
            assert 0 <= gated <= summary["rounds"]
            assert (gated > 0) == (summed(samples, "difpeer_gated_wait_seconds_total") > 0)
            labels = {
                dict(about).get("label")
                for metric, about in samples
                if metric.endswith("latency_seconds_count")
            }
            assert labels >= {"init.threshold", "init.power", "descent"}
        assert json.loads((tmp_path / "runs" / summary["run_id"] / "summary.json").read_text()) == summary


async def test_a_peer_whose_neighbour_is_away(tmp_path):
    async with lab(TRIANGLE, local_data(TASKS), tmp_path / "lab", absent=TRIANGLE.names) as network:
        address = free_address()
        async with served(network, "p0", "--metrics", address) as command:
            await command.says(f"metrics at http://{address}/metrics")
            samples = await scrape(address)
            assert summed(samples, "difpeer_link_up") == 0
            assert not [name for name, _ in samples if name.startswith("difpeer_run_")]
            text = await page(address)
            assert "# TYPE difpeer_round_latency_seconds histogram" in text


async def test_an_address_that_cannot_be_used(tmp_path):
    async with lab(TRIANGLE, local_data(TASKS), tmp_path / "lab", absent=TRIANGLE.names) as network:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            for address, status, said in (
                (
                    f"127.0.0.1:{port}",
                    75,
                    f"--metrics: cannot listen at 127.0.0.1:{port} (Address already in use); give another",
                ),
                ("9464", 2, "--metrics: '9464' is no address"),
                ("127.0.0.1:0", 2, "--metrics: '127.0.0.1:0' has the port '0'"),
                (
                    "0.0.0.0:9464",
                    2,
                    "anybody could read the metrics; use 127.0.0.1 or ::1, or give --metrics-exposed",
                ),
                ("localhost:9464", 2, "use 127.0.0.1 or ::1"),
            ):
                async with served(network, "p0", "--metrics", address) as command:
                    ended = await command.ended()
                assert (ended.status, ended.out) == (status, ""), (address, ended.err)
                assert said in ended.error
        async with served(network, "p0", "--metrics", f"0.0.0.0:{port}", "--metrics-exposed"):
            await eventually(lambda: scrape_or_none(f"127.0.0.1:{port}"), "an exposed address answers")


async def scrape_or_none(address):
    try:
        return await scrape(address)
    except OSError:
        return None


@pytest.mark.parametrize("family", ["127.0.0.1", "[::1]"])
async def test_both_kinds_of_addresses(tmp_path, family):
    async with lab(TRIANGLE, local_data(TASKS), tmp_path / "lab", absent=TRIANGLE.names) as network:
        address = f"{family}:{free_address().rpartition(':')[2]}"
        async with served(network, "p0", "--metrics", address):
            await eventually(lambda: scrape_or_none(address), f"{address} answers")
