"""The metrics of a peer, and how Prometheus gets them. Only a peer with ``--metrics`` loads this module."""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Literal, NamedTuple

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.core import Metric as Family

from peer.measure.meter import BUCKETS_S, Latencies

__all__ = ["METRICS", "Metric", "Readings", "families"]

Readings = Mapping[str, Mapping[tuple[str, ...], float | Latencies]]
"""Numbers by the metric's name and the values of its labels."""


class Metric(NamedTuple):
    """A metric: its name, kind, labels and meaning."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "info"]
    labels: tuple[str, ...]
    meaning: str


_TRAFFIC = ("neighbour", "direction", "level")

# No label has a value for every round, run or request: their number is bounded by the network.
METRICS = (
    Metric("difpeer_build_info", "info", ("peer", "version", "python", "grpcio"), "What serves here."),
    Metric("difpeer_incarnation", "gauge", (), "How often the peer has been started."),
    Metric("difpeer_run_state", "gauge", ("state",), "1 for the state of the newest run, 0 for others."),
    Metric("difpeer_run_round", "gauge", (), "Round that the newest run is in, from 0."),
    Metric("difpeer_run_iteration", "gauge", (), "Last iteration that is over in the newest run."),
    Metric("difpeer_checkpoints_total", "counter", (), "Checkpoints written to disk."),
    Metric(
        "difpeer_link_up", "gauge", ("neighbour",), "1 where both ends of a link have said Hello, else 0."
    ),
    Metric(
        "difpeer_bytes_total",
        "counter",
        _TRAFFIC,
        "Bytes on data connections. Levels: payload and message, of values, each counted once; socket, all that TCP "
        "carried; wire, an estimate with headers.",
    ),
    Metric(
        "difpeer_resent_bytes_total",
        "counter",
        ("neighbour",),
        "Messages sent after a lost connection, values again and digests; not in the levels payload and message.",
    ),
    Metric(
        "difpeer_retransmitted_bytes_total",
        "counter",
        ("neighbour",),
        "Bytes that TCP sent again; in the level wire, not in socket.",
    ),
    Metric("difpeer_rtt_seconds", "gauge", ("neighbour",), "TCP's smoothed round-trip time."),
    Metric("difpeer_min_rtt_seconds", "gauge", ("neighbour",), "TCP's least round-trip time."),
    Metric(
        "difpeer_round_latency_seconds",
        "histogram",
        ("label",),
        "From the program's request to its reply, by what the round was for.",
    ),
    Metric(
        "difpeer_gated_rounds_total",
        "counter",
        ("neighbour",),
        "Rounds in which this neighbour came last and was waited for.",
    ),
    Metric(
        "difpeer_gated_wait_seconds_total", "counter", ("neighbour",), "How long it was waited for in them."
    ),
    Metric(
        "difpeer_requests_total",
        "counter",
        ("account",),
        "Requests of operators and of other peers for them, control or telemetry.",
    ),
    Metric(
        "difpeer_request_bytes_total",
        "counter",
        ("account", "direction"),
        "Bytes of these requests (received) and of their replies (sent).",
    ),
)
"""In the order of the page."""


def families(readings: Readings) -> Iterator[Family]:
    """Put readings into the form that prometheus_client writes.

    Parameters
    ----------
    readings : mapping
        Of a peer; what it does not have is left out.

    Yields
    ------
    prometheus_client.Metric
        One for each of `METRICS`, in their order; without samples where there is no reading.
    """
    for metric in METRICS:
        yield _family(metric, readings.get(metric.name, {}))


def _family(metric: Metric, samples: Mapping[tuple[str, ...], float | Latencies]) -> Family:
    """The client's own classes add the endings ``_total`` and ``_info`` themselves."""
    name, kind, labels, meaning = metric
    match kind:
        case "info":
            info = InfoMetricFamily(name.removesuffix("_info"), meaning)
            for values in samples:
                info.add_metric([], dict(zip(labels, values, strict=True)))
            return info
        case "histogram":
            histogram = HistogramMetricFamily(name, meaning, labels=labels)
            for values, latencies in samples.items():
                assert isinstance(latencies, Latencies)
                bounds = [*(f"{bound:g}" for bound in BUCKETS_S), "+Inf"]
                upto = list(zip(bounds, accumulate(latencies.counts), strict=True))
                histogram.add_metric(values, upto, latencies.sum_ns / 1e9)
            return histogram
    plain = (CounterMetricFamily if kind == "counter" else GaugeMetricFamily)(name, meaning, labels=labels)
    for values, value in samples.items():
        assert not isinstance(value, Latencies)
        plain.add_metric(values, value)
    return plain
