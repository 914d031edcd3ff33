"""PeerMachine: all that one peer does, without a socket, a clock or a file.

Two rules: everything that happens comes in as an event, everything to be done goes out as an effect; and whatever
is told to others is durable before it is told, except values, which recovery makes again bit for bit.

A run's life at one peer (``docs/protocol.md``):

====================  ===========================================================================================
state                 becomes
====================  ===========================================================================================
(unknown)             accepted by an Offer that fits; tomb by one that does not, or by hearing of its tombstone
accepted              running when all peers' facts are here and fit together; else tomb
running               done when the final checkpoint is durable; else tomb
done                  closed when all peers are done
====================  ===========================================================================================
"""

from collections.abc import Iterable, Mapping, Sequence

from peer.protocol import events
from peer.protocol.connections import Connections, Link
from peer.protocol.effects import Close, Effect, Send, StartProgram
from peer.protocol.examiner import Examiner
from peer.protocol.life import RunLife
from peer.protocol.messages import (
    Attach,
    Closed,
    Confirm,
    Done,
    Durable,
    Fact,
    Goodbye,
    Hello,
    Message,
    Offer,
    OldIncarnation,
    Reason,
    Tomb,
    TombKind,
    Value,
)
from peer.protocol.records import Checkpoint, RunRecord, RunState
from peer.protocol.rounds import RunFailure, Waiting
from topology.network import Network

Said = Goodbye | Offer | Fact | Tomb | Done | Closed | Attach | Value | Confirm | Durable
"""What is said on a link that is up."""


class PeerMachine:
    """One peer of a network.

    Parameters
    ----------
    network : Network
        The network file.
    name : str
        Which of its peers this is.
    incarnation : int
        How often this peer has been started, durable before the first event; from 1.
    examiner : Examiner
        Answers about specs and own data.
    records : iterable of RunRecord
        What the state folder holds.
    checkpoints : mapping of str to sequence of Checkpoint
        By run: what :func:`peer.protocol.records.loadable` chose of what the state folder holds.
    software : str
        Version text for the neighbours' logs.
    """

    def __init__(
        self,
        network: Network,
        name: str,
        incarnation: int,
        examiner: Examiner,
        records: Iterable[RunRecord] = (),
        checkpoints: Mapping[str, Sequence[Checkpoint]] | None = None,
        software: str = "",
    ) -> None:
        self.network = network
        self.name = name
        self.incarnation = incarnation
        self.connections = Connections.of(network, name, incarnation, software)
        self._out: list[Effect] = []
        self._life = RunLife(network, name, self.connections, examiner, records, self._out)
        self.engines = self._life.engines
        for record in self.records.values():
            if self._life.book.on(record.run) and record.state is not RunState.ACCEPTED:
                self._life.open_engine(record, (checkpoints or {}).get(record.run, ()))

    # What the shell calls

    @property
    def records(self) -> Mapping[str, RunRecord]:
        """Every run this peer knows, by id."""
        return self._life.book.records

    def waiting(self, run: str) -> Waiting | None:
        """Whom a run waits for here; None when it waits for nobody."""
        book = self._life.book
        record = book.on(run)
        if record is None:
            return None
        if record.state is RunState.ACCEPTED:
            return Waiting("facts", 0, "", book.missing_facts(run))
        if record.state is RunState.RUNNING:
            return self.engines[run].waiting()
        return Waiting("done", 0, "", book.missing_done(run))

    def start(self) -> list[Effect]:
        """Resume what the records hold."""
        for record in list(self.records.values()):
            if record.state is RunState.RUNNING:
                engine = self.engines[record.run]
                if engine.done:
                    self._life.finish(record)
                else:
                    self._emit(StartProgram(record.run, record.spec, record.table, engine.state))
            elif record.run in self.engines and not self.engines[record.run].done:
                text = f"the result of {self.name} is missing or damaged in its state folder; submit the run anew"
                self._life.bury(record.run, Reason(TombKind.FAILED, self.name, text))
        return self._take()

    def handle(self, event: events.Event) -> list[Effect]:
        """Take one event; returns what must be done, in order."""
        # What happens in every round goes straight to its engine.
        if isinstance(event, events.MessageReceived):
            message = event.message
            neighbour = self.connections.neighbour(event.connection)
            if type(message) is Value and neighbour is not None:
                engine = self.engines.get(message.run)
                if engine is not None and engine.edges[neighbour].connection == event.connection:
                    try:
                        return engine.receive(neighbour, message)
                    except RunFailure as failure:
                        self._life.failed(engine, failure)
                        return self._take()
            self._received(event.connection, neighbour, message)
        elif isinstance(event, events.RoundRequested):
            engine = self.engines.get(event.run)
            if engine is not None:  # else it has just ended, and its program is being stopped
                try:
                    return engine.request_round(event.label, event.outgoing, event.expected)
                except RunFailure as failure:
                    self._life.failed(engine, failure)
        else:
            self._happened(event)
        return self._take()

    def _happened(self, event: events.Event) -> None:
        match event:
            case events.CheckpointRequested(run, state, final):
                engine = self.engines.get(run)
                if engine is not None:  # as for a round
                    self._life.guard(engine, lambda engine: engine.request_checkpoint(state, final=final))
            case events.CheckpointDurable(run, index):
                self._life.checkpoint_durable(run, index)
            case events.Dialled(neighbour, connection):
                self._emit(*self.connections.dialled(neighbour, connection))
            case events.ConnectionLost(connection):
                self._emit(*self.connections.lost(connection))
                self._life.detach(connection)
            case events.Submitted(token, offer):
                self._life.submitted(token, offer)
            case events.CancelRequested(run, text):
                self._life.bury(run, Reason(TombKind.CANCELLED, self.name, text))
            case events.ProgramFailed(run, text):
                self._life.bury(run, Reason(TombKind.FAILED, self.name, text))

    # Connections

    def _received(self, connection: int, neighbour: str | None, message: Message) -> None:
        if isinstance(message, Hello):
            self._hello(connection, message)
        elif neighbour is None:
            if not self.connections.known(connection):
                self._emit(
                    Close(connection, f"a stranger's first message is {type(message).__name__}, not Hello")
                )
        elif isinstance(message, OldIncarnation):
            self._emit(*self.connections.old_incarnation(neighbour, message.seen))
        elif not self.connections.links[neighbour].up:
            self._emit(Close(connection, f"{neighbour} sent {type(message).__name__} before Hello"))
        else:
            self._neighbour_says(neighbour, connection, message)

    def _hello(self, connection: int, hello: Hello) -> None:
        effects, link = self.connections.hello(connection, hello)
        self._emit(*effects)
        if link is not None:
            for engine in self.engines.values():
                engine.edges[link.neighbour].connection = None
            self._tell_all(link)

    def _tell_all(self, link: Link) -> None:
        """After both Hellos each side says all it knows; nothing is acknowledged, everything may be repeated."""
        for run in self.records:
            said = self._life.book.said(run)
            if run in self.engines:
                said.append(self.engines[run].attach(link.neighbour))
            self._emit(*(Send(link.connection, link.neighbour, message) for message in said))

    def _neighbour_says(self, neighbour: str, connection: int, message: Said) -> None:
        life = self._life
        match message:
            case Goodbye():
                self.connections.links[neighbour].goodbye = True
            case Offer():
                life.offered(message)
            case Fact(run, peer, fact):
                life.fact(neighbour, run, peer, fact)
            case Tomb(run, reason):
                life.bury(run, reason, source=neighbour)
            case Done(run, peer):
                life.peer_done(run, peer, source=neighbour)
            case Closed(run):
                life.closed(neighbour, run)
            case Attach():
                life.attach(neighbour, connection, message)
            case _:
                self._run_message(neighbour, connection, message)

    def _run_message(self, neighbour: str, connection: int, message: Value | Confirm | Durable) -> None:
        engine = self.engines.get(message.run)
        if engine is not None and (
            isinstance(message, Durable) or engine.edges[neighbour].connection == connection
        ):
            self._life.guard(engine, lambda engine: engine.receive(neighbour, message))
            return
        record = self.records.get(message.run)
        if record is None or record.live:
            text = f"{neighbour} sent {type(message).__name__} of run {message.run!r}, which it is not attached to"
            self._emit(Close(connection, text))

    def _emit(self, *effects: Effect) -> None:
        self._out += effects

    def _take(self) -> list[Effect]:
        out = self._out.copy()
        self._out.clear()
        return out
