"""Long messages looked through before protobuf makes objects of them.

Two bytes on the wire can be an empty array, and that is 64 bytes and more in memory: 64 MiB of them took 2 GB and 4 s
before anything could count them. Here the fields are counted where they lie; only lengths are read, so it takes
microseconds however long the message is.
"""

from collections.abc import Iterator

from peer.wire.bounds import MAX_FACT_BYTES, MAX_SPEC_BYTES, refuse
from peer.wire.tensors import MAX_AXES, MAX_TENSORS

__all__ = ["LONG_BYTES", "refuse_bloat"]

LONG_BYTES = 2 * max(MAX_SPEC_BYTES, MAX_FACT_BYTES)
"""Only values are longer; whatever a shorter message holds takes a few megabytes at most."""

_VALUE = 11  # of Envelope
_PAYLOAD = 7  # of Value
_SHAPE = 2  # of Tensor
_MOST_FIELDS = 2 * (MAX_TENSORS + MAX_AXES)
"""In one message; more than any that our bounds allow, with some of a later version."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VARINT_BYTES = 10

Field = tuple[int, int, int, int]
"""Number, wire type, and where its content begins and ends."""


def refuse_bloat(data: bytes) -> None:
    """Refuse a long envelope that would take many times its length in memory.

    Raises
    ------
    OutOfBounds
        If it is not one value whose arrays have few fields.
    """
    if len(data) <= LONG_BYTES:
        return
    where = "Envelope"
    for number, kind, first, last in _fields(where, data, 0, len(data)):
        if (number, kind) != (_VALUE, _BYTES) or last != len(data):
            refuse(where, f"{len(data)} bytes that are not one value", f"at most {LONG_BYTES} bytes")
        for inner, how, begin, end in _fields("Value", data, first, last):
            if (inner, how) == (_PAYLOAD, _BYTES):
                _check_tensor(data, begin, end)


def _check_tensor(data: bytes, first: int, last: int) -> None:
    for number, kind, begin, end in _fields("Value.payload", data, first, last):
        if (number, kind) == (_SHAPE, _BYTES) and end - begin > MAX_AXES * _VARINT_BYTES:
            refuse("Value.payload.shape", f"{end - begin} bytes", f"at most {MAX_AXES} axes")


def _fields(where: str, data: bytes, at: int, end: int) -> Iterator[Field]:
    for _ in range(_MOST_FIELDS):
        if at == end:
            return
        tag, at = _varint(where, data, at, end)
        kind = tag & 7
        if kind == _BYTES:
            size, at = _varint(where, data, at, end)
        elif kind == _VARINT:
            size = _varint(where, data, at, end)[1] - at
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            refuse(where, f"wire type {kind}", "one that this protocol uses")
        if size > end - at:
            refuse(where, f"a field of {size} bytes where {end - at} are left", "whole")
        yield tag >> 3, kind, at, at + size
        at += size
    if at != end:
        refuse(where, f"more than {_MOST_FIELDS} fields", "fewer")


def _varint(where: str, data: bytes, at: int, end: int) -> tuple[int, int]:
    """A number, and where it ends."""
    number = 0
    for position, byte in enumerate(data[at : min(at + _VARINT_BYTES, end)]):
        number |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            break
    else:
        refuse(where, "a number that does not end", f"of at most {_VARINT_BYTES} bytes")
    return number, at + position + 1
