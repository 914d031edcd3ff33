"""Parts for the protocol's tests: payloads, a machine of rounds, and peers joined by a pretend wire."""

from collections import deque
from collections.abc import Mapping, Sequence

from peer.protocol import effects, events
from peer.protocol.examiner import Refusal
from peer.protocol.machine import PeerMachine
from peer.protocol.messages import Attach, Message, Offer, Value
from peer.protocol.payload import Payload, Tensor, payload_digest
from peer.protocol.records import RunRecord
from peer.protocol.rounds import RoundMachine
from tests.support.problems import network_of

CONFIG = bytes(32)
RUN = "run-1"


def payload(text: str) -> Payload:
    return (Tensor("|u1", (len(text),), text.encode()),)


def value(seq: int, number: int, text: str = "x", label: str = "mean", durable: int = 0) -> Value:
    carried = payload(text) if text else ()
    return Value(RUN, seq, number, label, carried, payload_digest(number, label, carried), durable)


def rounds(*names: str, interval: int = 3, checkpoints=()) -> RoundMachine:
    return RoundMachine(RUN, CONFIG, names, interval, checkpoints)


def attached(*names: str, **options) -> RoundMachine:
    """A machine that is attached to all its neighbours, on connections 1, 2, ..."""
    machine = rounds(*names, **options)
    for connection, name in enumerate(names, start=1):
        machine.attached(name, connection, Attach(RUN, CONFIG, 0, 0))
    return machine


def enter(machine: RoundMachine, text: str = "own", label: str = "mean") -> list[effects.Effect]:
    """Enter a round that is active on every edge in both directions."""
    return machine.request_round(label, dict.fromkeys(machine.edges, payload(text)), frozenset(machine.edges))


def messages(out: list[effects.Effect]) -> list[Message]:
    return [effect.message for effect in out if isinstance(effect, effects.Send)]


def of_type(out: list[effects.Effect], kind: type) -> list:
    return [effect for effect in out if isinstance(effect, kind)]


class NameExaminer:
    """The fact of a peer is its name; what does not fit is told by the test."""

    def __init__(
        self,
        name: str,
        refusal: str | None = None,
        unfit: str | None = None,
        operators: Sequence[str] = ("",),
    ) -> None:
        self._name = name
        self._operators = operators
        self._refusal = refusal
        self._unfit = unfit

    def unsigned(self, offer: Offer) -> str | None:
        return None if offer.operator in self._operators else f"{offer.operator} is nobody"

    def fact(self, spec: bytes) -> bytes | Refusal:
        del spec
        return Refusal(self._refusal) if self._refusal else self._name.encode()

    def verdict(self, spec: bytes, table: Mapping[str, bytes]) -> str | None:
        del spec, table
        return self._unfit

    def interval_rounds(self, spec: bytes) -> int:
        del spec
        return 3


class Peers:
    """Machines joined by a pretend wire: messages arrive in order, one stream after the other."""

    def __init__(self, *edges: tuple[str, str], examiners: Mapping[str, NameExaminer] | None = None) -> None:
        self.network = network_of(edges)
        self.examiners = {name: NameExaminer(name) for name in self.network.names} | dict(examiners or {})
        self.machines: dict[str, PeerMachine] = {}
        self.records: dict[str, dict[str, RunRecord]] = {name: {} for name in self.network.names}
        self.out: dict[str, list[effects.Effect]] = {name: [] for name in self.network.names}
        self.queue: deque[tuple[str, int, Message]] = deque()
        self.streams: dict[int, tuple[str, str]] = {}
        for name in self.network.names:
            self.start(name)

    def start(self, name: str, incarnation: int = 1) -> None:
        records = self.records[name].values()
        self.machines[name] = PeerMachine(self.network, name, incarnation, self.examiners[name], records)
        self.carry_out(name, self.machines[name].start())

    def connect(self) -> None:
        for edge in self.network.edges:
            self.dial(edge.dialler, edge.first if edge.dialler == edge.second else edge.second)
        self.pump()

    def dial(self, name: str, near: str) -> int:
        connection = len(self.streams) + 1
        self.streams[connection] = (name, near)
        self.do(name, events.Dialled(near, connection))
        return connection

    def do(self, name: str, event: events.Event) -> list[effects.Effect]:
        """Handle an event at a peer; returns its effects, which are carried out too."""
        out = self.machines[name].handle(event)
        self.carry_out(name, out)
        return out

    def hear(self, name: str, connection: int, message: Message) -> list[effects.Effect]:
        return self.do(name, events.MessageReceived(connection, message))

    def pump(self) -> None:
        while self.queue:
            name, connection, message = self.queue.popleft()
            self.hear(name, connection, message)

    def carry_out(self, name: str, out: list[effects.Effect]) -> None:
        self.out[name] += out
        for effect in out:
            if isinstance(effect, effects.Persist):
                self.records[name][effect.record.run] = effect.record
            if isinstance(effect, effects.Send):
                first, second = self.streams[effect.connection]
                self.queue.append((second if name == first else first, effect.connection, effect.message))

    def states(self, run: str = RUN) -> dict[str, str | None]:
        found = {name: machine.records.get(run) for name, machine in self.machines.items()}
        return {name: record.state.value if record else None for name, record in found.items()}


def pair() -> Peers:
    """Two peers, connected."""
    peers = Peers(("p0", "p1"))
    peers.connect()
    return peers


def running() -> Peers:
    """Two peers, connected, with a run whose table is complete."""
    peers = pair()
    peers.do("p0", events.Submitted(1, Offer(RUN, b"{}")))
    peers.pump()
    return peers
