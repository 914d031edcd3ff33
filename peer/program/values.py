"""What travels between peers, and what a program keeps: arrays and their containers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Array",
    "State",
    "Value",
    "arrays_of",
    "entry_of",
    "freeze",
    "iteration_of",
    "payload_bytes",
    "snapshot",
    "sum_in_order",
]

Array = NDArray[Any]
Value = Array | tuple[Array, ...] | list[Array]
"""What travels: an array, a tuple of arrays (layers; codes and scales), or a list of uint8 vectors, one for
each entry of the leading axis, where the codes' lengths differ."""

State = dict[str, Array | int | float | bool]
"""All that a program needs to go on from a checkpoint; flat, empty at the first start."""


def arrays_of(value: Value) -> tuple[Array, ...]:
    """Return the arrays that a value consists of."""
    return (value,) if isinstance(value, np.ndarray) else tuple(value)


def entry_of(value: Value, index: int) -> Value:
    """Return one entry of a value's leading axis: what one peer sends to all, or what goes over one edge."""
    if isinstance(value, np.ndarray):
        return value[index, ...]
    if isinstance(value, list):
        return value[index]
    return tuple(part[index, ...] for part in value)


def payload_bytes(entry: Value) -> int:
    """Return the bytes of what travels once over one edge (an entry of the leading axis)."""
    return sum(part.nbytes for part in arrays_of(entry))


def freeze(value: Value) -> Value:
    """Set a value's arrays read-only: what was yielded must not change any more. Returns the value."""
    for part in arrays_of(value):
        part.flags.writeable = False
    return value


def snapshot(state: State) -> State:
    """Return a copy of a state whose arrays are shared and read-only from now on."""
    for entry in state.values():
        if isinstance(entry, np.ndarray):
            entry.flags.writeable = False
    return dict(state)


def iteration_of(state: Mapping[str, Any]) -> int | None:
    """Return the iterations of the main loop that a state has behind it, where its program counts them in it."""
    iteration = state.get("iteration")
    return iteration if isinstance(iteration, int) else None


def sum_in_order(values: Sequence[Array], weights: Array, zero: Array) -> Array:
    """Return ``zero + weights[0] * values[0] + ...``, one term after the other, in float64.

    A sparse product adds in the same order, so one peer and a block of peers get the same bits.

    Parameters
    ----------
    values : sequence of E arrays
        The terms, all of the shape of ``zero``.
    weights : array, shape (E,)
        Float64.
    zero : array
        Float64 zeros; overwritten with the sum.
    """
    term = zero
    for weight, value in zip(weights, values, strict=True):
        np.multiply(value, weight, out=term)
        if term is zero:
            # The first term is where the sum starts; adding 0.0 turns -0.0 into 0.0, as a sum from 0.0 does.
            zero += 0.0
            term = np.empty_like(zero)
        else:
            zero += term
    return zero
