"""Runs made by hand of which everything is known: true times, delays and clocks; and their ledgers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from peer.measure.latency import round_times
from peer.measure.ledger import Ledger
from peer.measure.recorder import Recorder

MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RUN = "20260301-120000-abcdef"


@dataclass(frozen=True)
class Clock:
    """What a machine's clock shows at a true time."""

    offset_ns: int = 0
    skew_ppm: float = 0.0

    def at(self, true_ns: int) -> int:
        return true_ns + self.offset_ns + round(true_ns * self.skew_ppm / 1e6)


@dataclass
class Timed:
    """What truly happened: moments of rounds and messages in true nanoseconds."""

    neighbours: Mapping[str, tuple[str, ...]]
    clocks: Mapping[str, Clock]
    rounds: dict[tuple[str, int], tuple[int, ...]] = field(default_factory=dict)
    sent: dict[tuple[str, str, int], int] = field(default_factory=dict)
    arrived: dict[tuple[str, str, int], int] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.neighbours)


def play(
    neighbours: Mapping[str, tuple[str, ...]],
    rounds: int,
    *,
    adapt: Callable[[str, int], int],
    delay: Callable[[str, str, int], int],
    clocks: Mapping[str, Clock] | None = None,
    small: Callable[[], int] = lambda: 1000,
) -> Timed:
    """Play the rounds of a network: adapt, encode, send to one neighbour after the other, wait for all, decode."""
    timed = Timed(neighbours, clocks or dict.fromkeys(neighbours, Clock()))
    now = {name: 1_000_000 + small() for name in neighbours}
    for number in range(rounds):
        moments = {}
        for name, others in neighbours.items():
            begun = now[name] + small()
            requested = begun + adapt(name, number)
            handed = encoded = requested + small()
            for other in others:
                handed += small()
                timed.sent[name, other, number] = handed
                timed.arrived[name, other, number] = handed + delay(name, other, number)
            moments[name] = (begun, requested, encoded, handed)
        for name, others in neighbours.items():
            last = max((timed.arrived[other, name, number] for other in others), default=0)
            now[name] = max(moments[name][3], last) + small()
            timed.rounds[name, number] = (*moments[name], now[name])
    return timed


def write_timed(timed: Timed, path: Path) -> Path:
    """Write the ledger of a played run."""
    ledger = Ledger(path)
    for name in timed.names:
        record(timed, name, ledger.recorder(name, RUN, 1))
    ledger.close()
    return path


def record(timed: Timed, name: str, recorder: Recorder) -> None:
    """Add the rows of one peer."""
    clock = timed.clocks[name]
    first = timed.rounds[name, 0][0]
    recorder.event(clock.at(first), MOMENT + timedelta(microseconds=first // 1000), "link-up", "link is up")
    number = 0
    while (name, number) in timed.rounds:
        record_round(timed, name, number, recorder)
        number += 1


def record_round(
    timed: Timed,
    name: str,
    number: int,
    recorder: Recorder,
    label: str = "descent",
    iteration: int | None = 1,
    disagreement: float | None = None,
) -> int:
    """Add the rows of one peer's round; returns when it was over, on the peer's clock."""
    clock = timed.clocks[name]
    begun, requested, encoded, sent, delivered = (clock.at(ns) for ns in timed.rounds[name, number])
    others = timed.neighbours[name]
    arrivals = {other: clock.at(timed.arrived[other, name, number]) for other in others}
    times = round_times(
        adapt_ns=requested - begun,
        requested_ns=requested,
        encoded_ns=encoded,
        sent_ns=sent,
        arrivals=arrivals,
        delivered_ns=delivered,
    )
    recorder.round(number, label, iteration, requested, times, disagreement)
    for other in others:
        at_ns = clock.at(timed.sent[name, other, number])
        recorder.message("sent", other, 80, 100, at_ns, round_number=number, seq=number)
        recorder.message("received", other, 80, 100, arrivals[other], round_number=number, seq=number)
    return delivered
