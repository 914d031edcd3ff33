"""Run folders made by hand: three peers in a row, with times by chance, one value sent again, hostile texts."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from peer.measure.figures import ledger_figures
from peer.measure.latency import round_times
from peer.measure.ledger import Ledger
from peer.measure.recorder import Recorder
from peer.measure.run_folder import write_run_folder
from peer.measure.summary import summarize
from peer.measure.tcp_info import SocketSample, opened
from peer.registry import parse_spec
from topology.network import Network

RUN = "20260301-120000-abcdef"
MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOSTILE = "</script><script>alert('x')</script> & <b>bold</b>"
NEIGHBOURS = {"a": ("b",), "b": ("a", "c"), "c": ("b",)}
NETWORK = Network.model_validate(
    {
        "name": f"lab {HOSTILE}"[:64],
        "peers": {name: {} for name in NEIGHBOURS},
        "edges": [{"first": "a", "second": "b"}, {"first": "b", "second": "c"}],
    }
)
SPEC = parse_spec({"algorithm": "dif-altgdmin", "rank": 2, "iterations": 30, "agreement": {"rounds": 8}})
INIT, ITERATIONS, AGREEMENT = 13, 30, 8
ROUNDS = INIT + ITERATIONS * AGREEMENT
SECOND = 10**9


def write_folder(
    folder: Path,
    *,
    metrics: tuple[str, ...] = ("subspace_distance", "moved"),
    changes: Mapping[str, Any] | None = None,
    sockets: bool = True,
) -> Path:
    """A run's folder with everything in it; ``changes`` go into its summary."""
    books = folder.parent / f"{folder.name}-books"
    books.mkdir(parents=True)
    ledgers = [_write_ledger(books, peer, metrics, sockets) for peer in NEIGHBOURS]
    results = {peer: {"U": np.linalg.qr(np.arange(10.0).reshape(5, 2) + 1)[0]} for peer in NEIGHBOURS}
    summary = summarize(
        run_id=RUN,
        driver="processes",
        spec=SPEC,
        network=NETWORK,
        figures=ledger_figures(ledgers),
        bases={peer: arrays["U"] for peer, arrays in results.items()},
        schedule=[("init", INIT, 80), ("descent", ITERATIONS * AGREEMENT, 80)],
        versions={"difpeer": "0.1.0", "numpy": HOSTILE},
        wall_s=12.5,
        matches_simulation=True,
        profile={"blas": "OpenBLAS"},
        command="difpeer demo --peers 3",
    )
    write_run_folder(
        folder,
        summary={**summary, **(changes or {})},
        spec=SPEC,
        network=NETWORK,
        results=results,
        ledgers=ledgers,
    )
    return folder


def _write_ledger(books: Path, peer: str, metrics: tuple[str, ...], sockets: bool) -> Path:
    rng = np.random.default_rng(ord(peer))
    ledger = Ledger(books / f"{peer}.sqlite")
    recorder = ledger.recorder(peer, RUN, 1)
    now = int(rng.integers(SECOND))  # every machine has a clock of its own
    sent = dict.fromkeys(NEIGHBOURS[peer], 5000)
    recorder.event(now, MOMENT, "link-up", f"link to {NEIGHBOURS[peer][0]} is up")
    for neighbour in sent:
        _sample(recorder, neighbour, None, now, sent[neighbour] if sockets else None)
    for number in range(ROUNDS):
        iteration = None if number < INIT else 1 + (number - INIT) // AGREEMENT
        now = _round(recorder, rng, peer, number, iteration, now)
        for neighbour in sent:
            sent[neighbour] += 130
        if number >= INIT - 1 and (number - INIT + 1) % AGREEMENT == 0:
            done = 0 if iteration is None else iteration
            recorder.iteration(done, now, {name: 0.5**done * rng.uniform(0.8, 1) for name in metrics})
            for neighbour in sent:
                _sample(recorder, neighbour, number, now, sent[neighbour] if sockets else None)
    if peer == "b":
        recorder.message("sent", "a", 80, 100, now, round_number=ROUNDS - 1, seq=ROUNDS - 1, resent=True)
        recorder.event(now, MOMENT + timedelta(seconds=2), "link-down", HOSTILE)
        recorder.event(now, MOMENT + timedelta(seconds=3), "link-up", "link to a is up again")
        recorder.socket("a", 2, ROUNDS - 1, now, opened())
        recorder.socket("a", 2, ROUNDS - 1, now, _counters(170) if sockets else _counters(None))
    ledger.close()
    return ledger.path


def _round(
    recorder: Recorder, rng: np.random.Generator, peer: str, number: int, iteration: int | None, now: int
) -> int:
    adapt, encode, send, wait, decode = (int(ns) for ns in rng.integers(10**4, 10**6, 5))
    encoded, handed = now + encode, now + encode + send
    arrivals = {neighbour: handed + wait - i * 1000 for i, neighbour in enumerate(NEIGHBOURS[peer])}
    times = round_times(
        adapt_ns=adapt,
        requested_ns=now,
        encoded_ns=encoded,
        sent_ns=handed,
        arrivals=arrivals,
        delivered_ns=handed + wait + decode,
    )
    recorder.round(number, "init" if iteration is None else "descent", iteration, now, times)
    for neighbour in NEIGHBOURS[peer]:
        for direction in ("sent", "received"):
            recorder.message(direction, neighbour, 80, 100, handed, round_number=number, seq=number)
    return now + times.latency_ns


def _sample(recorder: Recorder, neighbour: str, number: int | None, now: int, sent: int | None) -> None:
    recorder.socket(neighbour, 1, number, now, _counters(sent))


def _counters(sent: int | None) -> SocketSample:
    if sent is None:
        return SocketSample(None, None, None, None, None, None, None, None, 0, 66)
    return SocketSample(sent, sent, sent, 0, sent // 100, sent // 100, 90, 40, 0, 66)
