"""Run folders made by hand: three peers in a row, with times by chance, one value sent again, hostile texts."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from peer.measure.ledger import Ledger
from peer.measure.recorder import Recorder
from peer.measure.run_folder import write_run_folder
from peer.measure.summary import summarize
from peer.measure.tcp_info import SocketSample, opened
from peer.registry import parse_spec
from tests.support.ledgers import joint_figures
from tests.support.timed import Clock, Timed, play, record_round
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


def write_folder(
    folder: Path,
    *,
    metrics: tuple[str, ...] = ("subspace_distance", "moved"),
    changes: Mapping[str, Any] | None = None,
    sockets: bool = True,
    lost: tuple[str, ...] = (),
) -> Path:
    """A run's folder with everything in it, but for the ledgers of the ``lost``; ``changes`` go into its summary."""
    books = folder.parent / f"{folder.name}-books"
    books.mkdir(parents=True)
    timed = play_folder()
    ledgers = [_write_ledger(books, peer, timed, metrics, sockets) for peer in NEIGHBOURS if peer not in lost]
    results = {peer: {"U": np.linalg.qr(np.arange(10.0).reshape(5, 2) + 1)[0]} for peer in NEIGHBOURS}
    summary = summarize(
        run_id=RUN,
        driver="network",
        spec=SPEC,
        network=NETWORK,
        figures=joint_figures(ledgers),
        bases={peer: arrays["U"] for peer, arrays in results.items()},
        schedule=[("init", INIT, 80), ("descent", ITERATIONS * AGREEMENT, 80)],
        versions={"difpeer": "0.1.0", "numpy": HOSTILE},
        wall_s=12.5,
        missing_ledgers={peer: f"the ledger of {peer} is damaged" for peer in lost},
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


def _write_ledger(books: Path, peer: str, timed: Timed, metrics: tuple[str, ...], sockets: bool) -> Path:
    rng = np.random.default_rng(ord(peer))
    ledger = Ledger(books / f"{peer}.sqlite")
    recorder = ledger.recorder(peer, RUN, 1)
    now = timed.clocks[peer].at(timed.rounds[peer, 0][0])
    sent = dict.fromkeys(NEIGHBOURS[peer], 5000)
    recorder.event(now, MOMENT, "link-up", f"link to {NEIGHBOURS[peer][0]} is up")
    for neighbour in sent:
        _sample(recorder, neighbour, None, now, sent[neighbour] if sockets else None)
    for number in range(ROUNDS):
        iteration = None if number < INIT else 1 + (number - INIT) // AGREEMENT
        label = "init" if iteration is None else "descent"
        last = (INIT if iteration is None else AGREEMENT) - 1
        place = _place(number)
        apart = 2.0**-place * rng.uniform(0.9, 1.0) if place in (0, last) else None
        now = record_round(timed, peer, number, recorder, label, iteration, apart)
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


def play_folder() -> Timed:
    """The times that every folder has: by chance, and every machine has a clock of its own."""
    rng = np.random.default_rng(5)

    def length(*_: object) -> int:
        return int(rng.integers(10**4, 10**6))

    def adapt(_: str, number: int) -> int:
        return length() * (
            _place(number) == 0
        )  # only the first round of an agreement comes after a long segment

    clocks = {peer: Clock(length() * 1000) for peer in NEIGHBOURS}
    return play(NEIGHBOURS, ROUNDS, adapt=adapt, delay=length, clocks=clocks, small=length)


def _place(number: int) -> int:
    """Of a round in its agreement."""
    return number if number < INIT else (number - INIT) % AGREEMENT


def _sample(recorder: Recorder, neighbour: str, number: int | None, now: int, sent: int | None) -> None:
    recorder.socket(neighbour, 1, number, now, _counters(sent))


def _counters(sent: int | None) -> SocketSample:
    if sent is None:
        return SocketSample(None, None, None, None, None, None, None, None, 0, 66)
    return SocketSample(sent, sent, sent, 0, sent // 100, sent // 100, 90, 40, 0, 66)
