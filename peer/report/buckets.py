"""Rounds in at most some buckets: a report of a million rounds is no longer than one of a thousand."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["bucket_of", "bucket_starts"]

MOST = 100
"""As many steps as can be told apart on a phone."""


def bucket_starts(rounds: int) -> NDArray[np.int64]:
    """Cut the rounds into buckets of nearly equal length.

    Parameters
    ----------
    rounds : int
        Rounds of the run.

    Returns
    -------
    ndarray
        Shape (buckets + 1,), int64, from 0 to ``rounds``: bucket i has the rounds from entry i on, up to and
        without entry i + 1.
    """
    return np.round(np.linspace(0, rounds, min(rounds, MOST) + 1)).astype(np.int64)


def bucket_of(rounds: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tell each round's bucket.

    Parameters
    ----------
    rounds : ndarray
        Shape (k,), int64.
    starts : ndarray
        Of `bucket_starts`.

    Returns
    -------
    ndarray
        Shape (k,), int64.
    """
    return np.searchsorted(starts, rounds, side="right") - 1
