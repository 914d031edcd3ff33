"""What operators ask of peers and what they are told: the messages of ``proto/difpeer/v1/control.proto``.

Every request has ``peer``, the peer it is for ("" is the one asked), ``hops``, how often it was passed on, and where
it may be passed on ``operator`` and ``signature``: who asks, seen by every peer on the way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from peer.protocol.messages import Reason
from peer.protocol.records import RunState

__all__ = [
    "CancelReply",
    "CancelRequest",
    "Chunk",
    "CollectRequest",
    "LinkStatus",
    "RunStatus",
    "StatusReply",
    "StatusRequest",
    "SubmitReply",
    "SubmitRequest",
    "WatchReply",
    "WatchRequest",
]


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """Start a run: its id, chosen by the client, and its canonical spec."""

    peer: str
    run: str
    spec: bytes
    hops: int = 0
    operator: str = ""
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class SubmitReply:
    """Where the run stands now; ``state`` is None when it was not taken, and ``busy_with`` says for which other."""

    run: str
    state: RunState | None
    reason: Reason | None = None
    busy_with: str = ""


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """What is this peer doing?"""

    peer: str
    hops: int = 0
    operator: str = ""
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class RunStatus:
    """One run at one peer.

    Attributes
    ----------
    iteration, iterations : int
        Complete ones here, and how many the spec asks for.
    round, label : int, str
        The round that the peer is in or enters next, and what it is for.
    waiting_for : tuple of str
        Peers, in the order of names.
    waiting_s : float
        Seconds since the wait began.
    waiting_kind : str
        ``"round"``, ``"facts"``, ``"disk"``, ``"done"``, or ``""`` when the run waits for nothing.
    """

    run: str
    state: RunState
    reason: Reason | None
    algorithm: str
    iteration: int
    iterations: int
    round: int
    label: str
    waiting_for: tuple[str, ...] = ()
    waiting_s: float = 0.0
    waiting_kind: str = ""


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """One neighbour's link: up or down since ``since_s`` seconds; ``detail`` says why it is down."""

    neighbour: str
    up: bool
    since_s: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StatusReply:
    """What a peer is doing; ``network`` is its network file as YAML text, ``uptime_s`` counts from this start."""

    peer: str
    incarnation: int
    uptime_s: float
    software: str
    network: str
    runs: tuple[RunStatus, ...]
    links: tuple[LinkStatus, ...]


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """Follow a run at one peer: a reply every ``interval_ms`` milliseconds, less often where nothing changes."""

    peer: str
    run: str
    interval_ms: int
    hops: int = 0
    operator: str = ""
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class WatchReply:
    """How far a run is: its status, the program's newest metrics, and the bytes this peer has sent for it.

    ``socket_bytes`` is None where the system cannot tell.
    """

    status: RunStatus
    metrics: Mapping[str, float] = field(default_factory=dict)
    payload_bytes: int = 0
    message_bytes: int = 0
    socket_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """End a run everywhere; ``reason`` says who wants it and why."""

    peer: str
    run: str
    reason: str
    hops: int = 0
    operator: str = ""
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class CancelReply:
    """Where the run stands at that peer now; None when it does not know the run."""

    state: RunState | None


@dataclass(frozen=True, slots=True)
class CollectRequest:
    """Fetch the files of a run from one peer."""

    peer: str
    run: str
    hops: int = 0
    operator: str = ""
    signature: bytes = b""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next bytes of a file of ``total`` bytes; one file comes after the other, each in order."""

    name: str
    total: int
    data: bytes
