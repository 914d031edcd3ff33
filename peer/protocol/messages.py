"""What peers say to each other on the stream of one edge.

``Hello`` and ``Attach`` are said once per connection; the others may be repeated freely. What is flooded
(``Offer``, ``Fact``, ``Tomb``, ``Done``, ``Closed``) is passed on by every peer that hears it first.
"""

from dataclasses import dataclass
from enum import StrEnum

from peer.protocol.payload import Payload

PROTOCOL_VERSION = 1

DONE = 2**63 - 1
"""The durable round of a peer whose final checkpoint is on disk: it will never ask for anything again."""


class TombKind(StrEnum):
    """Why a run will never be finished."""

    REFUSED = "refused"
    """A peer's data or version does not fit the spec."""
    LOST = "lost"
    """Another run, submitted at the same time, was taken."""
    CANCELLED = "cancelled"
    """An operator asked for it."""
    FAILED = "failed"
    """It could not go on; the reason names the peer."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a run ended without a result, and which peer says so."""

    kind: TombKind
    peer: str
    text: str


@dataclass(frozen=True, slots=True)
class Hello:
    """First message of each side on a connection.

    ``(incarnation, attempt)`` of the dialler orders the connections of an edge; ``attempt`` of an acceptor's
    answer repeats the dialler's.
    """

    version: int
    name: str
    incarnation: int
    attempt: int
    software: str


@dataclass(frozen=True, slots=True)
class OldIncarnation:
    """The acceptor has seen a later incarnation of the dialler than this one."""

    seen: int


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The sender stops on purpose; an end of stream without it is a crash or a cut."""

    reason: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A run is offered: its id, its canonical spec, and who has submitted it, with their signature.

    Without TLS there are no keys: ``operator`` and ``signature`` are empty.
    """

    run: str
    spec: bytes
    operator: str = ""
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class Fact:
    """What one peer brings to a run (dimension, tasks, samples, versions, profile), canonical JSON."""

    run: str
    peer: str
    fact: bytes


@dataclass(frozen=True, slots=True)
class Tomb:
    """The run is over without a result."""

    run: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Done:
    """The named peer's final checkpoint is durable."""

    run: str
    peer: str


@dataclass(frozen=True, slots=True)
class Closed:
    """All peers' final checkpoints are durable."""

    run: str


@dataclass(frozen=True, slots=True)
class Attach:
    """The sender's engine of a run is ready for values on this connection.

    ``wanted`` is the next edge sequence number it has not received, ``durable`` the round of the oldest
    checkpoint it may ever load again.
    """

    run: str
    config_digest: bytes
    wanted: int
    durable: int


@dataclass(frozen=True, slots=True)
class Durable:
    """The sender's durable round, where no value follows that could carry it."""

    run: str
    durable: int


@dataclass(slots=True)  # not frozen: made for every message
class Value:
    """One message of a round on one edge; ``seq`` counts the edge's active rounds."""

    run: str
    seq: int
    round: int
    label: str
    payload: Payload
    digest: bytes
    durable: int


@dataclass(frozen=True, slots=True)
class Confirm:
    """A value sent again after a restart, as its digest only: the neighbour has it already."""

    run: str
    seq: int
    round: int
    digest: bytes
    durable: int


Message = (
    Hello
    | OldIncarnation
    | Goodbye
    | Offer
    | Fact
    | Tomb
    | Done
    | Closed
    | Attach
    | Durable
    | Value
    | Confirm
)
