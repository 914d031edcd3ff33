"""Whatever comes in on the streams that a peer accepts: through its decoder, its machine, and back onto the disk.

The input is what some streams bring, one message after the other. Each has three bytes before it: the number of its
stream, and its length; or it says that a stream ends. The peer is the real machine; what it wants to be done is done
here as a peer's shell does it, up to sockets and files: everything sent is encoded, every record is read again.
"""

from collections.abc import Iterator
from dataclasses import replace

from peer.config import canonical_spec
from peer.program.bounds import MAX_COUNT
from peer.protocol import effects
from peer.protocol.errors import LocalProtocolError, RemoteProtocolError
from peer.protocol.events import ConnectionLost, Event, MessageReceived, RoundRequested
from peer.protocol.facts import PeerFact
from peer.protocol.launch import facts_of
from peer.protocol.machine import PeerMachine
from peer.protocol.messages import Attach, Value
from peer.protocol.payload import Tensor
from peer.runtime.access import Loopback
from peer.runtime.examiner import BoundedExaminer
from peer.state.recording import KeptRecord, decode_record, encode_record
from peer.wire.envelope import decode_message, encode_message
from tests.support.problems import dif_spec, network_of

NAME = "p1"
NETWORK = network_of([("p0", NAME)])
FACT = PeerFact(dim=6, num_tasks=2, num_samples=16, min_samples=8, max_samples=8)
SPEC = canonical_spec(dif_spec(rank=2, iterations=4))
STREAMS = 4
ENDS = 0x80
"""Set in the first byte: this stream ends here."""
MOST_MESSAGES = 40

OWN = (Tensor("<f8", (1,), bytes(8)),)


def hear(data: bytes) -> None:
    """Give a peer all of it."""
    shell = Shell()
    for stream, message in cut(data):
        if message is None:
            shell.lose(stream)
        else:
            shell.arrived(stream, message)


def cut(data: bytes) -> Iterator[tuple[int, bytes | None]]:
    """The messages of an input, with their streams; None where one ends."""
    at = 0
    for _ in range(MOST_MESSAGES):
        if at >= len(data):
            return
        stream = data[at] % STREAMS
        if data[at] & ENDS:
            yield stream, None
            at += 1
            continue
        size = int.from_bytes(data[at + 1 : at + 3])
        yield stream, data[at + 3 : at + 3 + size]
        at += 3 + size


def joined(*messages: tuple[int, bytes | None]) -> bytes:
    """The input of :func:`cut`."""
    return b"".join(
        bytes([stream | ENDS]) if data is None else bytes([stream]) + len(data).to_bytes(2) + data
        for stream, data in messages
    )


class Shell:
    """What a peer's node does around its machine."""

    def __init__(self) -> None:
        self.machine = PeerMachine(
            NETWORK, NAME, 1, BoundedExaminer(NETWORK, FACT, Loopback()), software="difpeer"
        )
        self.numbers = list(range(STREAMS))
        self.stopped = False
        self.carry_out(self.machine.start())

    def arrived(self, stream: int, data: bytes) -> None:
        """A message on a stream."""
        connection = self.numbers[stream]
        try:
            message = decode_message(data)
        except RemoteProtocolError:
            self.lose(stream)
            return
        if isinstance(message, Attach):
            # No input could guess it.
            engine = self.machine.engines.get(message.run)
            if engine is not None and message.config_digest == bytes(32):
                message = replace(message, config_digest=engine.attach("p0").config_digest)
        self.feed(MessageReceived(connection, message))

    def lose(self, stream: int) -> None:
        """A stream ends, and the next message that names it is the first of a new one."""
        connection = self.numbers[stream]
        self.numbers[stream] = max(self.numbers) + 1
        self.feed(ConnectionLost(connection))

    def feed(self, event: Event) -> None:
        """One event, unless the peer has stopped."""
        if not self.stopped:
            self.carry_out(self.machine.handle(event))

    def carry_out(self, out: list[effects.Effect]) -> None:
        """Do what the machine says."""
        for effect in out:
            match effect:
                case effects.Send():
                    self.send(effect)
                case effects.Close(connection) if connection in self.numbers:
                    self.lose(self.numbers.index(connection))
                case effects.Persist(record):
                    kept = KeptRecord(record, {})
                    assert decode_record(b"".join(encode_record(kept, NAME)), NAME, record.run) == kept
                case effects.StartProgram(run):
                    assert 0 < facts_of(effect.table).dim <= MAX_COUNT
                    self.feed(RoundRequested(run, "descent", {"p0": OWN}, frozenset({"p0"})))
                case effects.DeliverRound(run):
                    self.feed(RoundRequested(run, "descent", {"p0": OWN}, frozenset({"p0"})))
                case effects.StopPeer():
                    self.stopped = True

    def send(self, effect: effects.Send) -> None:
        """Only a program can want what cannot be sent."""
        try:
            encode_message(effect.message)
        except LocalProtocolError:
            assert isinstance(effect.message, Value)
