"""The scheduler: many machines, one clock, one seed; everything that can go wrong between two events."""

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable, Mapping

from peer.protocol import effects, events
from peer.protocol.examiner import Refusal
from peer.protocol.interpreter import ProgressCommand
from peer.protocol.machine import PeerMachine
from peer.protocol.messages import Attach, Hello, Offer
from peer.protocol.records import RunRecord, RunState
from peer.simulate.faults.plan import HashChain, Plan
from peer.simulate.faults.rates import Rates
from peer.simulate.faults.wire import Direction, Disk, Stream
from peer.simulate.host import Host, SteppedProgram
from topology.network import Network

Action = Callable[[], None]


class PlanExaminer:
    """Answers about plans; ``unfit`` peers refuse the specs of that set."""

    def __init__(self, name: str, unfit: Mapping[bytes, str]) -> None:
        self._name = name
        self._unfit = unfit

    def unsigned(self, offer: Offer) -> None:
        """Everybody may submit."""

    def fact(self, spec: bytes) -> bytes | Refusal:
        """A name is fact enough."""
        if self._unfit.get(spec) == self._name:
            return Refusal(f"{self._name} does not fit")
        return self._name.encode()

    def verdict(self, spec: bytes, table: Mapping[str, bytes]) -> str | None:
        """Every table fits."""
        del spec, table
        return None

    def interval_rounds(self, spec: bytes) -> int:
        """K of the plan."""
        return max(Plan.from_spec(spec).intervals)


class FaultWorld:
    """A network of virtual peers under seeded faults.

    Parameters
    ----------
    network : Network
        The peers and who dials whom.
    rng : random.Random
        Every choice comes from it.
    rates : Rates
        How much goes wrong.
    unfit : mapping of bytes to str
        Specs that a named peer refuses.
    """

    machine_type = PeerMachine
    log_length: int | None = 80

    def __init__(
        self,
        network: Network,
        rng: random.Random,
        rates: Rates,
        unfit: Mapping[bytes, str],
    ) -> None:
        self.network = network
        self.rng = rng
        self.now = 0.0
        self.faults_over = False
        self.hosts: dict[str, Host] = {}
        self.disks = {name: Disk() for name in network.names}
        self.streams: dict[int, Stream] = {}
        self.answers: dict[int, effects.Answer] = {}
        self.stopped: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self.touched: list[str] = []
        """Peers that something happened to since the checks looked; so are the next two."""
        self.sent: list[tuple[str, str, effects.Send]] = []
        self.persisted: list[tuple[str, RunRecord]] = []
        self.rates = rates
        self._unfit = unfit
        self._log: deque[tuple[float, str, object]] = deque(maxlen=self.log_length)
        self._heap: list[tuple[float, int, Action]] = []
        self._tie = 0
        self._connections = 0
        self._processes: Counter[str] = Counter()

    # The clock

    def at(self, delay: float, action: Action) -> None:
        """Do something later."""
        self._tie += 1
        heapq.heappush(self._heap, (self.now + delay, self._tie, action))

    def step(self) -> bool:
        """Do what comes next; False when nothing does."""
        if not self._heap:
            return False
        self.now, _, action = heapq.heappop(self._heap)
        self.counts["events"] += 1
        action()
        return True

    def log(self) -> list[str]:
        """The last events, as text."""
        return [f"{at:8.3f} {who} {what}" for at, who, what in self._log]

    # Faults

    def boot(self, name: str) -> None:
        """Start a peer from its disk, if it is down."""
        if name in self.hosts or name in self.stopped:
            return
        disk = self.disks[name]
        if self._full(disk):
            self.counts["full_at_start"] += 1
            self.at(self.rng.uniform(0.5, 3.0), lambda: self.boot(name))
            return
        disk.incarnation += 1
        self._processes[name] += 1
        self._note(name, f"boots, incarnation {disk.incarnation}")
        machine = self.machine_type(
            self.network, name, disk.incarnation, self.examiner(name), disk.records.values(), disk.load()
        )
        host = self.hosts[name] = Host(machine, self)
        host.start()
        for near in self.network.neighbours(name):
            if self.network.edge(name, near).dialler == name:
                self.at(self._delay(), lambda near=near: self.dial(name, near))  # type: ignore[misc]

    def kill(self, name: str) -> None:
        """The process is gone at this instant; it is started again after a while."""
        if self.hosts.pop(name, None) is None:
            return
        disk = self.disks[name]
        self._count_kill(disk)
        self._note(name, "is killed")
        disk.crash(self.rng)
        if self.rng.random() < self.rates.damage and disk.damage():
            self.counts["damaged"] += 1
        for stream in [stream for stream in self.streams.values() if name in stream.directions]:
            self._end(stream, dead=name)
        self.at(self.rng.uniform(0.1, 6.0), lambda: self.boot(name))

    def fill(self, name: str) -> None:
        """A disk takes no writes for a while: a peer that needs one stops, and starts when there is room."""
        self.counts["full_disks"] += 1
        self._note(name, "has a full disk")
        self.disks[name].full_until = self.now + self.rng.uniform(1.0, 15.0)

    def end_faults(self) -> None:
        """From now on nothing goes wrong, and every disk has room."""
        self.faults_over = True
        for disk in self.disks.values():
            disk.full_until = 0.0

    def cut(self) -> None:
        """One stream breaks: any prefix of both queues still arrives, each side notices for itself."""
        if self.streams:
            self.counts["cuts"] += 1
            self._end(self.rng.choice(list(self.streams.values())))

    def dial(self, name: str, near: str, *, spurious: bool = False) -> None:
        """Open a stream, where there is somebody to open one."""
        host = self.hosts.get(name)
        if host is None or near in self.stopped:
            return
        if near not in self.hosts:
            self.at(self.rng.uniform(0.2, 2.0), lambda: self.dial(name, near))
            return
        if host.machine.connections.links[near].current is not None and not spurious:
            return
        self._connections += 1
        there = Direction(near, self._processes[near])
        back = Direction(name, self._processes[name])
        self.streams[self._connections] = Stream(self._connections, {name: there, near: back})
        self._handle(name, events.Dialled(near, self._connections))

    def submit(self, name: str, token: int, run: str, plan: Plan) -> None:
        """A client submits, and repeats it until the record is durable."""
        if name in self.hosts:
            self._handle(name, events.Submitted(token, Offer(run, plan.spec)))
        if token not in self.answers and name not in self.stopped:
            self.at(self.rng.uniform(0.5, 3.0), lambda: self.submit(name, token, run, plan))

    def cancel(self, name: str, run: str) -> None:
        """An operator cancels."""
        if name in self.hosts:
            self.counts["cancels"] += 1
            self._handle(name, events.CancelRequested(run, "asked for"))

    # World

    def before_effect(self, host: Host) -> bool:
        """Whether the peer lives on: it may be killed between any two effects."""
        if self.hosts.get(host.name) is not host:
            return False
        return not self._strikes(host.name, self.rates.kill)

    def examiner(self, name: str) -> PlanExaminer:
        """Who answers about plans at a peer."""
        return PlanExaminer(name, self._unfit)

    def start_program(self, host: Host, effect: effects.StartProgram) -> SteppedProgram:
        """The hash chain of the run's plan."""
        return HashChain(Plan.from_spec(effect.spec), self.network, host.name, effect.state)

    def progress(self, host: Host, run: str, command: ProgressCommand) -> None:
        """Hash chains show nothing."""

    def perform(self, host: Host, effect: effects.Effect) -> None:
        """Wire, disk and observers."""
        key = _is_key(effect)
        if key and self._strikes(host.name, self.rates.kill_at_key):
            return
        disk = self.disks[host.name]
        match effect:
            case effects.Send():
                self._send(host.name, effect)
            case effects.Close(connection):
                if connection in self.streams:
                    self._end(self.streams[connection])
            case effects.Persist(record):
                # A write that fails may be on the disk all the same: in fsync, or in the folder's.
                if not self._full(disk) or self.rng.random() < 0.3:
                    disk.records[record.run] = record
                    self.persisted.append((host.name, record))
                if self._full(disk):
                    self._stop_full(host.name)
                    return
            case effects.WriteCheckpoint():
                disk.writing.append(effect)
                self._schedule_write(host, disk)
            case effects.DropCheckpoints(run):
                disk.drop(run)
            case effects.Answer(token):
                self.answers[token] = effect
            case effects.StopPeer(reason):
                self.stopped[host.name] = reason
                self.kill(host.name)
        if key:
            self._strikes(host.name, self.rates.kill_at_key)

    def record(self, name: str, run: str) -> RunRecord | None:
        """What a peer's disk knows of a run."""
        return self.disks[name].records.get(run)

    # Inside

    def _delay(self) -> float:
        return self.rng.uniform(0.05, 1.0)

    def _strikes(self, name: str, chance: float) -> bool:
        """Whether the peer is killed here and now."""
        if self.faults_over or not chance or self.rng.random() >= chance:
            return False
        self.counts["kills_between_effects"] += 1
        self.kill(name)
        return True

    def _full(self, disk: Disk) -> bool:
        return self.now < disk.full_until

    def _stop_full(self, name: str) -> None:
        """A peer tells nobody what it could not write: it stops."""
        self.counts["stops_at_full_disks"] += 1
        self.kill(name)

    def _count_kill(self, disk: Disk) -> None:
        self.counts["kills"] += 1
        for run, record in disk.records.items():
            if record.live and not disk.checkpoints.get(run):
                self.counts["kills_before_checkpoint"] += 1
            if record.state in (RunState.DONE, RunState.CLOSED):
                self.counts["kills_after_done"] += 1

    def _handle(self, name: str, event: events.Event) -> None:
        host = self.hosts.get(name)
        if host is not None:
            self._note(name, event)
            host.handle(event)

    def _send(self, name: str, effect: effects.Send) -> None:
        self.sent.append((name, effect.neighbour, effect))
        stream = self.streams.get(effect.connection)
        direction = stream.directions.get(name) if stream is not None else None
        if stream is None or direction is None or direction.cut:
            return
        direction.queue.append(effect.message)
        self._schedule_delivery(stream, direction)

    def _schedule_delivery(self, stream: Stream, direction: Direction) -> None:
        at = direction.last_at = max(direction.last_at, self.now + self._delay())
        self.at(at - self.now, lambda: self._deliver(stream, direction))

    def _deliver(self, stream: Stream, direction: Direction) -> None:
        if not direction.queue:
            return
        if self.now < direction.held_until:
            self.at(direction.held_until - self.now, lambda: self._deliver(stream, direction))
            return
        message = direction.queue.popleft()
        name = direction.receiver
        if name in self.hosts and self._processes[name] == direction.process:
            if not direction.cut and not isinstance(message, Hello | Attach) and self._repeats():
                direction.queue.append(message)
                self._schedule_delivery(stream, direction)
            known = self.hosts[name].machine.connections.known(stream.connection)
            if known or isinstance(message, Hello):
                self._handle(name, events.MessageReceived(stream.connection, message))

    def _repeats(self) -> bool:
        """Whether a message arrives once more, behind what is on its way."""
        chance = self.rates.duplicate
        if self.faults_over or not chance or self.rng.random() >= chance:
            return False
        self.counts["duplicates"] += 1
        return True

    def _end(self, stream: Stream, dead: str | None = None) -> None:
        self.streams.pop(stream.connection, None)
        for sender, direction in stream.directions.items():
            direction.cut = True
            for _ in range(self.rng.randint(0, len(direction.queue))):
                direction.queue.pop()
            if direction.receiver != dead:
                direction.held_until = self.now + self.rng.choice((0.0, 0.0, 5.0))
                noticed = max(direction.last_at, direction.held_until) + self.rng.choice((0.01, 1.0, 8.0))
                self.at(
                    noticed - self.now,
                    lambda d=direction, s=sender: self._notice_end(stream.connection, d, s),  # type: ignore[misc]
                )

    def _notice_end(self, connection: int, direction: Direction, sender: str) -> None:
        name = direction.receiver
        if name not in self.hosts or self._processes[name] != direction.process:
            return
        self._handle(name, events.ConnectionLost(connection))
        if name in self.hosts and self.network.edge(name, sender).dialler == name:
            self.at(self.rng.uniform(0.1, 2.0), lambda: self.dial(name, sender))

    def _schedule_write(self, host: Host, disk: Disk) -> None:
        def finish() -> None:
            if self.hosts.get(host.name) is not host or not disk.writing:
                return
            if self._full(disk):
                self._stop_full(host.name)
            else:
                checkpoint = disk.finish(self.rng).checkpoint
                self._handle(host.name, events.CheckpointDurable(checkpoint.run, checkpoint.index))

        self.at(self.rng.expovariate(1.0 / self.rates.slow_disk), finish)

    def _note(self, who: str, what: object) -> None:
        self.touched.append(who)
        self._log.append((self.now, who, what))


def _is_key(effect: effects.Effect) -> bool:
    """Moments at which a kill is the hardest to survive."""
    match effect:
        case effects.Send(_, _, Hello()) | effects.Persist():
            return True
        case effects.WriteCheckpoint(checkpoint):
            return checkpoint.final
    return False
