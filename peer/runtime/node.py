"""The shell of one peer: feeds events to its machine and carries the effects out, in order.

Everything here runs in the loop. A message goes through without a task, a future or a log line of its own: read,
decode, machine, combine, encode, queue, in the task that has read it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from time import monotonic, monotonic_ns
from typing import Any

from peer import __version__
from peer.config import RunFailed
from peer.data.store import problem_of
from peer.measure.ledger import Ledger
from peer.program import iteration_of
from peer.protocol import effects
from peer.protocol.errors import LocalProtocolError, ProgramError, RemoteProtocolError
from peer.protocol.events import (
    CancelRequested,
    CheckpointDurable,
    Event,
    MessageReceived,
    ProgramFailed,
    Submitted,
)
from peer.protocol.facts import PeerFact
from peer.protocol.interpreter import Interpreter
from peer.protocol.launch import facts_of, start_program
from peer.protocol.machine import PeerMachine
from peer.protocol.messages import Goodbye, Message, Offer, Value
from peer.protocol.records import RunState
from peer.runtime.access import Access
from peer.runtime.books import MOST_ROWS, Books
from peer.runtime.driver import Driver
from peer.runtime.examiner import BoundedExaminer
from peer.runtime.links import Links
from peer.runtime.logs import Seldom
from peer.runtime.lookout import look_out
from peer.runtime.owned import Owned
from peer.runtime.status import news, over
from peer.runtime.store import FileStore
from peer.runtime.stream import Stream
from peer.runtime.worker import Worker
from peer.state.resuming import HeldRun
from peer.wire.envelope import MessageEncoder, decode_message
from topology.network import Network

__all__ = ["Node"]

log = logging.getLogger("difpeer")

CLOSE_S = 1.5
"""How long streams, and then the disk, may take to come to an end when the peer stops."""

PROGRESS_EVERY_S = 5.0


class Node:
    """One peer.

    Parameters
    ----------
    network : Network
        The network file, with an address for every neighbour.
    name : str
        Which of its peers this is.
    incarnation : int
        Durable before this object is made.
    owned : Owned
        The peer's data and what its owner allows.
    store : FileStore
        For records and checkpoints.
    ledger : Ledger
        Open for writing; its owner closes it after :meth:`stop`.
    access : Access
        How neighbours are dialled.
    held : sequence of HeldRun
        Runs to go on with, and those that are over.
    """

    def __init__(
        self,
        network: Network,
        name: str,
        incarnation: int,
        owned: Owned,
        *,
        store: FileStore,
        ledger: Ledger,
        access: Access,
        held: Sequence[HeldRun] = (),
    ) -> None:
        self.network = network
        self.name = name
        self.incarnation = incarnation
        self.owned = owned
        self.store = store
        self.ledger = ledger
        self.started_s = monotonic()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.disk = Worker("disk")
        self.books = Books(name, incarnation, ledger, self.disk)
        self.stopping = False
        self.checkpoints = 0  # written by this process
        self.watchers: set[asyncio.Event] = set()
        self.fact = owned.fact()
        self.machine = PeerMachine(
            network,
            name,
            incarnation,
            BoundedExaminer(network, self.fact, access),
            [run.record for run in held],
            {run.record.run: run.checkpoints for run in held},
            software=f"difpeer {__version__}",
        )
        self.links = Links(
            network,
            name,
            arrived=self._arrived,
            feed=self.feed,
            introduced=self.machine.connections.known,
            closed=self.books.closed,
            access=access,
        )
        self._programs = Worker("programs")
        self._encoder = MessageEncoder()
        self._seldom = Seldom()
        self._progress = Seldom(PROGRESS_EVERY_S)
        self._events: deque[Event] = deque()
        self._feeding = False
        self._answers: dict[int, asyncio.Future[effects.Answer]] = {}
        self._tokens = 0
        self._looking: asyncio.Task[None] | None = None
        self._carry_out: Mapping[type[effects.Effect], Callable[[Any], None]] = {
            effects.Send: self._send,
            effects.DeliverRound: self._deliver,
            effects.Close: self._close,
            effects.Persist: lambda effect: self.store.persist(effect.record),
            effects.WriteCheckpoint: self._write_checkpoint,
            effects.DropCheckpoints: lambda effect: self.store.drop(effect.run),
            effects.StartProgram: self._start_program,
            effects.ContinueProgram: self._continue_program,
            effects.StopProgram: self._stop_program,
            effects.RunChanged: self._run_changed,
            effects.Answer: self._answer,
            effects.LinkChanged: self._link_changed,
            effects.StopPeer: lambda effect: self._stop_for(effect.reason),
        }

    # The life of the process

    def start(self) -> None:
        """Resume what the store holds, and dial."""
        for record in self.machine.records.values():
            self.books.recall(record)
        self._carry_on(self.machine.start())
        self.links.start()
        self._looking = asyncio.create_task(look_out(self.machine, self.books, self.links), name="look out")
        self._looking.add_done_callback(self._looking_ended)

    async def stop(self, reason: str) -> None:
        """Say Goodbye, end every stream and thread, write the ledger's last rows."""
        self.stopping = True
        if self._looking is not None:
            self._looking.cancel()
        self.changed()
        for stream in self.links.up():
            self._out(stream, Goodbye(reason))
        await self.links.stop(CLOSE_S)
        if self.books.current is not None and self.books.current.driver is not None:
            self.books.current.driver.stop()  # its segment may outlive the loop
        self._programs.close(0)
        self.books.flush()
        if not await asyncio.to_thread(self.disk.close, CLOSE_S):
            log.warning("the ledger's last rows may be missing: the disk is slow")

    def fail(self, error: BaseException) -> None:
        """End the process; going on could break what the neighbours rely on."""
        if not self.ended.done():
            self.ended.set_exception(error)

    def changed(self) -> None:
        """Wake whoever watches: a run or a link has changed."""
        for event in self.watchers:
            event.set()

    # What clients ask

    async def submit(self, offer: Offer) -> effects.Answer:
        """Submit a run; the answer comes when its record is durable."""
        self._tokens += 1
        answer = self._answers[self._tokens] = asyncio.get_running_loop().create_future()
        self.feed(Submitted(self._tokens, offer))
        answered: effects.Answer = await answer
        return answered

    def cancel(self, run: str, text: str) -> RunState | None:
        """End a run everywhere; returns where it stands here, None where it is not known."""
        if run not in self.machine.records:
            return None
        self.feed(CancelRequested(run, text))
        return self.machine.records[run].state

    # Events in

    def feed(self, event: Event) -> None:
        """Give an event to the machine and carry out what follows, and what follows from that."""
        self._events.append(event)
        if not self._feeding:
            self._carry_on(())

    def _carry_on(self, todo: Iterable[effects.Effect]) -> None:
        """Carry effects out, then take events, one after the other; after an error of our own nothing more."""
        self._feeding = True
        carry_out = self._carry_out
        try:
            for effect in todo:
                carry_out[type(effect)](effect)
            while self._events and not self.ended.done():
                for effect in self.machine.handle(self._events.popleft()):
                    carry_out[type(effect)](effect)
        except RunFailed as error:
            self._stop_for(str(error))
        except Exception as error:
            log.exception("this peer stops: an error of its own")
            self.fail(
                RunFailed(f"{self.name} stopped by an error of its own ({error}); its log has the details")
            )
        finally:
            self._feeding = False

    def _looking_ended(self, looking: asyncio.Task[None]) -> None:
        """It goes on for ever: where it has not been cancelled, a link's task has come to an end by a fault."""
        if not looking.cancelled():
            self.fail(looking.exception() or RuntimeError("the look-out has ended"))

    def _arrived(self, stream: Stream, data: bytes) -> None:
        at_ns = monotonic_ns()
        try:
            message = decode_message(data)
        except RemoteProtocolError as error:
            self._refuse(stream, str(error))
            return
        if stream.neighbour is not None:
            self.books.received(stream, message, len(data), at_ns)
            self.feed(MessageReceived(stream.number, message))
        else:
            # A Hello: the machine decides whose stream it is, or that it is a stranger's. With TLS the key does.
            lie = "" if stream.grounds is None else stream.grounds.lie(message)
            if lie:
                self._refuse(stream, lie)
                return
            self.feed(MessageReceived(stream.number, message))
            self.books.received(stream, message, len(data), at_ns)

    def _refuse(self, stream: Stream, text: str) -> None:
        """Close a stream whose other side does not keep to the protocol; it is not told why."""
        whom = stream.neighbour or stream.remote
        if self._seldom.allows(whom):
            log.warning("closed the stream of %s: %s", whom, text)
        stream.close(text)

    # Effects out

    def _send(self, effect: effects.Send) -> None:
        stream = self.links.streams.get(effect.connection)
        if stream is None or stream.closing:
            return  # its end is on the way to the machine
        try:
            self._out(stream, effect.message, effect.resent)
        except LocalProtocolError as error:
            if not isinstance(effect.message, Value):
                raise
            self.feed(ProgramFailed(effect.message.run, f"{self.name}: {error}"))

    def _out(self, stream: Stream, message: Message, resent: bool = False) -> None:
        data = self._encoder.encode(message)
        stream.send(data)
        self.books.sent(stream, message, len(data), resent)

    def _deliver(self, effect: effects.DeliverRound) -> None:
        driver = self.books.notes[effect.run].driver
        if driver is not None:
            driver.deliver(effect.round, effect.values)

    def _close(self, effect: effects.Close) -> None:
        if effect.refused:
            self.links.refused(effect.refused, effect.reason)
        stream = self.links.streams.get(effect.connection)
        if stream is not None:
            self._refuse(stream, effect.reason)

    def _write_checkpoint(self, effect: effects.WriteCheckpoint) -> None:
        checkpoint = effect.checkpoint
        self.store.write(
            checkpoint,
            effect.keep_from,
            partial(self._written, checkpoint.run, checkpoint.index),
            first=self.books.note(),
        )
        self.books.flush(MOST_ROWS)

    def _written(self, run: str, index: int, problem: ProgramError | RunFailed | None) -> None:
        if problem is None:
            self.checkpoints += 1
            self.feed(CheckpointDurable(run, index))
        elif isinstance(problem, ProgramError):
            self.feed(ProgramFailed(run, f"{self.name}: {problem}"))
        else:
            self._stop_for(str(problem))

    def _start_program(self, effect: effects.StartProgram) -> None:
        notes = self.books.notes[effect.run]
        table = {name: PeerFact.from_bytes(fact) for name, fact in effect.table.items()}
        self.books.profiles(table, notes)
        notes.driver = Driver(
            effect.run,
            self.name,
            partial(self._interpreter, effect),
            number=self.machine.engines[effect.run].round,
            events=self,
            recorder=notes.recorder,
            worker=self._programs,
            truth=self.owned.truth,
        )
        notes.driver.iteration = iteration_of(effect.state)
        self.books.run_starts(self.links.up(), notes)
        notes.driver.proceed()

    def _interpreter(self, effect: effects.StartProgram) -> Interpreter:
        problem = problem_of(self.owned.local, facts_of(effect.table))
        return start_program(effect.spec, self.network, self.name, problem, effect.state)

    def _continue_program(self, effect: effects.ContinueProgram) -> None:
        driver = self.books.notes[effect.run].driver
        if driver is not None:
            driver.checkpoint_taken()

    def _stop_program(self, effect: effects.StopProgram) -> None:
        driver = self.books.notes[effect.run].driver
        if driver is not None:
            driver.stop()

    def _run_changed(self, effect: effects.RunChanged) -> None:
        record, notes = effect.record, self.books.of(effect.record)
        notes.changed_s = monotonic()
        text = news(record)
        log.log(logging.INFO if record.reason is None else logging.WARNING, "%s", text)
        self.books.event(f"run-{record.state}", text, notes)
        if notes.driver is not None and (over(record) or record.state is RunState.DONE):
            notes.driver.stop()
            number = notes.driver.round - 1 if notes.driver.round else None
            self.books.run_ends(self.links.up(), notes, number)
        if over(record):
            if self.books.current is notes:
                self.books.current = None
            self.books.flush()
        self.changed()

    def _answer(self, effect: effects.Answer) -> None:
        answer = self._answers.pop(effect.token)
        if not answer.done():
            answer.set_result(effect)

    def _link_changed(self, effect: effects.LinkChanged) -> None:
        name, stream = effect.neighbour, self.links.streams.get(effect.connection)
        if effect.up and stream is not None:
            stream.neighbour = name
            self.links.went_up(name)
            self.books.opened(stream)
            text = f"link to {name} is up"
        else:
            why = "it said Goodbye" if effect.goodbye else self.links.reason(effect.connection)
            self.links.went_down(name, why)
            text = f"link to {name} is down: {why}"
        expected = effect.up or effect.goodbye or self.stopping
        log.log(logging.INFO if expected else logging.WARNING, "%s", text)
        self.books.event("link-up" if effect.up else "link-down", text)
        self.changed()

    def _stop_for(self, reason: str) -> None:
        log.error("%s", reason)
        self.fail(RunFailed(reason))

    # What drivers tell

    def progressed(self, driver: Driver) -> None:
        """Tell the log now and then; watchers look by themselves."""
        if self._progress.allows(driver.run):
            iterations = self.books.notes[driver.run].iterations
            numbers = ", ".join(f"{name} {value:.3g}" for name, value in driver.metrics.items())
            log.info("iteration %s of %s%s", driver.iteration, iterations, f": {numbers}" if numbers else "")

    def agreed(self, driver: Driver) -> None:
        """Read the sockets' counters: the program computes now."""
        self.books.sample(self.links.up(), self.books.notes[driver.run], driver.round - 1)
