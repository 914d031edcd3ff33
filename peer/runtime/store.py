"""Where run records and checkpoints are kept."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from peer.protocol.records import Checkpoint, RunRecord

__all__ = ["MemoryStore", "Store"]


class Store(Protocol):
    """What the shell needs of a store; all methods are called in the loop."""

    def records(self) -> Iterable[RunRecord]:
        """Every run's newest record, when the peer starts."""

    def checkpoints(self) -> Mapping[str, Sequence[Checkpoint]]:
        """By run, ascending and without gaps, when the peer starts."""

    def persist(self, record: RunRecord) -> None:
        """Make a record durable before returning."""

    def write(self, checkpoint: Checkpoint, keep_from: int, durable: Callable[[], None]) -> None:
        """Begin to write a checkpoint, and call ``durable`` in the loop when it is on disk.

        Checkpoints of the run with an index below ``keep_from`` may go then.
        """

    def drop(self, run: str) -> None:
        """The run is over: only its final checkpoint is still of use."""

    def result(self, run: str) -> Checkpoint | None:
        """The final checkpoint of a run, where there is one."""


class MemoryStore:
    """Keeps everything in memory, and therefore nothing beyond the process.

    A peer that restarts has lost its runs. It says Hello with a higher incarnation and knows of no run; a neighbour
    that still has one offers it again, hears that the newcomer has lost durable state, and ends the run by name.
    What a store on disk changes is this class only: the order of effects is already the one that recovery needs.
    """

    def __init__(self) -> None:
        self._records: dict[str, RunRecord] = {}
        self._checkpoints: dict[str, list[Checkpoint]] = {}

    def records(self) -> Iterable[RunRecord]:
        """Every run's newest record."""
        return self._records.values()

    def checkpoints(self) -> Mapping[str, Sequence[Checkpoint]]:
        """By run, ascending."""
        return self._checkpoints

    def persist(self, record: RunRecord) -> None:
        """Keep a record."""
        self._records[record.run] = record

    def write(self, checkpoint: Checkpoint, keep_from: int, durable: Callable[[], None]) -> None:
        """Keep a checkpoint; it is as durable as it will ever be."""
        kept = [old for old in self._checkpoints.get(checkpoint.run, ()) if old.index >= keep_from]
        self._checkpoints[checkpoint.run] = [*kept, checkpoint]
        durable()

    def drop(self, run: str) -> None:
        """Keep the final checkpoint only."""
        final = self.result(run)
        self._checkpoints.pop(run, None)
        if final is not None:
            # What its last interval sent is of no use either: nobody will ask for it again.
            self._checkpoints[run] = [replace(final, edges={})]

    def result(self, run: str) -> Checkpoint | None:
        """The final checkpoint of a run, where there is one."""
        return next((kept for kept in self._checkpoints.get(run, ()) if kept.final), None)
