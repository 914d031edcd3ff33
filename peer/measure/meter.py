"""Counts what goes into the ledger, for a peer whose numbers are asked for while it runs.

Only such a peer has a meter: it counts in its recorders, in the loop, one addition for each number. All figures count
from the start of the process; those of TCP are from the last reading of its counters, at an agreement's end.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from peer.measure.latency import RoundTimes
from peer.measure.recorder import Direction, Recorder, Row
from peer.measure.tcp_info import SocketSample

__all__ = ["BUCKETS_S", "Meter", "Tcp"]

BUCKETS_S = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the latencies that are counted together, in seconds; what is above them all is counted, too."""

_BUCKETS_NS = tuple(int(bound * 1e9) for bound in BUCKETS_S)

MOST_LABELS = 24
"""Purposes of rounds that are told apart: an algorithm may make up one for every round."""

OTHER = "other"


@dataclass(slots=True)
class Latencies:
    """Latencies of rounds: ``counts`` by bucket, the last for those above all bounds, and their sum."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    sum_ns: int = 0


@dataclass(slots=True)
class Tcp:
    """What TCP carried to and from a neighbour, over all connections that could be read."""

    sent: int = 0
    received: int = 0
    wire_sent: int = 0
    wire_received: int = 0
    retransmitted: int = 0
    rtt_us: int | None = None
    min_rtt_us: int | None = None
    last: dict[int, SocketSample] = field(default_factory=dict)

    def add(self, connection: int, sample: SocketSample) -> None:
        """Add what a connection's counters have grown by since they were last read."""
        if sample.bytes_sent is None:
            return
        before = self.last.get(connection)
        self.last[connection] = sample
        if len(self.last) > 2:  # the one before may still bring its last reading
            del self.last[min(self.last)]
        sent, received, wire_sent, wire_received, again = (
            new - old for new, old in zip(_carried(sample), _carried(before), strict=True)
        )
        self.sent += sent
        self.received += received
        self.wire_sent += wire_sent
        self.wire_received += wire_received
        self.retransmitted += again
        self.rtt_us, self.min_rtt_us = sample.rtt_us, sample.min_rtt_us


def _carried(sample: SocketSample | None) -> tuple[int, int, int, int, int]:
    if sample is None:
        return (0, 0, 0, 0, 0)
    sent, received, again = sample.bytes_sent or 0, sample.bytes_received or 0, sample.bytes_retrans or 0
    headers = sample.header_bytes
    return (
        sent - again,
        received,
        sent + (sample.segs_out or 0) * headers,
        received + (sample.segs_in or 0) * headers,
        again,
    )


class Meter:
    """What a peer has counted since its start.

    Attributes
    ----------
    values : mapping of (str, str) to list of int
        Payload and message bytes of values by neighbour and direction; a value that is sent counts once.
    resent : mapping of str to int
        Bytes of messages that were sent beside that: values again, and confirmations.
    latencies : mapping of str to Latencies
        By the rounds' purpose.
    waited_for : mapping of str to list of int
        Rounds in which a neighbour came last and was waited for, and the waiting, in ns.
    tcp : mapping of str to Tcp
        By neighbour.
    """

    def __init__(self) -> None:
        self.values: dict[tuple[str, Direction], list[int]] = defaultdict(lambda: [0, 0])
        self.resent: dict[str, int] = defaultdict(int)
        self.latencies: dict[str, Latencies] = {}
        self.waited_for: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.tcp: dict[str, Tcp] = defaultdict(Tcp)

    def recorder(self, pending: Mapping[str, list[Row]], peer: str, run: str, incarnation: int) -> Recorder:
        """Return a recorder, as the ledger makes it, whose rows are counted here.

        Parameters
        ----------
        pending : mapping of str to list
            The ledger's lists of rows, by table.
        peer, run : str
            Whose rows.
        incarnation : int
            Restart count of the peer.

        Returns
        -------
        Recorder
            For a ledger.
        """
        return _Metered(self, pending, peer, run, incarnation)

    def round_over(self, label: str, times: RoundTimes) -> None:
        """Count a round."""
        latencies = self.latencies.get(label)
        if latencies is None:
            name = label if len(self.latencies) < MOST_LABELS else OTHER
            latencies = self.latencies.setdefault(name, Latencies())
        latencies.counts[bisect_left(_BUCKETS_NS, times.latency_ns)] += 1
        latencies.sum_ns += times.latency_ns
        if times.gated_by is not None and times.wait_ns:
            waited = self.waited_for[times.gated_by]
            waited[0] += 1
            waited[1] += times.wait_ns


class _Metered(Recorder):
    """A recorder that counts what it records."""

    __slots__ = ("_meter",)

    def __init__(
        self, meter: Meter, pending: Mapping[str, list[Row]], peer: str, run: str, incarnation: int
    ) -> None:
        super().__init__(pending, peer, run, incarnation)
        self._meter = meter

    def round(
        self,
        number: int,
        label: str,
        iteration: int | None,
        started_ns: int | None,
        times: RoundTimes | None,
        disagreement: float | None = None,
    ) -> None:
        super().round(number, label, iteration, started_ns, times, disagreement)
        if times is not None:
            self._meter.round_over(label, times)

    def message(
        self,
        direction: Direction,
        neighbour: str,
        payload_bytes: int,
        message_bytes: int | None,
        at_ns: int | None,
        **about: Any,  # noqa: ANN401 - passed on as they are
    ) -> None:
        super().message(direction, neighbour, payload_bytes, message_bytes, at_ns, **about)
        kind = about.get("kind", "value")
        if kind == "value" and not about.get("resent", False):
            sizes = self._meter.values[neighbour, direction]
            sizes[0] += payload_bytes
            sizes[1] += message_bytes or 0
        elif kind != "control" and direction == "sent":
            self._meter.resent[neighbour] += message_bytes or 0

    def socket(
        self, neighbour: str, connection: int, round_number: int | None, at_ns: int, sample: SocketSample
    ) -> None:
        super().socket(neighbour, connection, round_number, at_ns, sample)
        self._meter.tcp[neighbour].add(connection, sample)
