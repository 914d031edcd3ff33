"""Metrics are well formed, bounded, and documented one by one."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from peer.measure.exposition import METRICS, families
from peer.measure.meter import BUCKETS_S, Latencies

TEXT = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")
FORBIDDEN = {"round", "run", "iteration", "seq", "connection", "request", "address"}


def table():
    return "\n".join(
        f"| `{metric.name}` | {metric.kind} | {', '.join(f'`{label}`' for label in metric.labels)} | {metric.meaning} |"
        for metric in METRICS
    )


def test_the_table_of_the_document_is_that_of_the_code():
    rows = re.findall(r"^\| `difpeer_.*$", TEXT, re.MULTILINE)
    assert rows == table().splitlines()


def test_labels_of_the_document_are_explained():
    labels = {label for metric in METRICS if metric.kind != "info" for label in metric.labels}
    assert set(re.findall(r"(?:^- |\. )`(\w+)`:", TEXT, re.MULTILINE)) == labels


def test_no_label_grows_with_the_run():
    assert not FORBIDDEN & {label for metric in METRICS for label in metric.labels}


def test_names_say_the_unit_and_the_kind():
    for metric in METRICS:
        assert metric.name.startswith("difpeer_")
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name


class Once:
    def __init__(self, readings):
        self.readings = readings

    def collect(self):
        return families(self.readings)


def test_readings_are_written_as_prometheus_reads_them():
    latencies = Latencies([3, 1] + [0] * (len(BUCKETS_S) - 2) + [2], 5_000_000_000)
    readings = {
        "difpeer_build_info": {("p0", "0.1", "3.11", "1.85"): 1},
        "difpeer_bytes_total": {("p1", "sent", "payload"): 2**53 - 1},
        "difpeer_round_latency_seconds": {("descent",): latencies},
        "difpeer_link_up": {("p1",): 1.0},
    }
    registry = CollectorRegistry()
    registry.register(Once(readings))
    text = generate_latest(registry).decode()
    found = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    about = {"peer": "p0", "version": "0.1", "python": "3.11", "grpcio": "1.85"}
    assert found["difpeer_build_info", tuple(sorted(about.items()))] == 1
    sent = (("direction", "sent"), ("level", "payload"), ("neighbour", "p1"))
    assert found["difpeer_bytes_total", sent] == 2**53 - 1
    assert found["difpeer_link_up", (("neighbour", "p1"),)] == 1
    name, label = "difpeer_round_latency_seconds", ("label", "descent")
    assert found[f"{name}_sum", (label,)] == 5
    assert found[f"{name}_count", (label,)] == 6
    bounds = {
        dict(labels)["le"]: value for (each, labels), value in found.items() if each == f"{name}_bucket"
    }
    assert len(bounds) == len(BUCKETS_S) + 1
    assert (bounds["0.0001"], bounds["0.00025"], bounds["10"], bounds["+Inf"]) == (3, 4, 4, 6)
