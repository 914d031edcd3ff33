"""The exact simulator: one round machine per peer and a virtual wire; the bits of the network.

Everything a real peer does between its sockets happens here too, in one thread and without clocks: the same
machine, the same interpreter, the same order of sums.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from peer import __version__
from peer.config import RunFailed, RunSpec, canonical_spec
from peer.data.store import LocalData, problem_of
from peer.program import Array
from peer.protocol import effects, events
from peer.protocol.facts import own_fact
from peer.protocol.interpreter import Command, Interpreter, ProgressCommand, RoundCommand
from peer.protocol.launch import FactExaminer, facts_of, start_program
from peer.protocol.machine import PeerMachine
from peer.protocol.messages import Offer, Value
from peer.protocol.payload import Payload, payload_bytes
from peer.protocol.records import RunState
from peer.simulate.host import Host
from topology.network import Network

RUN = "simulated"

OnProgress = Callable[[str, ProgressCommand], None]


@dataclass
class ExactResult:
    """What a run came to.

    Attributes
    ----------
    results : dict of str to dict of str to array
        By peer: what its program returned, as a block of one (``U`` is (1, d, r)).
    rounds : Counter of str
        Rounds by label.
    payload_bytes : Counter of str
        Payload bytes sent by all peers, by label.
    """

    results: dict[str, Mapping[str, Array]] = field(default_factory=dict)
    rounds: Counter[str] = field(default_factory=Counter)
    payload_bytes: Counter[str] = field(default_factory=Counter)


def run_exact(
    spec: RunSpec,
    network: Network,
    data: Mapping[str, LocalData],
    on_progress: OnProgress | None = None,
) -> ExactResult:
    """Run a spec on round machines joined by a virtual wire.

    Parameters
    ----------
    spec : RunSpec
        What to run.
    network : Network
        The peers and their edges.
    data : mapping of str to LocalData
        By peer: its tasks.
    on_progress : callable, optional
        Called with the peer's name and the numbers of each of its iterations.

    Returns
    -------
    ExactResult
        Results, rounds and payload bytes.

    Raises
    ------
    RunFailed
        If the run ends with a tombstone; the message names the peer and the reason.
    """
    world = _World(network, data, on_progress)
    world.connect()
    world.handle(network.names[0], events.Submitted(0, Offer(RUN, canonical_spec(spec))))
    world.run()
    return world.result()


class _Stepped:
    """An interpreter whose three steps are one; counts its rounds by label."""

    def __init__(self, interpreter: Interpreter, rounds: Counter[str]) -> None:
        self._interpreter = interpreter
        self._rounds = rounds

    def step(self, values: Mapping[str, Payload] | None) -> Command:
        if values is not None:
            self._interpreter.decode(values)
        command = self._interpreter.encode(self._interpreter.advance())
        if isinstance(command, RoundCommand):
            self._rounds[command.label] += 1
        return command


class _World:
    """A wire without delay, a disk without faults."""

    def __init__(
        self, network: Network, data: Mapping[str, LocalData], on_progress: OnProgress | None
    ) -> None:
        self._network = network
        self._data = data
        self._on_progress = on_progress
        self._queue: deque[tuple[str, events.Event]] = deque()
        self._ends: dict[tuple[str, int], str] = {}
        self._result = ExactResult()
        self._hosts = {name: Host(self._machine(name), self) for name in network.names}

    def connect(self) -> None:
        """Open a stream for every edge."""
        for connection, edge in enumerate(self._network.edges):
            dialler = edge.dialler
            other = edge.second if dialler == edge.first else edge.first
            self._ends[dialler, connection] = other
            self._ends[other, connection] = dialler
            self.handle(dialler, events.Dialled(other, connection))
        self.run()

    def handle(self, name: str, event: events.Event) -> None:
        """Queue an event."""
        self._queue.append((name, event))

    def run(self) -> None:
        """Handle events until there are none."""
        while self._queue:
            name, event = self._queue.popleft()
            self._hosts[name].handle(event)

    def result(self) -> ExactResult:
        """Check that every peer has closed the run."""
        for name, host in self._hosts.items():
            record = host.machine.records[RUN]
            if record.reason is not None:
                raise RunFailed(f"run {record.reason.kind} at {record.reason.peer}: {record.reason.text}")
            if record.state is not RunState.CLOSED:
                raise RunFailed(f"run stands still: {name} waits, {host.machine.waiting(RUN)}")
        return self._result

    def before_effect(self, host: Host) -> bool:
        del host
        return True

    def start_program(self, host: Host, effect: effects.StartProgram) -> _Stepped:
        problem = problem_of(self._data[host.name], facts_of(effect.table))
        interpreter = start_program(effect.spec, self._network, host.name, problem, effect.state)
        # Rounds are the same at all peers: those of the first one are counted.
        first = host.name == self._network.names[0]
        return _Stepped(interpreter, self._result.rounds if first else Counter())

    def progress(self, host: Host, run: str, command: ProgressCommand) -> None:
        del run
        if self._on_progress is not None:
            self._on_progress(host.name, command)

    def perform(self, host: Host, effect: effects.Effect) -> None:
        match effect:
            case effects.Send(connection, _, message):
                if isinstance(message, Value):
                    self._result.payload_bytes[message.label] += payload_bytes(message.payload)
                self.handle(self._ends[host.name, connection], events.MessageReceived(connection, message))
            case effects.WriteCheckpoint(checkpoint):
                if checkpoint.final:
                    self._result.results[host.name] = checkpoint.state
                self.handle(host.name, events.CheckpointDurable(RUN, checkpoint.index))

    def _machine(self, name: str) -> PeerMachine:
        local = self._data[name]
        fact = own_fact(local.task_ptr, local.dim, software=__version__, profile="simulation")
        return PeerMachine(self._network, name, 1, FactExaminer(self._network, fact), software=__version__)
