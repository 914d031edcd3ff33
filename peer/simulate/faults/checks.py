"""What must hold after every event, and at the end (the invariants of docs/protocol.md)."""

from collections.abc import Mapping

from peer.protocol.messages import DONE, Attach, Confirm, Durable, Value
from peer.protocol.records import RunState
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
        self._world = world
        self._references = {run: Reference.of(plan, world.network) for run, plan in plans.items()}
        self._durable: dict[tuple[str, str], int] = {}
        self.largest_inbox = 0
        self.largest_outbox = 0

    def after_event(self) -> None:
        """I1, I2 on what was sent, I4 and I6 on what is kept, I7 on what is recorded."""
        self._check_sent()
        for name, host in self._world.hosts.items():
            live = [record.run for record in host.machine.records.values() if record.live]
            if len(live) > 1:
                raise Broken(f"I6: {name} has {live} live")
            for engine in host.machine.engines.values():
                for edge in engine.edges.values():
                    self.largest_inbox = max(self.largest_inbox, len(edge.inbox))
                    self.largest_outbox = max(self.largest_outbox, len(edge.outbox))
                    if max(len(edge.inbox), len(edge.outbox), len(edge.digests)) > engine.bound:
                        raise Broken(f"I4: {name} keeps more than {engine.bound} for {edge.neighbour}")
        self._check_closed()

    def at_the_end(self, expected_to_close: bool) -> None:
        """I8: all closed with the undisturbed results, or all buried."""
        world = self._world
        closed = []
        for run, reference in self._references.items():
            states = {name: world.record(name, run) for name in world.network.names}
            if all(record is None for record in states.values()):
                continue
            kinds = {record.state if record else None for record in states.values()}
            buried = all(record is not None and record.reason is not None for record in states.values())
            if kinds == {RunState.CLOSED}:
                closed.append(run)
                for name in world.network.names:
                    if world.disks[name].finals[run]["chain"] != reference.results[name]:
                        raise Broken(f"I8: {name} ends {run} with another state than the undisturbed run")
            elif not buried:
                raise Broken(f"I8: {run} ends as { {n: r and r.state.value for n, r in states.items()} }")
        if expected_to_close and not closed:
            reasons = [
                world.record(name, run) for run in self._references for name in world.network.names[:1]
            ]
            raise Broken(f"I8: no run closed: {[record and record.reason for record in reasons]}")

    def _check_sent(self) -> None:
        sent = self._world.sent
        for name, neighbour, effect in sent:
            message = effect.message
            if isinstance(message, Value | Confirm):
                expected = self._references[message.run].messages.get((name, neighbour, message.seq))
                if expected != (message.round, message.digest):
                    raise Broken(f"I2: {name} sends other bits to {neighbour} as message {message.seq}")
            if isinstance(message, Value | Confirm | Attach | Durable):
                self._check_durable(name, message.run, message.durable)
        sent.clear()

    def _check_durable(self, name: str, run: str, durable: int) -> None:
        before = self._durable.get((name, run), 0)
        if durable < before:
            raise Broken(f"I1: {name} announces round {durable} of {run} after {before}")
        self._durable[name, run] = durable
        disk = self._world.disks[name]
        if durable == DONE:
            on_disk = run in disk.finals
        else:
            kept = disk.checkpoints.get(run, {})
            on_disk = durable == 0 or any(checkpoint.round >= durable for checkpoint in kept.values())
        if not on_disk:
            raise Broken(f"I1: {name} announces round {durable} of {run}, which is not on its disk")

    def _check_closed(self) -> None:
        for run in self._references:
            records = [disk.records.get(run) for disk in self._world.disks.values()]
            if any(record is not None and record.state is RunState.CLOSED for record in records):
                for record in records:
                    if record is None or record.state not in (RunState.DONE, RunState.CLOSED):
                        raise Broken(f"I7: {run} is closed somewhere and not done everywhere")
