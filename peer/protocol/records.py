"""What a peer keeps of a run: the record that is durable before anything is said of it, and checkpoints."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from peer.protocol.messages import Offer, Reason, Value
from peer.protocol.payload import Payload


class RunState(StrEnum):
    """Life of a run at one peer: accepted → running → done → closed, or a tombstone."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    DONE = "done"
    CLOSED = "closed"
    TOMB = "tomb"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run at one peer; written and synced before the effect that follows it.

    ``operator`` has submitted it, and their ``signature`` goes with every offer of it.
    ``reason`` is set at a tombstone, and at a run that was done here when it was cancelled elsewhere: the
    result stays, the duty to serve ends.
    """

    run: str
    spec: bytes
    state: RunState
    fact: bytes = b""
    table: Mapping[str, bytes] = field(default_factory=dict)
    reason: Reason | None = None
    operator: str = ""
    signature: bytes = b""

    @property
    def offer(self) -> Offer:
        """What neighbours are told of it first."""
        return Offer(self.run, self.spec, self.operator, self.signature)

    @property
    def live(self) -> bool:
        """Whether the run is accepted or running here."""
        return self.state in (RunState.ACCEPTED, RunState.RUNNING)

    @property
    def busy(self) -> bool:
        """Whether a new submit must be answered "busy"."""
        return self.live or (self.state is RunState.DONE and self.reason is None)


@dataclass(slots=True)  # not frozen: made for every message
class Sent:
    """A message kept until its receiver can never ask for it again."""

    seq: int
    round: int
    label: str
    payload: Payload
    digest: bytes

    def value(self, run: str, durable: int) -> Value:
        """What goes out for it, with the sender's durable round of now."""
        return Value(run, self.seq, self.round, self.label, self.payload, self.digest, durable)


@dataclass(frozen=True, slots=True)
class EdgeMark:
    """Where one edge stands at a checkpoint, and what the interval before it sent and used.

    Attributes
    ----------
    sent_seq, used_seq : int
        Next sequence number to send; next one to combine.
    neighbour_durable : int
        The neighbour's durable round as known then.
    sent : tuple of Sent
        Messages of this interval that the neighbour may still ask for.
    used : tuple of (seq, round, digest)
        Digests of the neighbour's messages combined in this interval.
    """

    sent_seq: int
    used_seq: int
    neighbour_durable: int
    sent: tuple[Sent, ...]
    used: tuple[tuple[int, int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint: the program's state and the increment of its interval.

    Attributes
    ----------
    index : int
        From 1; the start counts as checkpoint 0 and has no file.
    round : int
        Rounds finished when it was taken.
    needs : int
        Index of the oldest checkpoint whose increment is needed to load this one; see :func:`loadable`.
    final : bool
        Whether ``state`` is the program's result.
    """

    run: str
    index: int
    round: int
    needs: int
    final: bool
    state: Mapping[str, Any]
    edges: Mapping[str, EdgeMark]


def loadable(checkpoints: Iterable[Checkpoint]) -> list[Checkpoint]:
    """Choose what a restart loads: the newest checkpoint whose increments are all there, after those it needs.

    Parameters
    ----------
    checkpoints : iterable of Checkpoint
        Of one run, all that the state folder holds undamaged; any order, gaps allowed.

    Returns
    -------
    list of Checkpoint
        Ascending and without gaps; empty where none can be loaded, then the run starts again from its start.
    """
    held = {checkpoint.index: checkpoint for checkpoint in checkpoints}
    for index in sorted(held, reverse=True):
        wanted = range(held[index].needs, index + 1)
        if all(number in held for number in wanted):
            return [held[number] for number in wanted]
    return []
