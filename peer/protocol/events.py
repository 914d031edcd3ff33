"""What happens to a peer: the inputs of :class:`peer.protocol.machine.PeerMachine`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from peer.protocol.messages import Message, Offer
from peer.protocol.payload import Payload


@dataclass(frozen=True, slots=True)
class Dialled:
    """The shell opened a stream to a neighbour; ``connection`` is the shell's own number for it, never reused."""

    neighbour: str
    connection: int


@dataclass(slots=True)  # not frozen: made for every message
class MessageReceived:
    """A message arrived. An accepted stream becomes known by its first message, a ``Hello``."""

    connection: int
    message: Message


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The stream ended, for whatever reason. Also said after an effect ``Close``."""

    connection: int


@dataclass(frozen=True, slots=True)
class Submitted:
    """A client submits a run; the ``Answer`` effect bears the same token."""

    token: int
    offer: Offer


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """A client wants the run to end."""

    run: str
    text: str


@dataclass(slots=True)  # not frozen: made for every message
class RoundRequested:
    """The program of a run enters a round.

    ``outgoing`` has a payload for each neighbour it sends to, ``expected`` the neighbours from which it expects
    something. An edge in either is active and carries one message each way.
    """

    run: str
    label: str
    outgoing: Mapping[str, Payload]
    expected: frozenset[str]


@dataclass(frozen=True, slots=True)
class CheckpointRequested:
    """The program may be resumed here; with ``final`` the state is its result and the program has ended."""

    run: str
    state: Mapping[str, Any]
    final: bool = False


@dataclass(frozen=True, slots=True)
class CheckpointDurable:
    """Checkpoint ``index`` of a run is on disk, its name too."""

    run: str
    index: int


@dataclass(frozen=True, slots=True)
class ProgramFailed:
    """The program of a run cannot go on at this peer (diverged, bad payload of a neighbour, disk full)."""

    run: str
    text: str


Event = (
    Dialled
    | MessageReceived
    | ConnectionLost
    | Submitted
    | CancelRequested
    | RoundRequested
    | CheckpointRequested
    | CheckpointDurable
    | ProgramFailed
)
