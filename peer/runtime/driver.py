"""One run's program at one peer: steps it, times its rounds, keeps its newest numbers."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic_ns
from typing import Protocol

from peer.algorithms.subspace import subspace_distance
from peer.config import RunFailed
from peer.measure.disagreement import disagreement
from peer.measure.figures import SUBSPACE_DISTANCE
from peer.measure.latency import round_times
from peer.measure.recorder import Recorder
from peer.program import Array, State, Value
from peer.protocol.errors import ProgramError
from peer.protocol.events import CheckpointRequested, Event, ProgramFailed, RoundRequested
from peer.protocol.interpreter import (
    CheckpointCommand,
    FinalCommand,
    Interpreter,
    ProgressCommand,
    RoundCommand,
)
from peer.protocol.payload import Payload, payload_bytes
from peer.runtime.settings import MAX_MESSAGE_BYTES
from peer.runtime.worker import Worker

__all__ = ["Driver", "DriverEvents", "Numbers"]

log = logging.getLogger("difpeer")


class DriverEvents(Protocol):
    """What a driver tells its peer, in the loop."""

    def feed(self, event: Event) -> None:
        """Take an event for the machine."""

    def progressed(self, driver: "Driver") -> None:
        """The driver has new numbers."""

    def agreed(self, driver: "Driver") -> None:
        """An agreement has ended, the program computes now."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of one iteration, and when it was over."""

    iteration: int
    at_ns: int
    metrics: Mapping[str, float]


@dataclass(slots=True)
class _Step:
    """What came of one segment of the program."""

    started_ns: int
    requested_ns: int
    encoded_ns: int
    command: RoundCommand | CheckpointCommand | FinalCommand | None
    failure: str = ""
    numbers: list[Numbers] = field(default_factory=list)


def _require_bearable(command: RoundCommand, peer: str) -> None:
    """Raise ProgramError where a message is longer than gRPC may carry.

    Its stream would end, and the same message would be sent again for ever. A run whose algorithm predicts its
    messages is refused before it starts.
    """
    # What goes to all neighbours is one object: its bytes are counted once, for this is done in every round.
    different = {id(payload): payload for payload in command.outgoing.values()}
    longest = max(map(payload_bytes, different.values()), default=0)
    if longest > MAX_MESSAGE_BYTES:
        raise ProgramError(
            f"{peer}: a message of {command.label} has {longest} bytes, a stream carries {MAX_MESSAGE_BYTES}; "
            "send less in one round"
        )


class Driver:
    """The program of one run.

    Short segments (a combine) run in place: a change of threads costs more than they do. All others run in the
    programs' worker, and the loop goes on reading and answering pings meanwhile. After a checkpoint the worker goes on
    with the next segment at once, since nothing in it depends on the disk; what comes of it waits until the checkpoint
    is taken.

    Parameters
    ----------
    run, peer : str
        Ids.
    start : callable
        Makes the interpreter, from the checkpoint where there is one; called in the worker.
    number : int
        The round that comes next.
    events : DriverEvents
        Told of what comes of it.
    recorder : Recorder
        For rows of this run.
    worker : Worker
        The programs' thread.
    truth : array, shape (d, r), optional
        The true basis, for measuring only.
    """

    def __init__(
        self,
        run: str,
        peer: str,
        start: Callable[[], Interpreter],
        *,
        number: int,
        events: DriverEvents,
        recorder: Recorder,
        worker: Worker,
        truth: Array | None,
    ) -> None:
        self.run = run
        self.recorder = recorder
        self.round = number
        self.label = ""
        self.iteration: int | None = None
        self.metrics: dict[str, float] = {}
        self.requested_ns = monotonic_ns()
        self.sent_ns = self.requested_ns
        self.checkpoint_ns = self.requested_ns
        self._peer = peer
        self._start = start
        self._events = events
        self._worker = worker
        self._truth = truth
        self._loop = asyncio.get_running_loop()
        self._interpreter: Interpreter | None = None
        self._stopped = False
        self._waits = False  # for a checkpoint to be taken
        self._ahead = False  # with the segment after it
        self._held: _Step | None = None
        self._opens = True  # the round is the first one after a long segment
        self._adapt_ns = 0
        self._encoded_ns = self.requested_ns
        self._arrivals: dict[int, dict[str, int]] = {}

    # In the loop

    def proceed(self) -> None:
        """Run the next segment in the worker."""
        if not self._stopped:
            self._worker.post(self._loop, self._segments, self._segment_over)

    def checkpoint_taken(self) -> None:
        """The program may go on after a checkpoint."""
        self._waits = False
        if not self._ahead:
            self.proceed()
        elif self._held is not None:
            step, self._held = self._held, None
            adapt_ns = step.requested_ns - step.started_ns
            # The wait for the disk is none of the round's.
            waited_ns = monotonic_ns() - step.encoded_ns
            step.requested_ns += waited_ns
            step.encoded_ns += waited_ns
            self._took(step, adapt_ns=adapt_ns)

    def stop(self) -> None:
        """The run has ended: what a segment in the worker still brings is of no interest."""
        self._stopped = True
        self._waits = False
        self._held = self._interpreter = None

    def arrived(self, neighbour: str, number: int, at_ns: int) -> None:
        """A neighbour's value of a round is here, perhaps of a later one."""
        if number >= self.round:
            self._arrivals.setdefault(number, {}).setdefault(neighbour, at_ns)

    def deliver(self, number: int, values: Mapping[str, Payload]) -> None:
        """A round is complete: give its values to the program and go on."""
        interpreter = self._interpreter
        if self._stopped or interpreter is None:
            return
        try:
            interpreter.decode(values)
        except ProgramError as error:
            self._fail(str(error))
            return
        opens, ends = self._opens, not interpreter.light
        self._opens = ends
        # Of an agreement only the ends: in between, a comparison would cost as much as the combination.
        exchanged = interpreter.exchanged if opens or ends else None
        if ends:
            self._round_over(number, monotonic_ns(), exchanged)
            self._events.agreed(self)
            self.proceed()
        else:
            step = self._segment()
            self._round_over(number, step.requested_ns, exchanged)
            self._took(step, adapt_ns=0)

    def _round_over(
        self, number: int, delivered_ns: int, exchanged: tuple[Value, Sequence[Value]] | None
    ) -> None:
        """Write the row of a round.

        The reply counts as delivered when the program has it. A short segment is nothing but the combination of
        what came, so it counts as decoding; a long one begins with it, and counts as the program's own time.
        """
        times = round_times(
            adapt_ns=self._adapt_ns,
            requested_ns=self.requested_ns,
            encoded_ns=self._encoded_ns,
            sent_ns=self.sent_ns,
            arrivals=self._arrivals.pop(number, {}),
            delivered_ns=delivered_ns,
        )
        iteration = None if self.iteration is None else self.iteration + 1
        apart = None if exchanged is None else disagreement(*exchanged)
        self.recorder.round(number, self.label, iteration, self.requested_ns, times, apart)
        self.round = number + 1

    def _went_ahead(self, state: State, numbers: list[Numbers]) -> None:
        """Take a checkpoint; the worker has not stopped at it."""
        if not self._stopped:
            self._ahead = True
            self._note(numbers)
            self._ask_for_checkpoint(state)

    def _ask_for_checkpoint(self, state: State) -> None:
        self._waits = True
        self.checkpoint_ns = monotonic_ns()
        self._events.feed(CheckpointRequested(self.run, state))

    def _segment_over(self, step: _Step) -> None:
        if self._waits:
            self._held = step
        else:
            self._took(step, adapt_ns=step.requested_ns - step.started_ns)

    def _took(self, step: _Step, *, adapt_ns: int) -> None:
        if self._stopped:
            self._interpreter = None  # it may have been made during the stop
            return
        self._ahead = False
        self._note(step.numbers)
        command = step.command
        if isinstance(command, RoundCommand):
            self.label = command.label
            self._adapt_ns = adapt_ns
            self.requested_ns = step.requested_ns
            self._encoded_ns = self.sent_ns = step.encoded_ns
            self._events.feed(RoundRequested(self.run, command.label, command.outgoing, command.expected))
        elif isinstance(command, CheckpointCommand):
            self._ask_for_checkpoint(command.state)
        elif isinstance(command, FinalCommand):
            self.checkpoint_ns = monotonic_ns()
            self._events.feed(CheckpointRequested(self.run, command.result, final=True))
        else:
            self._fail(step.failure)

    def _note(self, numbers: list[Numbers]) -> None:
        if not numbers:
            return
        for entry in numbers:
            self.recorder.iteration(entry.iteration, entry.at_ns, entry.metrics)
        self.iteration = numbers[-1].iteration
        self.metrics = dict(numbers[-1].metrics)
        self._events.progressed(self)

    def _fail(self, text: str) -> None:
        self.stop()
        self._events.feed(ProgramFailed(self.run, text))

    # In the worker

    def _segments(self) -> _Step:
        """Run a segment; where it ends at a checkpoint, the next one too."""
        step = self._segment()
        if not isinstance(step.command, CheckpointCommand) or self._stopped:
            return step
        self._loop.call_soon_threadsafe(self._went_ahead, step.command.state, step.numbers)
        return self._segment()

    # In the worker, or in place where the segment is short

    def _segment(self) -> _Step:
        started_ns = requested_ns = monotonic_ns()
        numbers: list[Numbers] = []
        if self._stopped:
            return _Step(started_ns, requested_ns, requested_ns, None)
        try:
            interpreter = self._interpreter
            if interpreter is None:
                interpreter = self._interpreter = self._start()
            while True:
                request = interpreter.advance()
                requested_ns = monotonic_ns()
                command = interpreter.encode(request)
                if isinstance(command, RoundCommand):
                    _require_bearable(command, self._peer)
                if not isinstance(command, ProgressCommand):
                    return _Step(started_ns, requested_ns, monotonic_ns(), command, numbers=numbers)
                numbers.append(self._measure(command, requested_ns))
        except (ProgramError, RunFailed) as error:
            failure = str(error)
        except (Exception, SystemExit, GeneratorExit) as error:
            # Anything else is a fault of the program or of ours; the run ends by name, the peer lives on.
            log.exception("the program of run %s failed", self.run)
            failure = f"{self._peer}: the program failed ({type(error).__name__}); its log has the details"
        return _Step(started_ns, requested_ns, monotonic_ns(), None, failure, numbers)

    def _measure(self, command: ProgressCommand, at_ns: int) -> Numbers:
        metrics = dict(command.metrics)
        estimate = command.estimate.get("U")
        if self._truth is not None and estimate is not None and len(estimate) == len(self._truth):
            metrics[SUBSPACE_DISTANCE] = float(subspace_distance(estimate, self._truth))
        return Numbers(command.iteration, at_ns, metrics)
