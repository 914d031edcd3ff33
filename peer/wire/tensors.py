"""Arrays on the wire: which dtypes and shapes may travel."""

from math import prod

from peer.protocol.payload import Payload, Tensor
from peer.wire.bounds import MAX_COUNT, refuse, shown

__all__ = ["ITEM_BYTES", "MAX_AXES", "MAX_TENSORS", "check_payload", "is_usual"]

MAX_TENSORS = 16
MAX_AXES = 8

ITEM_BYTES = {
    "<f8": 8,
    "<f4": 4,
    "<f2": 2,
    "<i8": 8,
    "<i4": 4,
    "<i2": 2,
    "|i1": 1,
    "<u8": 8,
    "<u4": 4,
    "<u2": 2,
    "|u1": 1,
    "|b1": 1,
}
"""Bytes per entry of each dtype that may travel, by numpy's dtype string."""


def check_payload(field: str, payload: Payload) -> None:
    """At most 16 arrays, each as long as its dtype and shape say."""
    if len(payload) > MAX_TENSORS:
        refuse(field, f"{len(payload)} arrays", f"at most {MAX_TENSORS}")
    for index, tensor in enumerate(payload):
        if not is_usual(tensor):
            _check_unusual(f"{field}[{index}]", tensor)
            if tensor.dtype == "|b1":
                _check_booleans(f"{field}[{index}].data", tensor.data)


def is_usual(tensor: Tensor) -> bool:
    """Whether an array is one of numbers, as long as its dtype and shape say, and not empty."""
    shape = tensor.shape
    size = len(tensor.data)
    # Python's integers do not overflow, so the product is exact however long the axes are; of few axes it is quick.
    return (
        len(shape) <= MAX_AXES
        and size == prod(shape) * ITEM_BYTES.get(tensor.dtype, 0)
        and size > 0
        and tensor.dtype != "|b1"
    )


def _check_unusual(field: str, tensor: Tensor) -> None:
    """Name what is wrong with an array, or let an array without entries pass."""
    item = ITEM_BYTES.get(tensor.dtype)
    shape = tensor.shape
    if item is None:
        refuse(f"{field}.dtype", shown(tensor.dtype), f"one of {' '.join(ITEM_BYTES)}")
    if len(shape) > MAX_AXES:
        refuse(f"{field}.shape", f"{len(shape)} axes", f"at most {MAX_AXES}")
    # numpy refuses such shapes with errors of its own, even where another axis is 0.
    if prod(axis or 1 for axis in shape) * item > MAX_COUNT:
        refuse(f"{field}.shape", str(shape), f"of at most {MAX_COUNT} bytes, axes of length 0 left out")
    wanted = prod(shape) * item
    if len(tensor.data) != wanted:
        refuse(f"{field}.data", f"{len(tensor.data)} bytes", f"{wanted} for shape {shape} of {tensor.dtype}")


def _check_booleans(field: str, data: bytes) -> None:
    # numpy takes other bytes for booleans too and then computes with them as numbers.
    if data.strip(b"\x00\x01"):
        refuse(field, "a byte above 1", "0 or 1 in each byte of |b1")
