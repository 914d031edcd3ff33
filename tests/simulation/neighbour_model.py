"""One round machine's surroundings, written out by hand: a program, a disk, and neighbours that keep the rules."""

import hashlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from peer.protocol.messages import DONE, Attach, Confirm, Durable, Value
from peer.protocol.payload import EMPTY, Payload, Tensor, payload_digest
from peer.protocol.rounds import GENERATIONS, WINDOW

RUN = "run"
LABEL = "chain"
CONFIG = bytes(32)


def one_array(data: bytes) -> Payload:
    return (Tensor("|u1", (len(data),), data),)


@dataclass(frozen=True)
class Script:
    """What everybody computes: rounds between checkpoints, and which neighbour sends and gets in each.

    ``masks[s][n]`` is (own peer sends to n, n sends to own peer); the edge is active where either is true. What the
    neighbours send does not depend on what they get, so the undisturbed run is known beforehand.
    """

    intervals: tuple[int, ...]
    masks: tuple[Mapping[str, tuple[bool, bool]], ...]
    names: tuple[str, ...]

    @cached_property
    def checkpoint_rounds(self) -> tuple[int, ...]:
        """Round of each checkpoint; 0 is the start, the last one has the result."""
        ends = [sum(self.intervals[:i]) for i in range(len(self.intervals) + 1)]
        return (*ends, ends[-1])

    def active(self, name: str) -> list[int]:
        """Rounds in which the edge is active: its messages, by seq."""
        return [s for s, mask in enumerate(self.masks) if any(mask[name])]

    def count_before(self, name: str, number: int) -> int:
        """Messages of the edge before a round."""
        return sum(s < number for s in self.active(name))

    def theirs(self, name: str, seq: int) -> Payload:
        """What a neighbour sends."""
        sends = self.masks[self.active(name)[seq]][name][1]
        return one_array(hashlib.sha256(f"{name} {seq}".encode()).digest()) if sends else EMPTY

    def ours(self, name: str, number: int) -> Payload:
        """What the own peer sends in a round."""
        sends = self.masks[number][name][0]
        return one_array(hashlib.sha256(self.chains[number] + name.encode()).digest()) if sends else EMPTY

    @cached_property
    def chains(self) -> tuple[bytes, ...]:
        """State of the own program before each round, and at its end."""
        chains = [b"start"]
        for number in range(len(self.masks)):
            values = {
                n: self.theirs(n, self.count_before(n, number))
                for n in self.names
                if self.masks[number][n][1]
            }
            chains.append(mixed(chains[-1], values))
        return tuple(chains)


def mixed(chain: bytes, values: Mapping[str, Payload]) -> bytes:
    """The program: every value that came, and their order, changes all that follows."""
    digest = hashlib.sha256(chain)
    for name, payload in values.items():
        digest.update(name.encode() + payload[0].data)
    return digest.digest()


@dataclass
class Neighbour:
    """A neighbour that keeps the rules; only its edge to the own peer is told of.

    Attributes
    ----------
    sent, got, used, most : int
        Messages it has sent, received in order, and combined; the most it had ever sent.
    durable : int
        Index of the oldest checkpoint that it may load again.
    cursor : int or None
        Next message that the own peer wants, on the current connection; None while detached.
    known : int
        Durable round of the own peer, as it was told.
    """

    name: str
    script: Script
    sent: int = 0
    got: int = 0
    used: int = 0
    most: int = 0
    durable: int = 0
    cursor: int | None = None
    known: int = 0
    to_us: deque[Value | Confirm | Durable] = field(default_factory=deque)
    to_them: deque[Value | Confirm | Durable] = field(default_factory=deque)

    @property
    def durable_round(self) -> int:
        final = len(self.script.checkpoint_rounds) - 1
        return DONE if self.durable == final else self.script.checkpoint_rounds[self.durable]

    @property
    def can_enter(self) -> bool:
        """Whether it may go on to its next active round: it has combined what came before, and its disk keeps up."""
        active = self.script.active(self.name)
        if not self.used == self.sent < len(active):
            return False
        taken = sum(number <= active[self.sent] for number in self.script.checkpoint_rounds[1:-1])
        return self.durable > taken - WINDOW - GENERATIONS

    @property
    def can_use(self) -> bool:
        return self.used < min(self.sent, self.got)

    def reachable(self) -> list[int]:
        """Checkpoints that it can have taken by now."""
        before = [self.script.count_before(self.name, number) for number in self.script.checkpoint_rounds]
        return [index for index, count in enumerate(before) if self.durable <= index and count <= self.used]

    def message(self, seq: int) -> Value | Confirm:
        number = self.script.active(self.name)[seq]
        payload = self.script.theirs(self.name, seq)
        digest = payload_digest(number, LABEL, payload)
        assert self.cursor is not None
        if seq < self.cursor:
            return Confirm(RUN, seq, number, digest, self.durable_round)
        return Value(RUN, seq, number, LABEL, payload, digest, self.durable_round)

    def enter(self) -> None:
        self.sent += 1
        self.most = max(self.most, self.sent)
        if self.cursor is not None:
            self.to_us.append(self.message(self.sent - 1))

    def attach(self, theirs: Attach) -> Attach:
        """Both sides attach: what they want is sent again."""
        self.hear(theirs.durable)
        self.cursor = theirs.wanted
        self.to_us.extend(self.message(seq) for seq in range(theirs.wanted, self.sent))
        return Attach(RUN, CONFIG, self.got, self.durable_round)

    def detach(self) -> None:
        self.cursor = None
        self.to_us.clear()
        self.to_them.clear()

    def restart(self, index: int) -> None:
        """It loads a checkpoint: what came in since then, used or not, is lost."""
        self.detach()
        self.durable = index
        self.sent = self.used = self.got = self.script.count_before(
            self.name, self.script.checkpoint_rounds[index]
        )

    def receive(self) -> None:
        """Take the next message of the own peer, and look at it."""
        message = self.to_them.popleft()
        self.hear(message.durable)
        if isinstance(message, Durable):
            return
        number = self.script.active(self.name)[message.seq]
        payload = self.script.ours(self.name, number)
        assert (message.round, message.digest) == (number, payload_digest(number, LABEL, payload))
        if isinstance(message, Value):
            assert message.payload == payload
            assert message.seq <= self.got, "a gap"
            self.got = max(self.got, message.seq + 1)
        else:
            assert message.seq < self.got, "only a digest of what is not here"

    def hear(self, durable: int) -> None:
        """The own peer's durable round never decreases."""
        assert durable >= self.known
        self.known = durable
