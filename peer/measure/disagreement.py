"""How far a peer's value is from its neighbours' values of the same round."""

from collections.abc import Iterable
from math import isfinite, sqrt

import numpy as np

from peer.program import Value

__all__ = ["disagreement"]


def disagreement(own: Value, others: Iterable[Value]) -> float | None:
    """Return the largest Frobenius norm of the difference to a neighbour's value.

    Parameters
    ----------
    own : array, shape (...)
        What this peer sent to all its neighbours.
    others : iterable of arrays, shape (...)
        What they sent.

    Returns
    -------
    float or None
        None where there is nothing to compare: values that are not float arrays of one shape, or no neighbour's;
        also where the difference is too large for a number.

    Notes
    -----
    A subtraction and a product for each neighbour: 3 µs at 2400 numbers.
    """
    if not isinstance(own, np.ndarray) or own.dtype.kind != "f":
        return None
    largest = -1.0
    with np.errstate(over="ignore"):
        for other in others:
            if not isinstance(other, np.ndarray) or other.dtype.kind != "f" or other.shape != own.shape:
                return None
            difference = other - own
            largest = max(largest, float(np.vdot(difference, difference)))
    return sqrt(largest) if largest >= 0 and isfinite(largest) else None
