"""The life of runs at one peer: what it accepts, records, tells and ends (rules R2 to R4 and R11).

Whatever is told of a run is durable before it is told: every change goes through :meth:`RunLife.keep`, and the
messages that tell of it are emitted after the record.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from peer.protocol.connections import Connections
from peer.protocol.effects import (
    Answer,
    DropCheckpoints,
    Effect,
    Persist,
    RunChanged,
    Send,
    StartProgram,
    StopProgram,
)
from peer.protocol.examiner import Examiner, Refusal, config_digest
from peer.protocol.messages import Attach, Closed, Done, Fact, Message, Offer, Reason, Tomb, TombKind
from peer.protocol.records import Checkpoint, RunRecord, RunState
from peer.protocol.rounds import RoundMachine, RunFailure
from peer.protocol.runs import RunBook
from topology.network import Network

Step = Callable[[RoundMachine], list[Effect]]


class RunLife:
    """Runs of one peer, from an offer to their end.

    Parameters
    ----------
    network : Network
        The network file.
    name : str
        The peer.
    connections : Connections
        Who can be told.
    examiner : Examiner
        Answers about specs and own data.
    records : iterable of RunRecord
        What the state folder holds.
    out : list of Effect
        Shared with the machine: effects are appended in the order in which they must be carried out.
    """

    def __init__(
        self,
        network: Network,
        name: str,
        connections: Connections,
        examiner: Examiner,
        records: Iterable[RunRecord],
        out: list[Effect],
    ) -> None:
        self.book = RunBook(name, network.names, records)
        self.engines: dict[str, RoundMachine] = {}
        self._network = network
        self._name = name
        self._connections = connections
        self._examiner = examiner
        self._out = out
        self._attached: dict[tuple[str, str], tuple[int, Attach]] = {}

    # From an offer to the first round

    def submitted(self, token: int, offer: Offer) -> None:
        """R2. "Busy" is an answer, not a tombstone: nothing is recorded and nobody hears of it."""
        run = offer.run
        if run not in self.book.records:
            busy = self.book.busy()
            if busy is not None:
                self._out.append(Answer(token, None, busy_with=busy))
                return
            self.offered(offer)
        self._out.append(Answer(token, self.book.records[run]))

    def offered(self, offer: Offer) -> None:
        """R3. Take a run, unless nobody who may has submitted it, or another one that is on here stays."""
        run = offer.run
        if run in self.book.records:
            return
        unsigned = self._examiner.unsigned(offer)
        if unsigned is not None:
            self._bury_new(run, offer.spec, Reason(TombKind.REFUSED, self._name, unsigned))
            return
        for other in self.book.live():
            if self._stays(other, run):
                lost = Reason(TombKind.LOST, self._name, f"run {other.run} was taken first")
                self._bury_new(run, offer.spec, lost)
                return
            lost = Reason(TombKind.LOST, self._name, f"run {run} was submitted at the same time")
            self.bury(other.run, lost)
        fact = self._examiner.fact(offer.spec)
        if isinstance(fact, Refusal):
            self._bury_new(run, offer.spec, Reason(TombKind.REFUSED, self._name, fact.text))
            return
        record = RunRecord(
            run, offer.spec, RunState.ACCEPTED, fact, operator=offer.operator, signature=offer.signature
        )
        self.book.open(record, self._name)
        self.keep(record)
        self._flood(record.offer)
        self._flood(Fact(run, self._name, fact))
        self.check_table(run)

    def fact(self, neighbour: str, run: str, peer: str, fact: bytes) -> None:
        """A fact was told: one per peer and run, for ever."""
        if self.book.on(run) is None:
            return
        if peer not in self._network.names:
            text = f"{peer!r}, of whom {neighbour} tells a fact, is not in the network file here; use the same one"
            self.bury(run, Reason(TombKind.FAILED, self._name, text))
            return
        table = self.book.tables[run]
        known = table.get(peer)
        if known == fact:
            return
        if known is not None:
            text = f"{peer} told two different facts for one run; its data or version changed during the run"
            self.bury(run, Reason(TombKind.FAILED, self._name, text))
            return
        table[peer] = fact
        self._flood(Fact(run, peer, fact), source=neighbour)
        self.check_table(run)

    def check_table(self, run: str) -> None:
        """R4: start when all peers' facts are here and fit together."""
        record = self.book.records[run]
        if record.state is not RunState.ACCEPTED or self.book.missing_facts(run):
            return
        table = {name: self.book.tables[run][name] for name in self._network.names}
        unfit = self._examiner.verdict(record.spec, table)
        if unfit is not None:
            self.bury(run, Reason(TombKind.REFUSED, self._name, unfit))
            return
        record = replace(record, state=RunState.RUNNING, table=table)
        self.keep(record)
        engine = self.open_engine(record, ())
        self._out.append(StartProgram(run, record.spec, table, engine.state))
        for link in self._connections.up():
            self._out.append(Send(link.connection, link.neighbour, engine.attach(link.neighbour)))
        for link in self._connections.up():
            held = self._attached.get((run, link.neighbour))
            if held is not None and held[0] == link.current:
                self.attach(link.neighbour, *held)

    # Rounds

    def open_engine(self, record: RunRecord, checkpoints: Sequence[Checkpoint]) -> RoundMachine:
        """Make the round machine of a run, from its newest checkpoint where there is one."""
        interval = self._examiner.interval_rounds(record.spec)
        digest = config_digest(self._network, record, interval)
        neighbours = self._network.neighbours(self._name)
        engine = RoundMachine(record.run, digest, neighbours, interval, checkpoints)
        self.engines[record.run] = engine
        return engine

    def attach(self, neighbour: str, connection: int, attach: Attach) -> None:
        """A neighbour's engine is ready; it is remembered where ours is not yet."""
        if self.book.on(attach.run) is None:
            return
        self._attached[attach.run, neighbour] = (connection, attach)
        engine = self.engines.get(attach.run)
        if engine is not None:
            self.guard(engine, lambda engine: engine.attached(neighbour, connection, attach))

    def detach(self, connection: int) -> None:
        """A connection is gone, and what was attached on it."""
        for engine in self.engines.values():
            engine.detach(connection)
        for key in [key for key, held in self._attached.items() if held[0] == connection]:
            del self._attached[key]

    def guard(self, engine: RoundMachine, step: Step) -> None:
        """Take a step of a run; a failure of the run ends it, not the peer."""
        try:
            self._out += step(engine)
        except RunFailure as failure:
            self.failed(engine, failure)

    def failed(self, engine: RoundMachine, failure: RunFailure) -> None:
        """A run cannot go on here: it ends everywhere."""
        self.bury(engine.run, Reason(TombKind.FAILED, self._name, str(failure)))

    # The end of a run

    def checkpoint_durable(self, run: str, index: int) -> None:
        """A checkpoint is on disk; the final one ends the run here."""
        engine = self.engines.get(run)
        if engine is None:
            return
        effects = engine.checkpoint_durable(index)
        record = self.book.records[run]
        if engine.done and record.state is RunState.RUNNING:
            self.finish(record, effects)
        else:
            self._out += effects

    def finish(self, record: RunRecord, effects: Iterable[Effect] = ()) -> None:
        """The final checkpoint is durable: record it, then tell it."""
        self.keep(replace(record, state=RunState.DONE))
        self._out += effects
        self.peer_done(record.run, self._name)
        self._check_closed(record.run)

    def peer_done(self, run: str, peer: str, source: str | None = None) -> None:
        """The final checkpoint of a peer is durable there."""
        if self.book.on(run) is None or peer not in self.book.missing_done(run):
            return
        self.book.done_peers[run].add(peer)
        self._flood(Done(run, peer), source)
        self._check_closed(run)

    def closed(self, neighbour: str, run: str) -> None:
        """R11: a neighbour has closed the run: every peer has told that it is done, this one too."""
        record = self.book.on(run)
        if record is None:
            return
        if record.state is RunState.DONE:
            self._close(record)
            return
        text = (
            f"{neighbour} has closed the run, which {self._name} had finished, and here it is only "
            f"{record.state}: the state folder is an old copy or was lost; restore the newest one"
        )
        self.bury(run, Reason(TombKind.FAILED, self._name, text))

    def bury(self, run: str, reason: Reason, source: str | None = None) -> None:
        """A tombstone wins over offered, accepted and running; at a done peer it ends only the duty to serve."""
        record = self.book.records.get(run)
        if record is None:
            self._bury_new(run, b"", reason, source)
            return
        if record.reason is not None or record.state is RunState.CLOSED:
            return
        has_result = record.state is RunState.DONE and self.engines[run].done
        self.keep(replace(record, reason=reason, state=RunState.DONE if has_result else RunState.TOMB))
        self._flood(Tomb(run, reason), source)
        if record.state is RunState.RUNNING:
            self._out.append(StopProgram(run))
        self._end(run)

    # Inside

    def _stays(self, other: RunRecord, run: str) -> bool:
        """Whether a live run wins over a new one: a running one always does, else the lower id."""
        return other.state is RunState.RUNNING or other.run < run

    def _bury_new(self, run: str, spec: bytes, reason: Reason, source: str | None = None) -> None:
        self.keep(RunRecord(run, spec, RunState.TOMB, reason=reason))
        self._flood(Tomb(run, reason), source)

    def _check_closed(self, run: str) -> None:
        """R11: once all peers are durably done, nobody will ever ask for anything of this run again."""
        record = self.book.on(run)
        if record is not None and record.state is RunState.DONE and not self.book.missing_done(run):
            self._close(record)

    def _close(self, record: RunRecord) -> None:
        self.keep(replace(record, state=RunState.CLOSED))
        self._flood(Closed(record.run))
        self._end(record.run)

    def _end(self, run: str) -> None:
        if self.engines.pop(run, None) is not None:
            self._out.append(DropCheckpoints(run))
        for key in [key for key in self._attached if key[0] == run]:
            del self._attached[key]
        self.book.end(run)

    def keep(self, record: RunRecord) -> None:
        """Make a record durable before anything that is emitted after it."""
        self.book.records[record.run] = record
        self._out += (Persist(record), RunChanged(record))

    def _flood(self, message: Message, source: str | None = None) -> None:
        for link in self._connections.up():
            if link.neighbour != source:
                self._out.append(Send(link.connection, link.neighbour, message))
