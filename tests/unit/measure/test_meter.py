"""A metered ledger has the same rows, and counts what it records."""

from contextlib import closing

import pytest

from peer.measure.latency import round_times
from peer.measure.ledger import Ledger
from peer.measure.meter import BUCKETS_S, MOST_LABELS, OTHER, Meter
from peer.measure.schema import TABLES, open_ledger
from peer.measure.tcp_info import SocketSample, opened


def times(latency_ns, wait_ns=0, gated_by="p1"):
    arrivals = {gated_by: wait_ns} if gated_by else {}
    return round_times(
        adapt_ns=5, requested_ns=0, encoded_ns=0, sent_ns=0, arrivals=arrivals, delivered_ns=latency_ns
    )


def sample(sent, received=0, again=0, segments=0, rtt_us=90):
    return SocketSample(sent, received, sent, again, segments, segments, rtt_us, 40, 0, 66)


@pytest.fixture
def meter():
    return Meter()


@pytest.fixture
def recorder(meter, tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite", meter.recorder)
    yield ledger.recorder("p0", "run", 1)
    ledger.close()


def test_its_rows_are_those_of_any_ledger(tmp_path):
    for name, ledger in (
        ("plain", Ledger(tmp_path / "plain.sqlite")),
        ("metered", Ledger(tmp_path / "metered.sqlite", Meter().recorder)),
    ):
        recorder = ledger.recorder("p0", "run", 1)
        recorder.round(3, "descent", 1, 10, times(100, 50), 0.5)
        recorder.message("sent", "p1", 80, 100, 7, round_number=3, seq=3, resent=True)
        recorder.message("received", "p1", 0, 30, 7, kind="confirm", round_number=3, seq=3)
        recorder.socket("p1", 1, 3, 7, sample(100))
        recorder.account("telemetry", 9, 2, 300, 20)
        ledger.close()
        assert name in str(ledger.path)
    with closing(open_ledger(tmp_path / "plain.sqlite")) as a, closing(open_ledger(ledger.path)) as b:
        for table in TABLES:
            query = f"SELECT * FROM {table}"
            assert a.execute(query).fetchall() == b.execute(query).fetchall()


def test_values_count_once_and_what_is_sent_again_apart(meter, recorder):
    for seq in range(3):
        recorder.message("sent", "p1", 80, 100, 7, round_number=seq, seq=seq)
    recorder.message("sent", "p1", 80, 101, 7, round_number=2, seq=2, resent=True)
    recorder.message("sent", "p1", 0, 30, 7, kind="confirm", round_number=2, seq=2)
    recorder.message("sent", "p1", 0, 900, 7, kind="control")
    recorder.message("received", "p1", 40, 60, 7, round_number=0, seq=0)
    assert meter.values == {("p1", "sent"): [240, 300], ("p1", "received"): [40, 60]}
    assert meter.resent == {"p1": 131}


def test_latencies_fall_into_buckets(meter, recorder):
    for latency_ns in (1, 100_000, 100_001, 3_000_000_000, 20_000_000_000):
        recorder.round(0, "descent", 1, 0, times(latency_ns))
    found = meter.latencies["descent"]
    by_bound = dict(zip((*BUCKETS_S, None), found.counts, strict=True))
    assert {bound: count for bound, count in by_bound.items() if count} == {
        1e-4: 2,
        2.5e-4: 1,
        10.0: 1,
        None: 1,
    }
    assert found.sum_ns == 23_000_200_002


def test_who_was_waited_for(meter, recorder):
    recorder.round(0, "descent", 1, 0, times(100, 60, "p1"))
    recorder.round(1, "descent", 1, 0, times(100, 0, "p2"))
    recorder.round(2, "descent", 1, 0, times(100, 0, None))
    assert meter.waited_for == {"p1": [1, 60]}


def test_purposes_are_bounded(meter, recorder):
    for number in range(100):
        recorder.round(number, f"made-up-{number}", 1, 0, times(100))
    assert len(meter.latencies) == MOST_LABELS + 1
    assert sum(meter.latencies[OTHER].counts) == 100 - MOST_LABELS


def test_tcp_is_summed_over_connections(meter, recorder):
    for connection, reading in (
        (1, opened()),
        (1, sample(1000, 500, again=100, segments=10)),
        (2, opened()),
        (1, sample(1500, 600, again=100, segments=12)),  # its last reading, after the next one opened
        (2, sample(300, 200, segments=3, rtt_us=70)),
        (2, SocketSample(None, None, None, None, None, None, None, None, 0, 66)),
        (3, sample(10, 10, segments=1, rtt_us=50)),
        (4, sample(10, 10, segments=1, rtt_us=60)),
    ):
        recorder.socket("p1", connection, None, 0, reading)
    tcp = meter.tcp["p1"]
    assert (tcp.sent, tcp.received, tcp.retransmitted) == (1500 - 100 + 300 + 20, 600 + 200 + 20, 100)
    assert tcp.wire_sent == 1500 + 300 + 20 + 66 * (12 + 3 + 2)
    assert (tcp.rtt_us, tcp.min_rtt_us) == (60, 40)
    assert len(tcp.last) == 2
