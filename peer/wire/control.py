"""The control service: its methods, and its messages as bytes and back.

The dataclasses are in :mod:`peer.wire.requests`. gRPC is given no serializers, so every handler calls
``decode(SUBMIT.request, data)`` itself and answers malformed bytes with a status of our own.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any, Generic, TypeVar

from google.protobuf.message import DecodeError, Message

from peer.program.bounds import MAX_METRICS as PROGRAM_METRICS
from peer.protocol.errors import LocalProtocolError, RemoteProtocolError
from peer.protocol.records import RunState
from peer.wire.bounds import (
    OutOfBounds,
    check_blob,
    check_count,
    check_label,
    check_operator,
    check_peer,
    check_run,
    check_signature,
    check_software,
    check_spec,
    check_text,
    refuse,
)
from peer.wire.layout import REASON, Choice, Each, Layout, Maybe, Metrics, Nested, Plain, Text
from peer.wire.pb import control_pb2 as pb
from peer.wire.requests import (
    CancelReply,
    CancelRequest,
    Chunk,
    CollectRequest,
    LinkStatus,
    RunStatus,
    StatusReply,
    StatusRequest,
    SubmitReply,
    SubmitRequest,
    WatchReply,
    WatchRequest,
)

__all__ = [
    "CANCEL",
    "COLLECT",
    "CONTROL_SERVICE",
    "MAX_CHUNK_BYTES",
    "METHODS",
    "STATUS",
    "SUBMIT",
    "WATCH",
    "Method",
    "decode",
    "encode",
]

MAX_CHUNK_BYTES = 1024 * 1024
MAX_HOPS = 1024
MAX_ENTRIES = 10_000
MAX_METRICS = PROGRAM_METRICS + 1  # and the distance to the truth
MAX_NETWORK_BYTES = 4 * 1024 * 1024
MIN_INTERVAL_MS = 10
MAX_INTERVAL_MS = 30_000  # who asks is looked at again at each reply, and a certificate may have expired

CONTROL_SERVICE = "difpeer.v1.Control"

M = TypeVar("M")
Request = TypeVar("Request")
Reply = TypeVar("Reply")


@dataclass(frozen=True, slots=True)
class Method(Generic[Request, Reply]):
    """One method of the control service; ``streams`` when it answers with any number of replies."""

    name: str
    request: type[Request]
    reply: type[Reply]
    streams: bool = False

    @property
    def path(self) -> str:
        """What a channel is asked for."""
        return f"/{CONTROL_SERVICE}/{self.name}"


SUBMIT = Method("Submit", SubmitRequest, SubmitReply)
STATUS = Method("Status", StatusRequest, StatusReply)
WATCH = Method("Watch", WatchRequest, WatchReply, streams=True)
CANCEL = Method("Cancel", CancelRequest, CancelReply)
COLLECT = Method("Collect", CollectRequest, Chunk, streams=True)

METHODS: tuple[Method[Any, Any], ...] = (SUBMIT, STATUS, WATCH, CANCEL, COLLECT)


def encode(message: object) -> bytes:
    """Turn a control message into bytes; texts for people are cut to 4096 bytes.

    Raises
    ------
    LocalProtocolError
        If a field is out of its bounds: the receiver would refuse it. The text names the field.
    """
    made, layout = _LAYOUTS[type(message)]
    target = made()
    try:
        layout.write(target, message)
        return target.SerializeToString()
    except (ValueError, TypeError) as error:
        raise LocalProtocolError(f"cannot send {type(message).__name__}: {error}") from error


def decode(kind: type[M], data: bytes) -> M:
    """Turn bytes into the control message that is expected, every field checked.

    Raises
    ------
    RemoteProtocolError
        For any other bytes. The text names the field and what was found.
    """
    made, layout = _LAYOUTS[kind]
    try:
        message: M = layout.read(made.FromString(data))
    except DecodeError as error:
        raise RemoteProtocolError(
            f"{kind.__name__}: {len(data)} bytes that are not protobuf ({error})"
        ) from error
    except OutOfBounds as error:
        raise RemoteProtocolError(str(error)) from error
    return message


def _check_busy(where: str, run: str) -> None:
    if run:
        check_run(where, run)


def _check_hops(where: str, hops: int) -> None:
    check_count(where, hops, MAX_HOPS)


def _check_seconds(where: str, seconds: float) -> None:
    if not (isfinite(seconds) and seconds >= 0):
        refuse(where, str(seconds), "finite and not negative")


def _check_asked(where: str, peer: str) -> None:
    if peer:
        check_peer(where, peer)


def _check_interval(where: str, interval: int) -> None:
    if not MIN_INTERVAL_MS <= interval <= MAX_INTERVAL_MS:
        refuse(where, str(interval), f"{MIN_INTERVAL_MS} to {MAX_INTERVAL_MS}")


def _check_flag(where: str, flag: bool) -> None:
    if not isinstance(flag, bool):
        refuse(where, repr(flag), "true or false")


def _check_network(where: str, text: str) -> None:
    check_text(where, text, MAX_NETWORK_BYTES)


def _check_chunk(where: str, data: bytes) -> None:
    check_blob(where, data, MAX_CHUNK_BYTES)


_STATES: dict[RunState | None, int] = {
    RunState.ACCEPTED: pb.RUN_STATE_ACCEPTED,
    RunState.RUNNING: pb.RUN_STATE_RUNNING,
    RunState.DONE: pb.RUN_STATE_DONE,
    RunState.CLOSED: pb.RUN_STATE_CLOSED,
    RunState.TOMB: pb.RUN_STATE_TOMB,
}
_STATE = Choice(_STATES)
_STATE_OR_NONE = Choice(_STATES | {None: pb.RUN_STATE_UNSPECIFIED})
_ASKED = Plain(_check_asked)
_PEER = Plain(check_peer)
_RUN = Plain(check_run)
_HOPS = Plain(_check_hops)
_ASKER = {"operator": Plain(check_operator), "signature": Plain(check_signature)}
_COUNT = Plain(check_count)
_LABEL = Plain(check_label)
_SECONDS = Plain(_check_seconds)
_REASON = Nested(REASON, optional=True)

_RUN_STATUS = Layout(
    RunStatus,
    run=_RUN,
    state=_STATE,
    reason=_REASON,
    algorithm=_LABEL,
    iteration=_COUNT,
    iterations=_COUNT,
    round=_COUNT,
    label=_LABEL,
    waiting_for=Each(check_peer, MAX_ENTRIES),
    waiting_s=_SECONDS,
    waiting_kind=_LABEL,
)
_LINK_STATUS = Layout(
    LinkStatus,
    neighbour=_PEER,
    up=Plain(_check_flag),
    since_s=_SECONDS,
    detail=Text(),
)
_STATUS_REPLY = Layout(
    StatusReply,
    peer=_PEER,
    incarnation=_COUNT,
    uptime_s=_SECONDS,
    software=Plain(check_software),
    network=Plain(_check_network),
    runs=Each(_RUN_STATUS, MAX_ENTRIES),
    links=Each(_LINK_STATUS, MAX_ENTRIES),
)
_WATCH_REPLY = Layout(
    WatchReply,
    status=Nested(_RUN_STATUS),
    metrics=Metrics(MAX_METRICS),
    payload_bytes=_COUNT,
    message_bytes=_COUNT,
    socket_bytes=Maybe(check_count),
)
_MADE_OF: list[tuple[type[Message], Layout[Any]]] = [
    (
        pb.SubmitRequest,
        Layout(SubmitRequest, peer=_ASKED, run=_RUN, spec=Plain(check_spec), hops=_HOPS, **_ASKER),
    ),
    (
        pb.SubmitReply,
        Layout(SubmitReply, run=_RUN, state=_STATE_OR_NONE, reason=_REASON, busy_with=Plain(_check_busy)),
    ),
    (pb.StatusRequest, Layout(StatusRequest, peer=_ASKED, hops=_HOPS, **_ASKER)),
    (pb.StatusReply, _STATUS_REPLY),
    (
        pb.WatchRequest,
        Layout(WatchRequest, peer=_ASKED, run=_RUN, interval_ms=Plain(_check_interval), hops=_HOPS, **_ASKER),
    ),
    (pb.WatchReply, _WATCH_REPLY),
    (pb.CancelRequest, Layout(CancelRequest, peer=_ASKED, run=_RUN, reason=Text(), hops=_HOPS, **_ASKER)),
    (pb.CancelReply, Layout(CancelReply, state=_STATE_OR_NONE)),
    (pb.CollectRequest, Layout(CollectRequest, peer=_ASKED, run=_RUN, hops=_HOPS, **_ASKER)),
    (pb.Chunk, Layout(Chunk, name=_RUN, total=_COUNT, data=Plain(_check_chunk))),
]
_LAYOUTS: dict[type[Any], tuple[type[Message], Layout[Any]]] = {
    layout.kind: (made, layout) for made, layout in _MADE_OF
}
