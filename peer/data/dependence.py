"""Features that follow from others, as a gross price does from the net one."""

import numpy as np

from peer.data.local import Array

__all__ = ["dependences"]

MOST_FEATURES = 500
"""The work grows with the cube of their number: more are not looked at."""

UNEXPLAINED = 1e-2
"""Part of a feature's spread that others may leave open: a price rounded to cents still counts as following."""

TAKES_PART = 5e-2
"""What a feature must add, as a part of the other's spread, to be named."""


def dependences(X: Array) -> dict[int, tuple[int, ...]]:
    """Find the features that are sums of multiples of others, and of a constant where one is among them.

    Parameters
    ----------
    X : ndarray, shape (N, d), float64
        Finite numbers.

    Returns
    -------
    dict of int to tuple of int
        By column, the columns before it that it follows from, without constant ones. Empty where there are too
        few rows to tell, or more than `MOST_FEATURES` columns.
    """
    num_rows, dim = X.shape
    if num_rows <= dim or dim > MOST_FEATURES:
        return {}
    size = np.abs(X).max(axis=0)
    scaled = X / np.where(size > 0, size, 1.0)
    spread = scaled.var(axis=0) * num_rows
    varying = np.flatnonzero(spread > 0)
    if varying.size < dim:
        scaled -= scaled.mean(axis=0)
    gram = scaled.T @ scaled
    left = gram.copy()  # what the columns kept so far leave open
    kept: list[int] = []
    found: dict[int, tuple[int, ...]] = {}
    for column in varying.tolist():
        if left[column, column] > UNEXPLAINED**2 * spread[column]:
            kept.append(column)
            left -= np.outer(left[column], left[column]) / left[column, column]
            continue
        weights = np.linalg.solve(gram[np.ix_(kept, kept)], gram[kept, column])
        parts = np.abs(weights) * np.sqrt(gram[kept, kept])
        takes_part = parts > TAKES_PART * np.sqrt(spread[column])
        found[column] = tuple(np.array(kept)[takes_part].tolist())
    return found
