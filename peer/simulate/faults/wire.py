"""A virtual wire with delays, cuts and loss noticed late, and a disk that forgets what was not synced."""

import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from peer.protocol.effects import WriteCheckpoint
from peer.protocol.messages import Message
from peer.protocol.records import Checkpoint, RunRecord


@dataclass(slots=True)
class Direction:
    """One direction of a stream: in order, each message with its own delay."""

    receiver: str
    incarnation: int
    """Of the receiver: what arrives for a dead process is lost."""
    queue: deque[Message] = field(default_factory=deque)
    last_at: float = 0.0
    cut: bool = False


@dataclass(slots=True)
class Stream:
    """A stream between two processes; each side notices its end for itself."""

    connection: int
    directions: dict[str, Direction]
    """By sender."""

    def other(self, name: str) -> Direction:
        """The direction towards ``name``'s other end."""
        return self.directions[name]


@dataclass
class Disk:
    """What of one peer survives a kill: synced records, and any prefix of the unfinished writes."""

    incarnation: int = 0
    records: dict[str, RunRecord] = field(default_factory=dict)
    checkpoints: dict[str, dict[int, Checkpoint]] = field(default_factory=dict)
    writing: deque[WriteCheckpoint] = field(default_factory=deque)
    finals: dict[str, Mapping[str, object]] = field(default_factory=dict)

    def finish(self, write: WriteCheckpoint) -> None:
        """The file is renamed and its folder synced; older ones that nobody needs go."""
        checkpoint = write.checkpoint
        kept = self.checkpoints.setdefault(checkpoint.run, {})
        kept[checkpoint.index] = checkpoint
        for index in [index for index in kept if index < write.keep_from]:
            del kept[index]
        if checkpoint.final:
            self.finals[checkpoint.run] = checkpoint.state

    def survive(self, rng: random.Random) -> None:
        """Kill: the process is gone, the disk did some of what was under way."""
        for _ in range(rng.randint(0, len(self.writing))):
            self.finish(self.writing.popleft())
        self.writing.clear()

    def drop(self, run: str) -> None:
        """The run is over: checkpoints go, the result stays."""
        self.checkpoints.pop(run, None)
        for write in [write for write in self.writing if write.checkpoint.run == run]:
            self.writing.remove(write)

    def load(self) -> dict[str, list[Checkpoint]]:
        """By run, ascending."""
        return {run: [kept[index] for index in sorted(kept)] for run, kept in self.checkpoints.items()}


Action = Callable[[], None]
