"""A program's state as bytes and back: the same types, bits and memory layout.

The layout too, because BLAS and numpy may add in another order where an array lies otherwise in memory.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from peer.program import Array
from peer.protocol.errors import ProgramError
from peer.state.container import Part

__all__ = ["decode_state", "encode_state"]

_DOUBLE = struct.Struct("<d")
_NUMBERS = "biufc"
"""Kinds of dtypes that are numbers: their names say all about them."""


def encode_state(state: Mapping[str, Any], buffers: list[Part]) -> list[list[Any]]:
    """Describe a state, adding its arrays to ``buffers``.

    Raises
    ------
    ProgramError
        If an entry is none of those that a state may have.
    """
    return [[name, *_encode(name, entry, buffers)] for name, entry in state.items()]


def decode_state(described: Iterable[Sequence[Any]], buffers: Sequence[memoryview]) -> dict[str, Any]:
    """Make the state again; arrays are read-only, as they were once they had been in a checkpoint."""
    return {name: _decode(kind, entry, buffers) for name, kind, *entry in described}


def _encode(name: str, entry: object, buffers: list[Part]) -> list[Any]:
    if type(entry) is bool or type(entry) is int:
        return [type(entry).__name__, entry]
    if type(entry) is float:
        # As bits: JSON has no NaN.
        return ["float", _DOUBLE.pack(entry).hex()]
    if isinstance(entry, np.generic) and entry.dtype.kind in _NUMBERS:
        buffers.append(entry.tobytes())
        return ["scalar", entry.dtype.str, len(buffers) - 1]
    if type(entry) is np.ndarray and entry.dtype.kind in _NUMBERS:
        order = _axes(entry)
        if not entry.transpose(order).flags.c_contiguous:
            raise ProgramError(
                f"the program's state {name!r} is a view with gaps, which a checkpoint cannot hold with the bits of "
                "what is computed from it; keep a copy of it"
            )
        buffers.append(_bytes_of(entry.transpose(order)))
        return ["array", entry.dtype.str, entry.shape, order, len(buffers) - 1]
    found = f"an array of dtype {entry.dtype}" if type(entry) is np.ndarray else f"a {type(entry).__name__}"
    raise ProgramError(
        f"the program's state {name!r} is {found}, which a checkpoint cannot hold; "
        "keep numpy arrays of numbers, int, float and bool in it"
    )


def _decode(kind: str, entry: Sequence[Any], buffers: Sequence[memoryview]) -> object:
    if kind == "bool" or kind == "int":
        return entry[0]
    if kind == "float":
        return _DOUBLE.unpack(bytes.fromhex(entry[0]))[0]
    if kind == "scalar":
        return np.frombuffer(buffers[entry[1]], dtype=entry[0])[0]
    dtype, shape, order, number = entry
    stored = np.empty([shape[axis] for axis in order], dtype=dtype)
    stored.reshape(-1).view(np.uint8)[:] = np.frombuffer(buffers[number], dtype=np.uint8)
    array: Array = stored.transpose(np.argsort(order))
    array.flags.writeable = False
    return array


def _axes(array: Array) -> list[int]:
    """The axes from the longest stride to the shortest: in this order the array is contiguous."""
    return sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))


def _bytes_of(array: Array) -> Part:
    contiguous = np.ascontiguousarray(array)
    return contiguous.reshape(-1).view(np.uint8).data
