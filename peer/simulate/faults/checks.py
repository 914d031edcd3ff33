"""What must hold after every event, and at the end (the invariants of docs/protocol.md)."""

from collections.abc import Mapping

from peer.protocol.edge import Edge
from peer.protocol.messages import Attach, Confirm, Durable, TombKind, Value
from peer.protocol.records import RunRecord, RunState
from peer.protocol.rounds import GENERATIONS, WINDOW, RoundMachine
from peer.simulate.faults.plan import Plan, Reference
from peer.simulate.faults.world import FaultWorld


class Broken(AssertionError):
    """An invariant does not hold."""


class Checks:
    """Watches one world.

    Parameters
    ----------
    world : FaultWorld
        The network under faults.
    plans : mapping of str to Plan
        By run: what the undisturbed run does.
    """

    def __init__(self, world: FaultWorld, plans: Mapping[str, Plan]) -> None:
        self.world = world
        self.references = {run: Reference.of(plan, world.network) for run, plan in plans.items()}
        self.largest_inbox = 0
        self.largest_outbox = 0
        self.most_repeated = 0
        self._durable: dict[tuple[str, str], int] = {}
        self._sent: dict[tuple[str, str, str], int] = {}
        self._ran: set[str] = set()
        self._furthest: dict[tuple[str, str], int] = {}
        self._ended: dict[str, set[TombKind]] = {}

    def after_event(self) -> None:
        """All that can be seen to break at one event."""
        world = self.world
        self.check_sent()
        for name, record in world.persisted:
            self.check_record(name, record)
        for name in dict.fromkeys(world.touched):
            host = world.hosts.get(name)
            if host is not None:
                self.check_one_live(name, host.machine.records)
                for engine in host.machine.engines.values():
                    self.check_round(name, engine)
                    for edge in engine.edges.values():
                        self.check_edge(name, engine, edge)
        world.sent.clear()
        world.persisted.clear()
        world.touched.clear()

    def at_the_end(self, expected_to_close: bool) -> None:
        """I8: all closed with the undisturbed results, or all buried."""
        if self.world.stopped:
            raise Broken(f"a peer stopped without a cause: {self.world.stopped}")
        closed = [run for run in self.references if self.check_end(run)]
        if expected_to_close and not closed:
            raise Broken(f"I8: no run closed: {self._ended}")

    def check_end(self, run: str) -> bool:
        """Whether a run has closed everywhere; a cancelled one may have closed at some peers only."""
        world = self.world
        records = {name: world.record(name, run) for name in world.network.names}
        self.check_results(run)
        if not any(records.values()):
            return False
        ended = [record and (record.state is RunState.CLOSED or record.reason) for record in records.values()]
        if not all(ended):
            shown = {name: record and str(record.state) for name, record in records.items()}
            raise Broken(f"I8: {run} ends as {shown}: {self.waits(run)}")
        kinds = self._ended.get(run, set())
        closed = any(record and record.state is RunState.CLOSED for record in records.values())
        if closed and kinds - {TombKind.CANCELLED}:
            raise Broken(f"I8: {run} is closed somewhere, elsewhere it was {kinds}")
        return not kinds

    def check_results(self, run: str) -> None:
        """The results that peers hold are those of the undisturbed run."""
        for name, disk in self.world.disks.items():
            final = disk.finals.get(run)
            if final is not None and final["chain"] != self.references[run].results[name]:
                raise Broken(f"I8: {name} ends {run} with another state than the undisturbed run")

    def waits(self, run: str) -> str:
        """Who waits for whom."""
        hosts = self.world.hosts.items()
        return ", ".join(f"{name}: {host.machine.waiting(run)}" for name, host in hosts)

    def check_sent(self) -> None:
        """I1 on what was announced, I2 on what was sent."""
        for name, neighbour, effect in self.world.sent:
            message = effect.message
            if isinstance(message, Value | Confirm):
                expected = self.references[message.run].messages.get((name, neighbour, message.seq))
                if expected != (message.round, message.digest):
                    raise Broken(f"I2: {name} sends other bits to {neighbour} as message {message.seq}")
                self._raise_sent(message.run, name, neighbour, message.seq + 1)
            if isinstance(message, Value | Confirm | Attach | Durable):
                self.check_announced(name, message.run, message.durable)

    def check_announced(self, name: str, run: str, durable: int) -> None:
        """I1: what is announced never decreases, and is on the disk."""
        before = self._durable.get((name, run), 0)
        if durable == before:
            return
        if durable < before:
            raise Broken(f"I1: {name} announces round {durable} of {run} after {before}")
        self._durable[name, run] = durable
        held = self.world.disks[name].holds(run)
        if durable > held:
            raise Broken(f"I1: {name} announces round {durable} of {run}, its disk holds {held}")

    def check_round(self, name: str, engine: RoundMachine) -> None:
        """I9: a start repeats the rounds of a few intervals at most, so that faults that end leave little to do."""
        furthest = max(self._furthest.get((name, engine.run), 0), engine.round)
        self._furthest[name, engine.run] = furthest
        bound = (WINDOW + GENERATIONS) * engine.interval_rounds
        self.most_repeated = max(self.most_repeated, furthest - engine.round)
        if furthest - engine.round > bound:
            raise Broken(
                f"I9: {name} is in round {engine.round} of {engine.run} and was in {furthest} before"
            )

    def check_record(self, name: str, record: RunRecord) -> None:
        """I7, nothing fails, and what is running is never lost to a run that could go on."""
        run, reason = record.run, record.reason
        if record.state is RunState.CLOSED:
            for other in self.world.disks.values():
                if other.records[run].state not in (RunState.DONE, RunState.CLOSED):
                    raise Broken(f"I7: {run} is closed at {name} and not done everywhere")
        if record.state is RunState.RUNNING:
            self._ran.add(run)
        if reason is not None:
            self._ended.setdefault(run, set()).add(reason.kind)
            if reason.kind is TombKind.FAILED:
                raise Broken(f"{run} fails at {name} without a cause: {reason.text}")
        for lost in [run for run in self._ran if TombKind.LOST in self._ended.get(run, ())]:
            others = set().union(*(kinds for other, kinds in self._ended.items() if other != lost))
            if not others & {TombKind.CANCELLED, TombKind.REFUSED}:
                raise Broken(f"I6: {lost} was running and is lost to another run")

    def check_one_live(self, name: str, records: Mapping[str, RunRecord]) -> None:
        """I6: at most one run is accepted or running."""
        live = [record.run for record in records.values() if record.live]
        if len(live) > 1:
            raise Broken(f"I6: {name} has {live} live")

    def check_edge(self, name: str, engine: RoundMachine, edge: Edge) -> None:
        """I3 and I4."""
        self.largest_inbox = max(self.largest_inbox, len(edge.inbox))
        self.largest_outbox = max(self.largest_outbox, len(edge.outbox))
        run, near = engine.run, edge.neighbour
        bound = self.references[run].bounds.get((name, near), 0)
        if max(len(edge.inbox), len(edge.outbox), len(edge.digests)) > bound:
            raise Broken(f"I4: {name} keeps more than {bound} messages for {near}")
        sent = self._raise_sent(run, name, near, edge.sent_seq)
        there = self._sent.get((run, near, name), 0)
        if not edge.received_seq <= there or not sent <= there + 1:
            raise Broken(
                f"I3: {name} has sent {sent} and received {edge.received_seq}, {near} has sent {there}"
            )

    def _raise_sent(self, run: str, name: str, neighbour: str, count: int) -> int:
        most = self._sent[run, name, neighbour] = max(self._sent.get((run, name, neighbour), 0), count)
        return most
