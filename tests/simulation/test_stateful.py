"""One round machine against all that its neighbours and its disk may lawfully do, in any order."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from peer.protocol import effects
from peer.protocol.messages import DONE, Confirm, Durable, Value
from peer.protocol.payload import payload_digest
from peer.protocol.records import Checkpoint, loadable
from peer.protocol.rounds import WINDOW, RoundMachine, Waiting
from tests.simulation.neighbour_model import CONFIG, LABEL, RUN, Neighbour, Script, mixed

NAMES = ("a", "c")

scripts = st.lists(st.integers(0, 3), min_size=3, max_size=8).flatmap(
    lambda intervals: st.builds(
        Script,
        st.just(tuple(intervals)),
        st.lists(
            st.fixed_dictionaries({n: st.tuples(st.booleans(), st.booleans()) for n in NAMES}),
            min_size=sum(intervals),
            max_size=sum(intervals),
        ).map(tuple),
        st.just(NAMES),
    )
)


class RoundMachineRules(RuleBasedStateMachine):
    @initialize(script=scripts)
    def begin(self, script: Script) -> None:
        self.script = script
        self.neighbours = {n: Neighbour(n, script) for n in NAMES}
        self.disk: dict[int, Checkpoint] = {}
        self.loaded = 0
        self.announced = 0
        self.connections = 0
        self.load()

    def load(self) -> None:
        """A start of the own peer, from what its disk holds."""
        self.writing: list[effects.WriteCheckpoint] = []
        files = loadable(self.disk.values())
        self.loaded = files[-1].index if files else 0
        interval = max(self.script.intervals)
        self.machine = RoundMachine(RUN, CONFIG, NAMES, interval, files)
        assert self.machine.round == self.script.checkpoint_rounds[self.loaded]
        self.chain = self.machine.state.get("chain", self.script.chains[0])
        self.interval = self.machine.state.get("interval", 0)
        self.left = self.script.intervals[self.interval] if self.interval < len(self.script.intervals) else 0
        self.turn = not self.machine.ended
        for neighbour in self.neighbours.values():
            neighbour.detach()

    def carry_out(self, out: list[effects.Effect]) -> None:
        for effect in out:
            match effect:
                case effects.Send(_, name, message):
                    assert isinstance(message, Value | Confirm | Durable)
                    self.neighbours[name].to_them.append(message)
                case effects.DeliverRound(_, number, values):
                    assert number == self.machine.round - 1
                    assert list(values) == [n for n in NAMES if self.script.masks[number][n][1]]
                    self.chain = mixed(self.chain, values)
                    self.left -= 1
                    self.turn = True
                case effects.WriteCheckpoint():
                    self.writing.append(effect)
                case effects.ContinueProgram():
                    self.left = (*self.script.intervals, 0)[self.interval]
                    self.turn = True
                case _:
                    raise AssertionError(effect)

    def finish_write(self, position: int) -> int:
        write = self.writing.pop(position % len(self.writing))
        self.disk[write.checkpoint.index] = write.checkpoint
        self.disk = {index: file for index, file in self.disk.items() if index >= write.keep_from}
        return write.checkpoint.index

    # The own program and disk

    @precondition(lambda self: self.turn)
    @rule()
    def program_goes_on(self) -> None:
        self.turn = False
        number = self.machine.round
        if self.left:
            mask = self.script.masks[number]
            outgoing = {n: self.script.ours(n, number) for n in NAMES if mask[n][0]}
            expected = frozenset(n for n in NAMES if mask[n][1])
            self.carry_out(self.machine.request_round(LABEL, outgoing, expected))
            return
        final = self.interval == len(self.script.intervals)
        self.interval += 1
        state = {"chain": self.chain, "interval": self.interval}
        self.carry_out(self.machine.request_checkpoint(state, final=final))

    @precondition(lambda self: self.writing)
    @rule(position=st.integers(0, WINDOW))
    def write_finishes(self, position: int) -> None:
        self.carry_out(self.machine.checkpoint_durable(self.finish_write(position)))

    @rule(survivors=st.lists(st.integers(0, WINDOW), max_size=WINDOW), damage=st.booleans())
    def restart(self, survivors: list[int], damage: bool) -> None:
        for position in survivors[: len(self.writing)]:
            self.finish_write(position)
        files = loadable(self.disk.values())
        if damage and files and not files[-1].final and files[-1].index > self.loaded:
            del self.disk[files[-1].index]
        self.load()

    # The neighbours

    def one(self, name: str) -> Neighbour:
        return self.neighbours[name]

    @rule(name=st.sampled_from(NAMES))
    def attach(self, name: str) -> None:
        neighbour = self.one(name)
        neighbour.detach()
        self.connections += 1
        theirs = neighbour.attach(self.machine.attach(name))
        self.carry_out(self.machine.attached(name, self.connections, theirs))

    @rule(name=st.sampled_from(NAMES))
    def cut(self, name: str) -> None:
        edge = self.machine.edges[name]
        if edge.connection is not None:
            self.machine.detach(edge.connection)
            assert edge.connection is None
        self.one(name).detach()

    @rule(name=st.sampled_from(NAMES), count=st.integers(1, 4))
    def neighbour_goes_on(self, name: str, count: int) -> None:
        neighbour = self.one(name)
        for _ in range(count):
            while neighbour.to_them:
                neighbour.receive()
            if neighbour.can_enter:
                neighbour.enter()
            if neighbour.can_use:
                neighbour.used += 1

    @rule(name=st.sampled_from(NAMES), count=st.integers(1, 4))
    def neighbour_is_heard(self, name: str, count: int) -> None:
        neighbour = self.one(name)
        for _ in range(min(count, len(neighbour.to_us))):
            self.carry_out(self.machine.receive(name, neighbour.to_us.popleft()))

    @rule(name=st.sampled_from(NAMES), which=st.integers(0, 10))
    def neighbour_is_heard_again(self, name: str, which: int) -> None:
        """Something it said before comes once more, with the durable round of then."""
        neighbour = self.one(name)
        edge = self.machine.edges[name]
        if edge.received_seq and neighbour.cursor is not None:
            seq = which % edge.received_seq
            number = self.script.active(name)[seq]
            payload = self.script.theirs(name, seq)
            old = Value(RUN, seq, number, LABEL, payload, payload_digest(number, LABEL, payload), 0)
            assert self.machine.receive(name, old) == []

    @rule(name=st.sampled_from(NAMES), which=st.integers(0, 5), tells=st.booleans())
    def neighbour_is_durable(self, name: str, which: int, tells: bool) -> None:
        neighbour = self.one(name)
        reachable = neighbour.reachable()
        neighbour.durable = reachable[which % len(reachable)]
        if tells and neighbour.cursor is not None:
            neighbour.to_us.append(Durable(RUN, neighbour.durable_round))

    @rule(name=st.sampled_from(NAMES), which=st.integers(0, 5))
    def neighbour_restarts(self, name: str, which: int) -> None:
        self.cut(name)
        neighbour = self.one(name)
        reachable = neighbour.reachable()
        neighbour.restart(reachable[which % len(reachable)])

    # Many steps at once: single ones alone seldom finish a round

    @rule(
        names=st.sampled_from([NAMES, NAMES[:1], NAMES[1:]]),
        sweeps=st.integers(2, 12),
        writes=st.booleans(),
        durable=st.booleans(),
    )
    def all_go_on(self, names: tuple[str, ...], sweeps: int, writes: bool, durable: bool) -> None:
        for name in names:
            if self.machine.edges[name].connection is None:
                self.attach(name)
        for sweep in range(sweeps):
            if self.turn:
                self.program_goes_on()
            if writes and self.writing:
                self.write_finishes(sweep)
            for name in names:
                self.neighbour_goes_on(name, 1)
                self.neighbour_is_heard(name, 1)
                if durable:
                    self.neighbour_is_durable(name, 5, False)

    # What always holds

    @invariant()
    def durable_round_never_decreases_and_is_on_disk(self) -> None:
        durable = self.machine.durable_round
        assert durable >= self.announced
        self.announced = durable
        assert self.machine.taken - self.machine.durable <= WINDOW
        files = loadable(self.disk.values())
        held = 0 if not files else DONE if files[-1].final else files[-1].round
        assert durable <= held

    @invariant()
    def nothing_is_used_but_what_the_undisturbed_run_used(self) -> None:
        assert self.chain == self.script.chains[self.machine.round]

    @invariant()
    def edges_count_and_keep_what_they_must(self) -> None:
        for name, edge in self.machine.edges.items():
            assert max(len(edge.inbox), len(edge.outbox), len(edge.digests)) <= self.machine.bound
            assert edge.received_seq == edge.used_seq + len(edge.inbox)
            assert edge.used_seq == self.script.count_before(name, self.machine.round)
            pending = self.machine.pending is not None and name in self.machine.pending.active
            assert edge.sent_seq == edge.used_seq + pending
            assert edge.received_seq <= self.one(name).most
            kept = [s for s in self.script.active(name)[: edge.sent_seq] if s >= edge.neighbour_durable]
            assert [sent.round for sent in edge.outbox.values()] == kept

    @invariant()
    def every_wait_is_named(self) -> None:
        machine = self.machine
        expected = None
        if machine.pending is not None:
            missing = tuple(n for n in machine.pending.active if not machine.edges[n].inbox)
            expected = Waiting("round", machine.round, LABEL, missing)
            assert missing
        elif machine.ended and not machine.done:
            expected = Waiting("disk", machine.round, "result", ())
        elif not self.turn and not machine.ended:
            assert machine.taken - machine.durable == WINDOW
            expected = Waiting("disk", machine.round, "checkpoint", ())
        assert machine.waiting() == expected

    def teardown(self) -> None:
        """Once nothing goes wrong any more, the run ends, with the result of the undisturbed one."""
        if not hasattr(self, "machine"):
            return
        for name in NAMES:
            self.attach(name)
        for _ in range(2000):
            if self.machine.done and all(n.durable_round == DONE for n in self.neighbours.values()):
                break
            if self.turn:
                self.program_goes_on()
            if self.writing:
                self.write_finishes(0)
            for name, neighbour in self.neighbours.items():
                self.neighbour_goes_on(name, 1)
                self.neighbour_is_heard(name, 1)
                neighbour.durable = neighbour.reachable()[-1]
            self.durable_round_never_decreases_and_is_on_disk()
            self.edges_count_and_keep_what_they_must()
        assert self.machine.done
        assert self.chain == self.script.chains[-1]


TestRoundMachine = RoundMachineRules.TestCase
TestRoundMachine.settings = settings(
    max_examples=300,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
