"""A driver with a real interpreter; its peer is the test."""

import asyncio
import threading
from time import monotonic_ns

import numpy as np
import pytest

from peer.config import RunFailed
from peer.measure.ledger import Ledger
from peer.program import Broadcast, Checkpoint, FloodMax, Neighbours, Progress, Scatter
from peer.protocol.events import CheckpointRequested, ProgramFailed, RoundRequested
from peer.protocol.interpreter import Interpreter
from peer.protocol.payload import Tensor
from peer.runtime import driver as module
from peer.runtime.driver import Driver
from peer.runtime.worker import Worker
from tests.support.problems import network_of

PAIR = network_of([("p0", "p1")])


class Peer:
    """Takes what a driver tells."""

    def __init__(self):
        self.events = asyncio.Queue()
        self.agreements = 0
        self.progress = 0

    def feed(self, event):
        self.events.put_nowait(event)

    def progressed(self, driver):
        self.progress += 1

    def agreed(self, driver):
        self.agreements += 1

    async def next(self):
        return await asyncio.wait_for(self.events.get(), 10)


class Bench:
    """One driver of one program at p0."""

    def __init__(self, program, ledger, *, truth=None, gate=None):
        self.peer = Peer()
        self.worker = Worker("programs")
        self.ledger = ledger
        self.made = 0

        def start():
            if gate is not None:
                gate.wait(10)
            self.made += 1
            neighbours = Neighbours.of_peer(PAIR, "p0")
            return Interpreter(lambda neighbours, state: program(), neighbours, "p0", 1, {})

        self.driver = Driver(
            "a",
            "p0",
            start,
            number=0,
            events=self.peer,
            recorder=ledger.recorder("p0", "a", 1),
            worker=self.worker,
            truth=truth,
        )

    def rows(self, table):
        return self.ledger.take().rows[table]

    async def settled(self):
        """The worker has done what it had, and the loop has heard of it."""
        await self.worker.run(lambda: None)


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    yield ledger
    ledger.close()


def values(*numbers):
    return {"p1": (Tensor("<f8", (len(numbers),), np.array(numbers).tobytes()),)}


def averaging(threads):
    """Two light rounds, then a heavy one."""
    x = np.array([[1.0, 2.0]])
    for light in (True, True, False):
        x = (yield from Broadcast(x, "mix", light=light)).combine(x)
        threads.append(threading.current_thread().name)
    yield from Progress(1, {"norm": np.array([7.0])}, {"U": np.array([[[1.0], [0.0]]])})
    yield from Checkpoint({"x": x})
    return {"U": x}


async def test_short_segments_run_in_place_and_long_ones_in_the_worker(ledger):
    threads = []
    bench = Bench(lambda: averaging(threads), ledger, truth=np.array([[0.0], [1.0]]))
    driver, peer = bench.driver, bench.peer
    driver.proceed()
    for number in range(3):
        event = await peer.next()
        assert isinstance(event, RoundRequested)
        assert (event.run, event.label, event.expected) == ("a", "mix", frozenset({"p1"}))
        driver.arrived("p1", number, driver.sent_ns + 5)
        driver.deliver(number, values(3.0, 4.0))
    event = await peer.next()
    assert isinstance(event, CheckpointRequested)
    assert not event.final
    assert (peer.agreements, peer.progress) == (1, 1)
    driver.checkpoint_taken()
    event = await peer.next()
    assert isinstance(event, CheckpointRequested)
    assert event.final
    assert [name == "programs" for name in threads] == [False, False, True]
    rounds = bench.rows("rounds")
    assert [(row[3], row[4], row[5]) for row in rounds] == [
        (0, "mix", None),
        (1, "mix", None),
        (2, "mix", None),
    ]
    # Only the first round follows a long segment.
    assert rounds[0][12] > 0
    assert [row[12] for row in rounds[1:]] == [0, 0]
    assert driver.metrics == {"norm": 7.0, "subspace_distance": 1.0}
    assert driver.iteration == 1
    bench.worker.close(5)


def checkpoints_in_a_row(computed):
    """Two checkpoints with nothing between them, and then rounds."""
    x = np.array([[1.0, 2.0]])
    for step in range(2):
        computed.append(step)
        yield from Checkpoint({"step": step})
    computed.append("ahead")
    yield from Broadcast(x, "mix")


async def test_after_a_checkpoint_the_worker_goes_on_and_the_round_waits(ledger):
    computed = []
    bench = Bench(lambda: checkpoints_in_a_row(computed), ledger)
    driver, peer = bench.driver, bench.peer
    driver.proceed()
    first = await peer.next()
    await bench.settled()
    assert computed == [0, 1], "it goes on after a checkpoint, and stops at the next one"
    assert first.state == {"step": 0}
    assert peer.events.empty(), "one checkpoint is asked for at a time"
    driver.checkpoint_taken()
    second = await peer.next()
    assert second.state == {"step": 1}
    driver.checkpoint_taken()
    asked = await peer.next()
    assert isinstance(asked, RoundRequested)
    assert computed == [0, 1, "ahead"]
    bench.worker.close(5)


async def test_a_run_that_ends_while_it_waits_for_the_disk_leaves_nothing(ledger):
    computed = []
    bench = Bench(lambda: checkpoints_in_a_row(computed), ledger)
    driver, peer = bench.driver, bench.peer
    driver.proceed()
    await peer.next()
    driver.stop()
    await bench.settled()
    driver.checkpoint_taken()
    await bench.settled()
    assert peer.events.empty()
    assert (driver._held, driver._interpreter) == (None, None)
    bench.worker.close(5)


async def test_a_wait_for_the_disk_is_none_of_the_rounds_times(ledger):
    def program():
        yield from Checkpoint({"step": 0})
        yield from Broadcast(np.array([[1.0]]), "mix")

    bench = Bench(program, ledger)
    driver, peer = bench.driver, bench.peer
    driver.proceed()
    await peer.next()
    await bench.settled()
    taken_ns = monotonic_ns()
    driver.checkpoint_taken()
    assert isinstance(await peer.next(), RoundRequested)
    assert driver.sent_ns >= taken_ns
    bench.worker.close(5)


async def test_what_arrives_for_a_later_round_is_kept_and_for_an_earlier_is_not(ledger):
    bench = Bench(lambda: averaging([]), ledger)
    driver = bench.driver
    driver.proceed()
    await bench.peer.next()
    driver.arrived("p1", 1, 111)
    driver.arrived("p1", 0, 100)
    driver.arrived("p1", 0, 105)  # the same again
    driver.deliver(0, values(3.0, 4.0))
    driver.arrived("p1", 0, 110)  # again, too late
    driver.deliver(1, values(3.0, 4.0))
    assert driver._arrivals == {}
    assert [row[13] for row in bench.rows("rounds")] == ["p1", "p1"]
    bench.worker.close(5)


async def test_a_bad_value_fails_the_run_in_the_loop(ledger):
    bench = Bench(lambda: averaging([]), ledger)
    bench.driver.proceed()
    await bench.peer.next()
    bench.driver.deliver(0, values(3.0))
    event = await bench.peer.next()
    assert isinstance(event, ProgramFailed)
    assert event.text.startswith("p1 sent ")
    # Nothing more of it is of interest.
    bench.driver.deliver(0, values(3.0, 4.0))
    assert bench.peer.events.empty()
    bench.worker.close(5)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RunFailed("task 3 has no unique solution"), "task 3 has no unique solution"),
        (LookupError("a/path"), "p0: the program failed (LookupError); its log has the details"),
        (SystemExit("a/path"), "p0: the program failed (SystemExit); its log has the details"),
        (GeneratorExit("a/path"), "p0: the program failed (GeneratorExit); its log has the details"),
    ],
)
@pytest.mark.parametrize("light", [True, False])
async def test_what_a_program_raises_fails_its_run_and_not_the_peer(ledger, caplog, error, text, light):
    def broken():
        yield from Broadcast(np.ones((1, 2)), "mix", light=light)
        raise error

    bench = Bench(broken, ledger)
    bench.driver.proceed()
    await bench.peer.next()
    bench.driver.deliver(0, values(1.0, 1.0))
    event = await bench.peer.next()
    assert isinstance(event, ProgramFailed)
    assert event.text.endswith(text)
    assert ("a/path" in caplog.text) != isinstance(error, RunFailed)
    bench.worker.close(5)


async def test_a_start_that_fails_fails_the_run(ledger):
    def broken():
        raise RunFailed("nothing to start")
        yield

    bench = Bench(broken, ledger)
    bench.driver.proceed()
    event = await bench.peer.next()
    assert isinstance(event, ProgramFailed)
    assert event.text.endswith("nothing to start")
    bench.worker.close(5)


async def test_a_stopped_run_holds_no_memory_whenever_it_was_stopped(ledger):
    # Before its first segment, in it, and between two.
    for moment in ("before", "within", "between"):
        gate = threading.Event()
        bench = Bench(lambda: averaging([]), ledger, gate=gate)
        blocked = threading.Event()
        if moment == "before":
            bench.worker.post(
                asyncio.get_running_loop(), lambda blocked=blocked: blocked.wait(10), lambda _: None
            )
        bench.driver.proceed()
        if moment == "between":
            gate.set()
            await bench.peer.next()
        bench.driver.stop()
        gate.set()
        blocked.set()
        await bench.settled()
        assert bench.driver._interpreter is None, moment
        assert bench.peer.events.empty()
        if moment == "before":
            assert bench.made == 0
        bench.driver.proceed()
        await bench.settled()
        assert bench.peer.events.empty()
        bench.worker.close(5)


async def test_a_message_that_no_stream_carries_ends_the_run_by_name(ledger, monkeypatch):
    monkeypatch.setattr(module, "MAX_MESSAGE_BYTES", 15)
    bench = Bench(lambda: averaging([]), ledger)
    bench.driver.proceed()
    event = await bench.peer.next()
    assert isinstance(event, ProgramFailed)
    assert event.text == "p0: a message of mix has 16 bytes, a stream carries 15; send less in one round"


async def test_disagreement_is_that_of_the_ends_of_an_agreement(ledger):
    bench = Bench(lambda: averaging([]), ledger)
    driver = bench.driver
    driver.proceed()
    for number in range(3):
        await bench.peer.next()
        driver.deliver(number, values(3.0, 4.0))
    found = [row[-1] for row in bench.rows("rounds")]
    # p0 has (1, 2) at first, and half of the way to (3, 4) is left of it after each round.
    assert found == [pytest.approx(np.hypot(2, 2)), None, pytest.approx(np.hypot(2, 2) / 4)]
    bench.worker.close(5)


async def test_disagreement_of_one_round_is_first_and_last(ledger):
    def program():
        for number in range(3):
            yield from Broadcast(np.array([[float(number), 0.0]]), "mix")

    bench = Bench(program, ledger)
    bench.driver.proceed()
    for number in range(3):
        await bench.peer.next()
        bench.driver.deliver(number, values(float(number), 5.0))
    assert [row[-1] for row in bench.rows("rounds")] == [5.0, 5.0, 5.0]
    bench.worker.close(5)


async def test_there_is_no_disagreement_where_values_are_not_alike(ledger):
    def program():
        yield from Scatter(np.array([[1.0, 2.0]]), "each")
        yield from FloodMax(np.array([1.0]), "stop")

    bench = Bench(program, ledger)
    bench.driver.proceed()
    await bench.peer.next()
    bench.driver.deliver(0, values(3.0, 4.0))
    await bench.peer.next()
    bench.driver.deliver(1, {"p1": (Tensor("<f8", (), np.array(2.0).tobytes()),)})
    await bench.peer.next()
    assert [row[-1] for row in bench.rows("rounds")] == [None, None]
    bench.worker.close(5)
