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

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from peer.protocol import events
from peer.protocol.connections import Connections, Link
from peer.protocol.effects import (
    Answer,
    Close,
    DropCheckpoints,
    Effect,
    Notice,
    Persist,
    RunChanged,
    Send,
    StartProgram,
    StopProgram,
)
from peer.protocol.examiner import Examiner, Refusal, config_digest
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
from peer.protocol.rounds import RoundMachine, RunFailure, Waiting
from peer.protocol.runs import RunBook
from topology.network import Network

Step = Callable[[RoundMachine], list[Effect]]


class PeerMachine:
    """One peer of a network.

    Parameters
    ----------
    network : Network
        The network file.
    name : str
        Which of its peers this is.
    incarnation : int
        How often this peer has been started, durable before the first event.
    examiner : Examiner
        Answers about specs and own data.
    records : iterable of RunRecord
        What the state folder holds.
    checkpoints : mapping of str to sequence of Checkpoint
        By run: what the state folder holds, ascending, without gaps.
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
        self._examiner = examiner
        self._book = RunBook(name, network.names, records)
        self.engines: dict[str, RoundMachine] = {}
        self._attached: dict[tuple[str, str], tuple[int, Attach]] = {}
        self._out: list[Effect] = []
        for record in self._book.records.values():
            if self._book.on(record.run) and record.state is not RunState.ACCEPTED:
                self._engine(record, (checkpoints or {}).get(record.run, ()))

    # What the shell calls

    @property
    def records(self) -> Mapping[str, RunRecord]:
        """Every run this peer knows, by id."""
        return self._book.records

    def waiting(self, run: str) -> Waiting | None:
        """Whom a run waits for here; None when it waits for nobody."""
        record = self._book.on(run)
        if record is None:
            return None
        if record.state is RunState.ACCEPTED:
            return Waiting("facts", 0, "", self._book.missing_facts(run))
        if record.state is RunState.RUNNING:
            return self.engines[run].waiting()
        return Waiting("done", 0, "", self._book.missing_done(run))

    def start(self) -> list[Effect]:
        """Resume what the records hold."""
        for record in list(self._book.records.values()):
            if record.state is RunState.RUNNING:
                engine = self.engines[record.run]
                if engine.done:
                    self._finish(record)
                else:
                    self._emit(StartProgram(record.run, record.spec, record.table, engine.state))
            elif record.state is RunState.ACCEPTED:
                self._check_table(record.run)
        return self._take()

    def handle(self, event: events.Event) -> list[Effect]:
        """Take one event; returns what must be done, in order."""
        match event:
            case events.MessageReceived(connection, message):
                self._received(connection, message)
            case events.RoundRequested(run, label, outgoing, expected):
                self._with_engine(run, lambda engine: engine.request_round(label, outgoing, expected))
            case events.CheckpointRequested(run, state, final):
                self._with_engine(run, lambda engine: engine.request_checkpoint(state, final=final))
            case events.CheckpointDurable(run, index):
                self._durable(run, index)
            case events.Dialled(neighbour, connection):
                self._emit(*self.connections.dialled(neighbour, connection))
            case events.ConnectionLost(connection):
                self._lost(connection)
            case events.Submitted(token, run, spec):
                self._submitted(token, run, spec)
            case events.CancelRequested(run, text):
                self._bury(run, Reason(TombKind.CANCELLED, self.name, text))
            case events.ProgramFailed(run, text):
                self._bury(run, Reason(TombKind.FAILED, self.name, text))
        return self._take()

    # Connections

    def _received(self, connection: int, message: Message) -> None:
        neighbour = self.connections.neighbour(connection)
        if isinstance(message, Value) and neighbour is not None and self.connections.links[neighbour].up:
            engine = self.engines.get(message.run)
            if engine is not None and engine.edges[neighbour].connection == connection:
                self._guard(engine, lambda engine: engine.receive(neighbour, message))
                return
        self._received_rarely(connection, neighbour, message)

    def _received_rarely(self, connection: int, neighbour: str | None, message: Message) -> None:
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
        connection = link.current
        assert connection is not None
        for run in self._book.records:
            said = self._book.said(run)
            if run in self.engines:
                said.append(self.engines[run].attach(link.neighbour))
            self._emit(*(Send(connection, link.neighbour, message) for message in said))

    def _lost(self, connection: int) -> None:
        self._emit(*self.connections.lost(connection))
        for engine in self.engines.values():
            engine.detach(connection)
        for key in [key for key, held in self._attached.items() if held[0] == connection]:
            del self._attached[key]

    def _neighbour_says(self, neighbour: str, connection: int, message: Message) -> None:
        match message:
            case Goodbye():
                self.connections.links[neighbour].goodbye = True
            case Offer(run, spec):
                self._offered(run, spec)
            case Fact(run, peer, fact):
                self._fact(neighbour, run, peer, fact)
            case Tomb(run, reason):
                self._bury(run, reason, source=neighbour)
            case Done(run, peer):
                self._peer_done(run, peer, source=neighbour)
            case Closed(run):
                record = self._book.records.get(run)
                if record is not None and record.state is RunState.DONE:
                    self._close(record)
            case Attach():
                self._attach(neighbour, connection, message)
            case Value() | Confirm() | Durable():
                self._run_message(neighbour, connection, message)

    # Rounds

    def _attach(self, neighbour: str, connection: int, attach: Attach) -> None:
        self._attached[attach.run, neighbour] = (connection, attach)
        engine = self.engines.get(attach.run)
        if engine is not None:
            self._guard(engine, lambda engine: engine.attached(neighbour, connection, attach))

    def _run_message(self, neighbour: str, connection: int, message: Value | Confirm | Durable) -> None:
        engine = self.engines.get(message.run)
        if engine is not None and (
            isinstance(message, Durable) or engine.edges[neighbour].connection == connection
        ):
            self._guard(engine, lambda engine: engine.receive(neighbour, message))
            return
        record = self._book.records.get(message.run)
        if record is None or record.live:
            text = f"{neighbour} sent {type(message).__name__} of run {message.run!r}, which it is not attached to"
            self._emit(Notice(text), Close(connection, text))

    def _with_engine(self, run: str, step: Step) -> None:
        """A program's request; a run that has just ended has no engine, and its program is being stopped."""
        engine = self.engines.get(run)
        if engine is not None:
            self._guard(engine, step)

    def _guard(self, engine: RoundMachine, step: Step) -> None:
        try:
            self._out += step(engine)
        except RunFailure as failure:
            self._bury(engine.run, Reason(TombKind.FAILED, self.name, str(failure)))

    def _durable(self, run: str, index: int) -> None:
        engine = self.engines.get(run)
        if engine is None:
            return
        effects = engine.checkpoint_durable(index)
        record = self._book.records[run]
        if engine.done and record.state is RunState.RUNNING:
            self._finish(record, effects)
        else:
            self._emit(*effects)

    # Life cycle

    def _submitted(self, token: int, run: str, spec: bytes) -> None:
        if run not in self._book.records:
            busy = self._book.busy()
            if busy is not None:
                self._emit(Answer(token, None, busy_with=busy))
                return
            self._offered(run, spec)
        self._emit(Answer(token, self._book.records[run]))

    def _offered(self, run: str, spec: bytes) -> None:
        """R3. A running run cannot be pre-empted: it runs only if every peer gave a durable fact for it."""
        if run in self._book.records:
            return
        for other in self._book.live():
            if other.state is RunState.RUNNING or other.run < run:
                self._bury_new(
                    run, spec, Reason(TombKind.LOST, self.name, f"run {other.run} was taken first")
                )
                return
            self._bury(
                other.run, Reason(TombKind.LOST, self.name, f"run {run} was submitted at the same time")
            )
        fact = self._examiner.fact(spec)
        if isinstance(fact, Refusal):
            self._bury_new(run, spec, Reason(TombKind.REFUSED, self.name, fact.text))
            return
        record = RunRecord(run, spec, RunState.ACCEPTED, fact)
        self._book.open(record, self.name)
        self._keep(record)
        self._flood(Offer(run, spec))
        self._flood(Fact(run, self.name, fact))
        self._check_table(run)

    def _fact(self, neighbour: str, run: str, peer: str, fact: bytes) -> None:
        if self._book.on(run) is None:
            return
        if peer not in self.network.names:
            text = f"{peer!r}, of whom {neighbour} tells a fact, is not in the network file here; use the same one"
            self._bury(run, Reason(TombKind.FAILED, self.name, text))
            return
        table = self._book.tables[run]
        known = table.get(peer)
        if known == fact:
            return
        if known is not None:
            text = f"{peer} told two different facts for one run; its data or version changed during the run"
            self._bury(run, Reason(TombKind.FAILED, self.name, text))
            return
        table[peer] = fact
        self._flood(Fact(run, peer, fact), source=neighbour)
        self._check_table(run)

    def _check_table(self, run: str) -> None:
        """R4: start when all peers' facts are here and fit together."""
        record = self._book.records[run]
        if record.state is not RunState.ACCEPTED or self._book.missing_facts(run):
            return
        table = {name: self._book.tables[run][name] for name in self.network.names}
        unfit = self._examiner.verdict(record.spec, table)
        if unfit is not None:
            self._bury(run, Reason(TombKind.REFUSED, self.name, unfit))
            return
        record = replace(record, state=RunState.RUNNING, table=table)
        self._keep(record)
        engine = self._engine(record, ())
        self._emit(StartProgram(run, record.spec, table, engine.state))
        for link in self.connections.up():
            assert link.current is not None
            self._emit(Send(link.current, link.neighbour, engine.attach(link.neighbour)))
        for link in self.connections.up():
            held = self._attached.get((run, link.neighbour))
            if held is not None and held[0] == link.current:
                self._attach(link.neighbour, *held)

    def _finish(self, record: RunRecord, effects: Sequence[Effect] = ()) -> None:
        """The final checkpoint is durable: record it, then tell it."""
        self._keep(replace(record, state=RunState.DONE))
        self._emit(*effects)
        self._peer_done(record.run, self.name)

    def _peer_done(self, run: str, peer: str, source: str | None = None) -> None:
        if self._book.on(run) is None or peer in self._book.done_peers[run]:
            return
        self._book.done_peers[run].add(peer)
        self._flood(Done(run, peer), source)
        self._check_closed(run)

    def _check_closed(self, run: str) -> None:
        record = self._book.records[run]
        if record.state is RunState.DONE and not self._book.missing_done(run):
            self._close(record)

    def _close(self, record: RunRecord) -> None:
        """R11: nobody will ever ask for anything of this run again."""
        self._keep(replace(record, state=RunState.CLOSED))
        self._flood(Closed(record.run))
        self._drop_engine(record.run)

    def _bury(self, run: str, reason: Reason, source: str | None = None) -> None:
        """A tombstone wins over offered, accepted and running; at a done peer it ends only the duty to serve."""
        record = self._book.records.get(run)
        if record is None:
            self._bury_new(run, b"", reason, source)
            return
        if record.reason is not None or record.state is RunState.CLOSED:
            return
        was = record.state
        self._keep(replace(record, reason=reason, state=was if was is RunState.DONE else RunState.TOMB))
        self._flood(Tomb(run, reason), source)
        if was is RunState.RUNNING:
            self._emit(StopProgram(run))
        self._drop_engine(run)

    def _bury_new(self, run: str, spec: bytes, reason: Reason, source: str | None = None) -> None:
        self._keep(RunRecord(run, spec, RunState.TOMB, reason=reason))
        self._flood(Tomb(run, reason), source)

    # Helpers

    def _engine(self, record: RunRecord, checkpoints: Sequence[Checkpoint]) -> RoundMachine:
        interval = self._examiner.interval_rounds(record.spec)
        digest = config_digest(self.network, record, interval)
        neighbours = self.network.neighbours(self.name)
        engine = RoundMachine(record.run, digest, neighbours, interval, checkpoints)
        self.engines[record.run] = engine
        return engine

    def _drop_engine(self, run: str) -> None:
        if self.engines.pop(run, None) is not None:
            self._emit(DropCheckpoints(run))
        for key in [key for key in self._attached if key[0] == run]:
            del self._attached[key]
        self._book.end(run)

    def _keep(self, record: RunRecord) -> None:
        self._book.records[record.run] = record
        self._emit(Persist(record), RunChanged(record))

    def _flood(self, message: Message, source: str | None = None) -> None:
        for link in self.connections.up():
            if link.neighbour != source and link.current is not None:
                self._emit(Send(link.current, link.neighbour, message))

    def _emit(self, *effects: Effect) -> None:
        self._out += effects

    def _take(self) -> list[Effect]:
        out, self._out = self._out, []
        return out
