"""A virtual wire with delays, cuts and loss noticed late, and a disk that forgets what was not synced, or is full."""

import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from peer.protocol.effects import WriteCheckpoint
from peer.protocol.messages import DONE, Message
from peer.protocol.records import Checkpoint, RunRecord, loadable


@dataclass(slots=True)
class Direction:
    """One direction of a stream: in order, each message with its own delay."""

    receiver: str
    process: int
    """Of the receiver, how often it was started: what arrives for a dead process is lost."""
    queue: deque[Message] = field(default_factory=deque)
    last_at: float = 0.0
    held_until: float = 0.0
    """What a cut leaves on the way may arrive after the next connection has spoken."""
    cut: bool = False


@dataclass(slots=True)
class Stream:
    """A stream between two processes; each side notices its end for itself."""

    connection: int
    directions: dict[str, Direction]
    """By sender."""


@dataclass
class Disk:
    """What of one peer survives a kill: synced records, and any of the unfinished writes."""

    incarnation: int = 0
    records: dict[str, RunRecord] = field(default_factory=dict)
    checkpoints: dict[str, dict[int, Checkpoint]] = field(default_factory=dict)
    writing: list[WriteCheckpoint] = field(default_factory=list)
    finals: dict[str, Mapping[str, object]] = field(default_factory=dict)
    loaded: dict[str, int] = field(default_factory=dict)
    """By run: the newest checkpoint at the last start; the peer has announced it."""
    full_until: float = 0.0
    """No write succeeds before: it is full, read-only or broken."""

    def finish(self, rng: random.Random) -> WriteCheckpoint:
        """One of the writes under way ends: its file is renamed and its folder synced."""
        write = self.writing.pop(rng.randrange(len(self.writing)))
        checkpoint = write.checkpoint
        kept = self.checkpoints.setdefault(checkpoint.run, {})
        kept[checkpoint.index] = checkpoint
        for index in [index for index in kept if index < write.keep_from]:
            del kept[index]
        if checkpoint.final:
            self.finals[checkpoint.run] = checkpoint.state
        return write

    def crash(self, rng: random.Random) -> None:
        """Kill: the process is gone, the disk did some of what was under way."""
        for _ in range(rng.randint(0, len(self.writing))):
            self.finish(rng)
        self.writing.clear()

    def damage(self) -> bool:
        """Damage the newest checkpoint of a run, where the peer still keeps the one before loadable."""
        for run, kept in self.checkpoints.items():
            files = loadable(kept.values())
            if files and not files[-1].final and files[-1].index > self.loaded.get(run, 0):
                del kept[files[-1].index]
                return True
        return False

    def drop(self, run: str) -> None:
        """The run is over: checkpoints go, the result stays."""
        self.checkpoints.pop(run, None)
        self.writing = [write for write in self.writing if write.checkpoint.run != run]

    def holds(self, run: str) -> int:
        """The round that a start would resume from; DONE where it would find the result."""
        if run not in self.checkpoints:
            return DONE if run in self.finals else 0
        files = loadable(self.checkpoints[run].values())
        return 0 if not files else DONE if files[-1].final else files[-1].round

    def load(self) -> dict[str, list[Checkpoint]]:
        """By run, what a start finds."""
        found = {run: loadable(kept.values()) for run, kept in self.checkpoints.items()}
        self.loaded = {run: files[-1].index for run, files in found.items() if files}
        return found
