from peer.wire.pb import peer_pb2 as _peer_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUN_STATE_UNSPECIFIED: _ClassVar[RunState]
    RUN_STATE_ACCEPTED: _ClassVar[RunState]
    RUN_STATE_RUNNING: _ClassVar[RunState]
    RUN_STATE_DONE: _ClassVar[RunState]
    RUN_STATE_CLOSED: _ClassVar[RunState]
    RUN_STATE_TOMB: _ClassVar[RunState]
RUN_STATE_UNSPECIFIED: RunState
RUN_STATE_ACCEPTED: RunState
RUN_STATE_RUNNING: RunState
RUN_STATE_DONE: RunState
RUN_STATE_CLOSED: RunState
RUN_STATE_TOMB: RunState

class SubmitRequest(_message.Message):
    __slots__ = ("peer", "run", "spec", "hops", "operator", "signature")
    PEER_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    HOPS_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    peer: str
    run: str
    spec: bytes
    hops: int
    operator: str
    signature: bytes
    def __init__(self, peer: _Optional[str] = ..., run: _Optional[str] = ..., spec: _Optional[bytes] = ..., hops: _Optional[int] = ..., operator: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class SubmitReply(_message.Message):
    __slots__ = ("run", "state", "reason", "busy_with")
    RUN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    BUSY_WITH_FIELD_NUMBER: _ClassVar[int]
    run: str
    state: RunState
    reason: _peer_pb2.Reason
    busy_with: str
    def __init__(self, run: _Optional[str] = ..., state: _Optional[_Union[RunState, str]] = ..., reason: _Optional[_Union[_peer_pb2.Reason, _Mapping]] = ..., busy_with: _Optional[str] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ("peer", "hops", "operator", "signature")
    PEER_FIELD_NUMBER: _ClassVar[int]
    HOPS_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    peer: str
    hops: int
    operator: str
    signature: bytes
    def __init__(self, peer: _Optional[str] = ..., hops: _Optional[int] = ..., operator: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class StatusReply(_message.Message):
    __slots__ = ("peer", "incarnation", "uptime_s", "software", "network", "runs", "links")
    PEER_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    UPTIME_S_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    LINKS_FIELD_NUMBER: _ClassVar[int]
    peer: str
    incarnation: int
    uptime_s: float
    software: str
    network: str
    runs: _containers.RepeatedCompositeFieldContainer[RunStatus]
    links: _containers.RepeatedCompositeFieldContainer[LinkStatus]
    def __init__(self, peer: _Optional[str] = ..., incarnation: _Optional[int] = ..., uptime_s: _Optional[float] = ..., software: _Optional[str] = ..., network: _Optional[str] = ..., runs: _Optional[_Iterable[_Union[RunStatus, _Mapping]]] = ..., links: _Optional[_Iterable[_Union[LinkStatus, _Mapping]]] = ...) -> None: ...

class RunStatus(_message.Message):
    __slots__ = ("run", "state", "reason", "algorithm", "iteration", "iterations", "round", "label", "waiting_for", "waiting_s", "waiting_kind")
    RUN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    ITERATION_FIELD_NUMBER: _ClassVar[int]
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    WAITING_FOR_FIELD_NUMBER: _ClassVar[int]
    WAITING_S_FIELD_NUMBER: _ClassVar[int]
    WAITING_KIND_FIELD_NUMBER: _ClassVar[int]
    run: str
    state: RunState
    reason: _peer_pb2.Reason
    algorithm: str
    iteration: int
    iterations: int
    round: int
    label: str
    waiting_for: _containers.RepeatedScalarFieldContainer[str]
    waiting_s: float
    waiting_kind: str
    def __init__(self, run: _Optional[str] = ..., state: _Optional[_Union[RunState, str]] = ..., reason: _Optional[_Union[_peer_pb2.Reason, _Mapping]] = ..., algorithm: _Optional[str] = ..., iteration: _Optional[int] = ..., iterations: _Optional[int] = ..., round: _Optional[int] = ..., label: _Optional[str] = ..., waiting_for: _Optional[_Iterable[str]] = ..., waiting_s: _Optional[float] = ..., waiting_kind: _Optional[str] = ...) -> None: ...

class LinkStatus(_message.Message):
    __slots__ = ("neighbour", "up", "since_s", "detail")
    NEIGHBOUR_FIELD_NUMBER: _ClassVar[int]
    UP_FIELD_NUMBER: _ClassVar[int]
    SINCE_S_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    neighbour: str
    up: bool
    since_s: float
    detail: str
    def __init__(self, neighbour: _Optional[str] = ..., up: _Optional[bool] = ..., since_s: _Optional[float] = ..., detail: _Optional[str] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("peer", "run", "interval_ms", "hops", "operator", "signature")
    PEER_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    HOPS_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    peer: str
    run: str
    interval_ms: int
    hops: int
    operator: str
    signature: bytes
    def __init__(self, peer: _Optional[str] = ..., run: _Optional[str] = ..., interval_ms: _Optional[int] = ..., hops: _Optional[int] = ..., operator: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class WatchReply(_message.Message):
    __slots__ = ("status", "metrics", "payload_bytes", "message_bytes", "socket_bytes")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    STATUS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SOCKET_BYTES_FIELD_NUMBER: _ClassVar[int]
    status: RunStatus
    metrics: _containers.ScalarMap[str, float]
    payload_bytes: int
    message_bytes: int
    socket_bytes: int
    def __init__(self, status: _Optional[_Union[RunStatus, _Mapping]] = ..., metrics: _Optional[_Mapping[str, float]] = ..., payload_bytes: _Optional[int] = ..., message_bytes: _Optional[int] = ..., socket_bytes: _Optional[int] = ...) -> None: ...

class CancelRequest(_message.Message):
    __slots__ = ("peer", "run", "reason", "hops", "operator", "signature")
    PEER_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    HOPS_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    peer: str
    run: str
    reason: str
    hops: int
    operator: str
    signature: bytes
    def __init__(self, peer: _Optional[str] = ..., run: _Optional[str] = ..., reason: _Optional[str] = ..., hops: _Optional[int] = ..., operator: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class CancelReply(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: RunState
    def __init__(self, state: _Optional[_Union[RunState, str]] = ...) -> None: ...

class CollectRequest(_message.Message):
    __slots__ = ("peer", "run", "hops", "operator", "signature")
    PEER_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    HOPS_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    peer: str
    run: str
    hops: int
    operator: str
    signature: bytes
    def __init__(self, peer: _Optional[str] = ..., run: _Optional[str] = ..., hops: _Optional[int] = ..., operator: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("name", "total", "data")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    name: str
    total: int
    data: bytes
    def __init__(self, name: _Optional[str] = ..., total: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...
