"""What a peer must do: the outputs of :class:`peer.protocol.machine.PeerMachine`.

The shell carries them out in order. ``Persist`` must be durable (fsync) before the effect after it begins;
``WriteCheckpoint`` goes on beside the rounds and is answered by the event ``CheckpointDurable``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from peer.protocol.messages import Message
from peer.protocol.payload import Payload
from peer.protocol.records import Checkpoint, RunRecord


@dataclass(slots=True)  # not frozen: made for every message
class Send:
    """Send a message; ``resent`` when the same value went out on an earlier connection."""

    connection: int
    neighbour: str
    message: Message
    resent: bool = False


@dataclass(frozen=True, slots=True)
class Close:
    """End a stream after what was sent on it; ``reason`` is for our own log and status, strangers learn nothing.

    ``refused`` names the neighbour whose Hello was not taken.
    """

    connection: int
    reason: str
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Persist:
    """Make the record of a run durable before going on."""

    record: RunRecord


@dataclass(frozen=True, slots=True)
class WriteCheckpoint:
    """Write a checkpoint beside the rounds; writes may finish in any order.

    Once it is durable, files of the run with an index below ``keep_from`` may go.
    """

    checkpoint: Checkpoint
    keep_from: int


@dataclass(frozen=True, slots=True)
class DropCheckpoints:
    """The run is over here: only its final checkpoint, where there is one, is still of use."""

    run: str


@dataclass(frozen=True, slots=True)
class StartProgram:
    """Start the program of a run, from ``state`` (empty at its first start)."""

    run: str
    spec: bytes
    table: Mapping[str, bytes]
    state: Mapping[str, object]


@dataclass(slots=True)  # not frozen: made for every message
class DeliverRound:
    """A round is complete; ``values`` has the payload of each expected neighbour, in the order of names."""

    run: str
    round: int
    values: Mapping[str, Payload]


@dataclass(frozen=True, slots=True)
class ContinueProgram:
    """The checkpoint is taken; the program may go on."""

    run: str


@dataclass(frozen=True, slots=True)
class StopProgram:
    """The run ended from outside; drop its generator."""

    run: str


@dataclass(frozen=True, slots=True)
class RunChanged:
    """The state of a run changed here: for status, logs and whoever watches."""

    record: RunRecord


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer of a submit; ``busy_with`` names the run that is on, then nothing was recorded."""

    token: int
    record: RunRecord | None
    busy_with: str | None = None


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """A neighbour's link came up (after both Hellos) or went down; ``goodbye`` when it said so itself."""

    neighbour: str
    connection: int
    up: bool
    goodbye: bool = False


@dataclass(frozen=True, slots=True)
class StopPeer:
    """The process must not go on (its state folder is lost, restored or copied); ``reason`` says the mend."""

    reason: str


Effect = (
    Send
    | Close
    | Persist
    | WriteCheckpoint
    | DropCheckpoints
    | StartProgram
    | DeliverRound
    | ContinueProgram
    | StopProgram
    | RunChanged
    | Answer
    | LinkChanged
    | StopPeer
)
