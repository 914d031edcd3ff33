"""Worlds with other faults than those of the campaign, and what must hold in them."""

import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace

from peer.protocol import effects
from peer.protocol.edge import Edge
from peer.protocol.examiner import Refusal
from peer.protocol.interpreter import RoundCommand
from peer.protocol.messages import Reason, TombKind
from peer.protocol.payload import Payload
from peer.protocol.records import RunRecord, RunState
from peer.protocol.rounds import RoundMachine
from peer.simulate.faults.checks import Broken, Checks
from peer.simulate.faults.plan import HashChain, Plan
from peer.simulate.faults.wire import Disk
from peer.simulate.faults.world import FaultWorld, PlanExaminer
from peer.simulate.host import Host, SteppedProgram


class OutcomeChecks(Checks):
    """Looks at records and results only: what a breach comes to, where nobody watches on the way."""

    def check_sent(self) -> None:
        pass

    def check_edge(self, name: str, engine: RoundMachine, edge: Edge) -> None:
        pass


# A program that is wrong in one entry of one mask


class WrongChain(HashChain):
    def __init__(
        self, plan: Plan, host: Host, state: Mapping[str, object], wrong: tuple[int, str, bool]
    ) -> None:
        super().__init__(plan, host.machine.network, host.name, state)
        self._wrong = wrong

    def _next_round(self) -> RoundCommand:
        command = super()._next_round()
        number, near, sends = self._wrong
        if self._round != number:
            return command
        if not sends:
            return replace(command, expected=command.expected ^ {near})
        outgoing = dict(command.outgoing)
        if near in outgoing:
            del outgoing[near]
        else:
            outgoing[near] = self._value(near)
        return replace(command, outgoing=outgoing)


class WrongMaskWorld(FaultWorld):
    """In every run one peer is wrong about one entry of its masks, in one round."""

    def start_program(self, host: Host, effect: effects.StartProgram) -> SteppedProgram:
        plan = Plan.from_spec(effect.spec)
        rng = random.Random(plan.seed)
        rounds = sum(plan.intervals)
        victim = rng.choice(self.network.names)
        if host.name != victim or rounds == 0:
            return super().start_program(host, effect)
        wrong = rng.randrange(rounds), rng.choice(self.network.neighbours(victim)), rng.random() < 0.5
        return WrongChain(plan, host, effect.state, wrong)


class LongerChecks(Checks):
    """Every peer ends every run with a reason."""

    names = "masks disagree|more than the .* rounds between two checkpoints"

    def after_event(self) -> None:
        pass

    def at_the_end(self, expected_to_close: bool) -> None:
        del expected_to_close
        for run in self.references:
            records = [self.world.record(name, run) for name in self.world.network.names]
            if any(records):
                self.check_reasons(run, [record and record.reason for record in records])

    def check_reasons(self, run: str, reasons: Sequence[Reason | None]) -> None:
        if not all(reasons):
            raise Broken(f"{run} has no named end everywhere: {reasons}: {self.waits(run)}")
        for reason in filter(None, reasons):
            if reason.kind is TombKind.FAILED and not re.search(self.names, reason.text):
                raise Broken(f"{run} ends by another name: {reason.text}")


class WrongMaskChecks(LongerChecks):
    """The same, but a run without a round has no mask to be wrong."""

    names = "masks disagree"

    def check_reasons(self, run: str, reasons: Sequence[Reason | None]) -> None:
        if self.references[run].num_rounds:
            super().check_reasons(run, reasons)


class LongerChain(HashChain):
    def _next_round(self) -> RoundCommand:
        command = super()._next_round()
        near = self._network.neighbours(self._name)
        if self._round + 1 < sum(self._plan.intervals):
            return command
        return RoundCommand(command.label, {n: self._value(n) for n in near}, frozenset(near))


class LongerWorld(FaultWorld):
    """One peer's program goes on for a round after the others have ended."""

    def start_program(self, host: Host, effect: effects.StartProgram) -> SteppedProgram:
        plan = Plan.from_spec(effect.spec)
        if host.name != self.network.names[0]:
            return super().start_program(host, effect)
        longer = replace(plan, intervals=(*plan.intervals, 1))
        return LongerChain(longer, self.network, host.name, effect.state)


# A peer whose bits change when it restarts


class SaltedChain(HashChain):
    def __init__(self, plan: Plan, host: Host, state: Mapping[str, object]) -> None:
        super().__init__(plan, host.machine.network, host.name, state)
        self._salt = str(host.machine.incarnation).encode()

    def _mix(self, values: Mapping[str, Payload]) -> None:
        super()._mix(values)
        self._chain = hashlib.sha256(self._chain + self._salt).digest()


class ChangingBitsWorld(FaultWorld):
    """One peer's results change with every restart, as with another BLAS."""

    def start_program(self, host: Host, effect: effects.StartProgram) -> SteppedProgram:
        if host.name == self.network.names[0]:
            return SaltedChain(Plan.from_spec(effect.spec), host, effect.state)
        return super().start_program(host, effect)


class EquivocationChecks(Checks):
    """Counts runs that ended because a peer sent two different messages."""

    def after_event(self) -> None:
        pass

    def at_the_end(self, expected_to_close: bool) -> None:
        del expected_to_close
        for run in self.references:
            records = [self.world.record(name, run) for name in self.world.network.names]
            reasons = [record.reason for record in records if record and record.reason]
            if any("sent two different messages" in reason.text for reason in reasons):
                self.world.counts["equivocations"] += 1


# A state folder that is lost, or restored from an old copy


class TamperedWorld(FaultWorld):
    """Now and then a peer starts from an older copy of its state folder, or from an empty one."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self._copies: dict[str, list[Disk]] = {name: [] for name in self.network.names}
        self.tampered: set[str] = set()

    def boot(self, name: str) -> None:
        if name not in self.hosts and not self.faults_over:
            copies = self._copies[name]
            copies.append(deepcopy(self.disks[name]))
            if copies[1:] and self.rng.random() < 0.1:
                self.counts["tampered"] += 1
                self.tampered.add(name)
                wiped = self.rng.random() < 0.3
                self.disks[name] = Disk() if wiped else deepcopy(self.rng.choice(copies[:-1]))
                self._note(name, "has an older state folder")
        super().boot(name)


class TamperedChecks(Checks):
    """No wrong bit ever; what cannot go on has a name: of a stopped peer, or in a tombstone."""

    def check_announced(self, name: str, run: str, durable: int) -> None:
        if not self.world.tampered:
            super().check_announced(name, run, durable)

    def check_record(self, name: str, record: RunRecord) -> None:
        if not self.world.tampered:
            super().check_record(name, record)

    def check_edge(self, name: str, engine: RoundMachine, edge: Edge) -> None:
        if not self.world.tampered:
            super().check_edge(name, engine, edge)

    def check_round(self, name: str, engine: RoundMachine) -> None:
        if not self.world.tampered:
            super().check_round(name, engine)

    def at_the_end(self, expected_to_close: bool) -> None:
        world = self.world
        if not world.tampered:
            super().at_the_end(expected_to_close)
            return
        for run in self.references:
            self.check_results(run)
            records = {name: world.record(name, run) for name in world.network.names}
            going = [
                name
                for name, record in records.items()
                if record and record.state is not RunState.CLOSED and record.reason is None
            ]
            if going and not world.stopped:
                raise Broken(f"{run} goes on at {going} and nobody has stopped: {self.waits(run)}")


# Smaller changes


class LazyRecordsWorld(FaultWorld):
    """Records of some states are told before they are durable."""

    lazy: tuple[RunState, ...] = ()

    def perform(self, host: Host, effect: effects.Effect) -> None:
        if isinstance(effect, effects.Persist) and effect.record.state in self.lazy:
            self.at(self.rng.expovariate(1.0), lambda: self._late(host, effect))
        else:
            super().perform(host, effect)

    def _late(self, host: Host, effect: effects.Persist) -> None:
        run = effect.record.run
        if self.hosts.get(host.name) is host and host.machine.records[run] is effect.record:
            super().perform(host, effect)


class AgingExaminer(PlanExaminer):
    """Its fact is another one after a restart, as when data or version changed."""

    def __init__(self, name: str, unfit: Mapping[bytes, str], incarnation: int) -> None:
        super().__init__(name, unfit)
        self._incarnation = incarnation

    def fact(self, spec: bytes) -> bytes | Refusal:
        fact = super().fact(spec)
        return fact if isinstance(fact, Refusal) else fact + b" %d" % self._incarnation


class AgingFactsWorld(FaultWorld):
    def examiner(self, name: str) -> PlanExaminer:
        return AgingExaminer(name, self._unfit, self.disks[name].incarnation)
