from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TombKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOMB_KIND_UNSPECIFIED: _ClassVar[TombKind]
    TOMB_KIND_REFUSED: _ClassVar[TombKind]
    TOMB_KIND_LOST: _ClassVar[TombKind]
    TOMB_KIND_CANCELLED: _ClassVar[TombKind]
    TOMB_KIND_FAILED: _ClassVar[TombKind]
TOMB_KIND_UNSPECIFIED: TombKind
TOMB_KIND_REFUSED: TombKind
TOMB_KIND_LOST: TombKind
TOMB_KIND_CANCELLED: TombKind
TOMB_KIND_FAILED: TombKind

class Envelope(_message.Message):
    __slots__ = ("hello", "old_incarnation", "goodbye", "offer", "fact", "tomb", "done", "closed", "attach", "durable", "value", "confirm")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    OLD_INCARNATION_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    OFFER_FIELD_NUMBER: _ClassVar[int]
    FACT_FIELD_NUMBER: _ClassVar[int]
    TOMB_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    ATTACH_FIELD_NUMBER: _ClassVar[int]
    DURABLE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CONFIRM_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    old_incarnation: OldIncarnation
    goodbye: Goodbye
    offer: Offer
    fact: Fact
    tomb: Tomb
    done: Done
    closed: Closed
    attach: Attach
    durable: Durable
    value: Value
    confirm: Confirm
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., old_incarnation: _Optional[_Union[OldIncarnation, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ..., offer: _Optional[_Union[Offer, _Mapping]] = ..., fact: _Optional[_Union[Fact, _Mapping]] = ..., tomb: _Optional[_Union[Tomb, _Mapping]] = ..., done: _Optional[_Union[Done, _Mapping]] = ..., closed: _Optional[_Union[Closed, _Mapping]] = ..., attach: _Optional[_Union[Attach, _Mapping]] = ..., durable: _Optional[_Union[Durable, _Mapping]] = ..., value: _Optional[_Union[Value, _Mapping]] = ..., confirm: _Optional[_Union[Confirm, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("version", "name", "incarnation", "attempt", "software")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    version: int
    name: str
    incarnation: int
    attempt: int
    software: str
    def __init__(self, version: _Optional[int] = ..., name: _Optional[str] = ..., incarnation: _Optional[int] = ..., attempt: _Optional[int] = ..., software: _Optional[str] = ...) -> None: ...

class OldIncarnation(_message.Message):
    __slots__ = ("seen",)
    SEEN_FIELD_NUMBER: _ClassVar[int]
    seen: int
    def __init__(self, seen: _Optional[int] = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class Offer(_message.Message):
    __slots__ = ("run", "spec", "operator", "signature")
    RUN_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    run: str
    spec: bytes
    operator: str
    signature: bytes
    def __init__(self, run: _Optional[str] = ..., spec: _Optional[bytes] = ..., operator: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Fact(_message.Message):
    __slots__ = ("run", "peer", "fact")
    RUN_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    FACT_FIELD_NUMBER: _ClassVar[int]
    run: str
    peer: str
    fact: bytes
    def __init__(self, run: _Optional[str] = ..., peer: _Optional[str] = ..., fact: _Optional[bytes] = ...) -> None: ...

class Reason(_message.Message):
    __slots__ = ("kind", "peer", "text")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    kind: TombKind
    peer: str
    text: str
    def __init__(self, kind: _Optional[_Union[TombKind, str]] = ..., peer: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class Tomb(_message.Message):
    __slots__ = ("run", "reason")
    RUN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    run: str
    reason: Reason
    def __init__(self, run: _Optional[str] = ..., reason: _Optional[_Union[Reason, _Mapping]] = ...) -> None: ...

class Done(_message.Message):
    __slots__ = ("run", "peer")
    RUN_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    run: str
    peer: str
    def __init__(self, run: _Optional[str] = ..., peer: _Optional[str] = ...) -> None: ...

class Closed(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: str
    def __init__(self, run: _Optional[str] = ...) -> None: ...

class Attach(_message.Message):
    __slots__ = ("run", "config_digest", "wanted", "durable")
    RUN_FIELD_NUMBER: _ClassVar[int]
    CONFIG_DIGEST_FIELD_NUMBER: _ClassVar[int]
    WANTED_FIELD_NUMBER: _ClassVar[int]
    DURABLE_FIELD_NUMBER: _ClassVar[int]
    run: str
    config_digest: bytes
    wanted: int
    durable: int
    def __init__(self, run: _Optional[str] = ..., config_digest: _Optional[bytes] = ..., wanted: _Optional[int] = ..., durable: _Optional[int] = ...) -> None: ...

class Durable(_message.Message):
    __slots__ = ("run", "durable")
    RUN_FIELD_NUMBER: _ClassVar[int]
    DURABLE_FIELD_NUMBER: _ClassVar[int]
    run: str
    durable: int
    def __init__(self, run: _Optional[str] = ..., durable: _Optional[int] = ...) -> None: ...

class Tensor(_message.Message):
    __slots__ = ("dtype", "shape", "data")
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    dtype: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    data: bytes
    def __init__(self, dtype: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., data: _Optional[bytes] = ...) -> None: ...

class Value(_message.Message):
    __slots__ = ("seq", "run", "round", "label", "digest", "durable", "payload")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    DURABLE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    seq: int
    run: str
    round: int
    label: str
    digest: bytes
    durable: int
    payload: _containers.RepeatedCompositeFieldContainer[Tensor]
    def __init__(self, seq: _Optional[int] = ..., run: _Optional[str] = ..., round: _Optional[int] = ..., label: _Optional[str] = ..., digest: _Optional[bytes] = ..., durable: _Optional[int] = ..., payload: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ...) -> None: ...

class Confirm(_message.Message):
    __slots__ = ("seq", "run", "round", "digest", "durable")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    DURABLE_FIELD_NUMBER: _ClassVar[int]
    seq: int
    run: str
    round: int
    digest: bytes
    durable: int
    def __init__(self, seq: _Optional[int] = ..., run: _Optional[str] = ..., round: _Optional[int] = ..., digest: _Optional[bytes] = ..., durable: _Optional[int] = ...) -> None: ...
