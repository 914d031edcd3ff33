"""A small run's books, written by hand: two peers, two rounds, one of p0's messages sent again."""

from datetime import UTC, datetime
from pathlib import Path

from peer.measure.interfaces import InterfaceSample
from peer.measure.latency import round_times
from peer.measure.ledger import Ledger
from peer.measure.recorder import Recorder
from peer.measure.tcp_info import SocketSample, opened

RUN = "r1"
MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATENCIES = {"p0": (1_000_000, 3_000_000), "p1": (2_000_000, 10_000_000)}
DISTANCES = {"p0": (0.5, 0.25), "p1": (0.75, 0.125)}


def counters(sent: int, received: int, retrans: int = 0, segments: int = 10) -> SocketSample:
    return SocketSample(sent, received, sent, retrans, segments, segments, 90, 40, 0, 66)


def add_round(recorder: Recorder, number: int, neighbour: str, latency_ns: int) -> None:
    times = round_times(
        adapt_ns=7,
        requested_ns=100,
        encoded_ns=110,
        sent_ns=130,
        arrivals={neighbour: 150},
        delivered_ns=100 + latency_ns,
    )
    recorder.round(number, "descent", 1, 100, times)


def add_values(recorder: Recorder, number: int, neighbour: str, payload_bytes: int = 40) -> None:
    for direction in ("sent", "received"):
        recorder.message(
            direction, neighbour, payload_bytes, payload_bytes + 20, 140, round_number=number, seq=number
        )


def write_books(folder: Path, peer: str, run: str = RUN) -> Ledger:
    """The ledger of ``peer``, open, with everything flushed."""
    neighbour = {"p0": "p1", "p1": "p0"}[peer]
    ledger = Ledger(folder / f"{peer}.sqlite")
    recorder = ledger.recorder(peer, run, 1)
    recorder.socket(neighbour, 0, None, 90, counters(1000, 1000))
    recorder.message("sent", neighbour, 0, 33, 95, kind="control")
    for number, latency_ns in enumerate(LATENCIES[peer]):
        add_values(recorder, number, neighbour)
        add_round(recorder, number, neighbour, latency_ns)
    recorder.socket(neighbour, 0, 1, 900, counters(1200, 1150, segments=14))
    recorder.interface("eth0", 1, 901, InterfaceSample(2000, 1900, 20, 19))
    recorder.account("control", 902, 3, 500, 60)
    if peer == "p0":
        recorder.event(905, MOMENT, "link-down", "p1 closed the connection")
        recorder.socket(neighbour, 1, 1, 910, opened())
        recorder.message("sent", neighbour, 40, 60, 920, round_number=1, seq=1, resent=True)
        recorder.message("sent", neighbour, 0, 25, 921, kind="confirm", round_number=0, seq=0)
        recorder.socket(neighbour, 1, 1, 930, counters(500, 300, retrans=30, segments=5))
    for iteration, distance in enumerate(DISTANCES[peer]):
        recorder.iteration(iteration, 940, {"subspace_distance": distance, "moved": 0.5})
    ledger.flush()
    return ledger
