"""A program's state as bytes and back: the same types, bits and memory layout.

The layout too, because BLAS and numpy may add in another order where an array lies otherwise in memory.
"""

import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from reprlib import repr as brief
from typing import Any

import numpy as np

from peer.program import Array
from peer.protocol.errors import ProgramError
from peer.state.container import Part
from peer.state.sense import count, digest, nonsense, sequence, text

__all__ = ["decode_state", "encode_state"]

_DOUBLE = struct.Struct("<d")
_MOST_AXES = 64
"""Of an array of numpy."""

_NUMBERS = "biufc"
"""Kinds of dtypes that are numbers: their names say all about them."""

_DTYPE = re.compile(rf"[<>|][{_NUMBERS}][0-9]{{1,2}}")


def encode_state(state: Mapping[str, Any], buffers: list[Part]) -> list[list[Any]]:
    """Describe a state, adding its arrays to ``buffers``.

    Raises
    ------
    ProgramError
        If an entry is none of those that a state may have.
    """
    return [[name, *_encode(name, entry, buffers)] for name, entry in state.items()]


def decode_state(described: Iterable[Sequence[Any]], buffers: Sequence[memoryview]) -> dict[str, Any]:
    """Make the state again; arrays are read-only, as they were once they had been in a checkpoint.

    Raises
    ------
    Damaged
        Or, of what goes wrong with it otherwise, one of the errors that ``making_sense`` turns into it.
    """
    return {text(name): _decode(kind, entry, buffers) for name, kind, *entry in described}


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
    if kind == "array":
        return _decode_array(*entry, buffers=buffers)
    if kind == "scalar":
        dtype, number = _dtype(entry[0]), count(entry[1])
        if len(buffers[number]) != dtype.itemsize:
            nonsense(f"{len(buffers[number])} bytes for one {dtype}")
        return np.frombuffer(buffers[number], dtype=dtype)[0]
    (found,) = entry
    if kind == "float":
        bits = digest(found)
        if len(bits) != _DOUBLE.size:
            nonsense(f"{len(bits)} bytes for a float")
        return _DOUBLE.unpack(bits)[0]
    if type(found).__name__ != kind or kind not in ("bool", "int"):
        nonsense(f"found {brief(found)} where an entry of kind {brief(kind)} is expected")
    return found


def _decode_array(
    code: object, lengths: object, axes: object, number: object, *, buffers: Sequence[memoryview]
) -> Array:
    dtype = _dtype(code)
    shape, order = [count(length) for length in sequence(lengths)], sequence(axes)
    buffer = buffers[count(number)]
    # Before memory is taken for it.
    if len(shape) > _MOST_AXES or sorted(order) != list(range(len(shape))):
        nonsense(f"{len(shape)} axes in the order {brief(order)}")
    if prod(shape) * dtype.itemsize != len(buffer):
        nonsense(f"{len(buffer)} bytes for shape {shape} of {dtype}")
    stored = np.empty([shape[axis] for axis in order], dtype=dtype)
    stored.reshape(-1).view(np.uint8)[:] = np.frombuffer(buffer, dtype=np.uint8)
    array: Array = stored.transpose(np.argsort(order))
    array.flags.writeable = False
    return array


def _dtype(code: object) -> np.dtype[Any]:
    # What is not of this form numpy may take for the source of a record's type, and evaluate.
    if _DTYPE.fullmatch(text(code)) is None:
        nonsense(f"the dtype {brief(code)}")
    return np.dtype(text(code))


def _axes(array: Array) -> list[int]:
    """The axes from the longest stride to the shortest: in this order the array is contiguous."""
    return sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))


def _bytes_of(array: Array) -> Part:
    contiguous = np.ascontiguousarray(array)
    return contiguous.reshape(-1).view(np.uint8).data
