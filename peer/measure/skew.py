"""Bounds of the difference between two clocks over a run, where they may run at different rates."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["bounds_of_lines", "least_in_bins"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

BINS = 64
"""Parts of a run of which each gives its quickest message: nothing else of it can touch a bound from below, but for
messages that are slower than the quickest of their own part."""

MOST_SKEW = 1e-3
"""The kernel adjusts a clock's rate by 500 millionths at most, of two clocks in opposite directions."""

ROUNDING_NS = 1.0
"""Both readings of a message are whole nanoseconds."""

CLEARLY_MORE = 1.5
"""Times the room between the two directions of an edge from which on another rate is believed."""

ENOUGH_BINS = 48
"""With messages in both directions: with fewer, a few lucky messages look like another rate."""


def least_in_bins(
    arc: Ints, at_ns: Ints, apparent_ns: Ints, span_ns: Floats, arcs: int
) -> tuple[Floats, Floats]:
    """Keep the quickest message of each part of the run, for each direction of each edge.

    Parameters
    ----------
    arc : ndarray
        Shape (k,), int64: which direction of which edge a message took, below ``arcs``.
    at_ns, apparent_ns : ndarray
        Shape (k,), int64: when, and how long it seemed to take.
    span_ns : ndarray
        Shape (2,), float64: begin and end of the run.
    arcs : int
        How many directions there are.

    Returns
    -------
    at, least : ndarray
        Shape (arcs, `BINS`), float64: when in the run, from 0 to 1, and how long; inf where there was none.
    """
    where = (at_ns - span_ns[0]) / (span_ns[1] - span_ns[0])
    bins = arc * BINS + np.clip((where * BINS).astype(np.int64), 0, BINS - 1)
    order = np.lexsort((apparent_ns, bins))
    found, first = np.unique(bins[order], return_index=True)
    at, least = np.zeros(arcs * BINS), np.full(arcs * BINS, np.inf)
    at[found] = where[order][first]
    least[found] = apparent_ns[order][first]
    return at.reshape(arcs, BINS), least.reshape(arcs, BINS)


def bounds_of_lines(at: Floats, least: Floats, span_ns: Floats, count: int, *, lines: bool) -> Floats:
    """Bound every clock's reading above every other's, at the begin and at the end of the run.

    Parameters
    ----------
    at, least : ndarray
        Of `least_in_bins`, with the direction from clock a to clock b at ``a * count + b``.
    span_ns : ndarray
        Shape (2,), float64.
    count : int
        How many clocks.
    lines : bool
        Whether rates may differ even where no edge shows it.

    Returns
    -------
    ndarray
        Shape (count, count, 2), float64: what b shows beyond a, at most; inf where nothing was sent.
    """
    bounds = np.repeat(least.min(axis=1).reshape(count, count, 1), 2, axis=2)
    lasted_ns = float(span_ns[1] - span_ns[0])
    most_drift = MOST_SKEW * lasted_ns
    fitted, fastest = {}, 0.0
    for a, b in np.argwhere(np.isfinite(bounds[..., 0])).tolist():
        if a < b and np.isfinite(bounds[b, a, 0]):
            there, back = (
                # What is further above the least than clocks can drift never touches a line.
                np.stack([at[arc], least[arc]])[:, least[arc] <= least[arc].min() + most_drift]
                for arc in (a * count + b, b * count + a)
            )
            room = bounds[a, b, 0] + bounds[b, a, 0]
            widest, drift = _widest(there, back, most_drift)
            shown = min(there.shape[1], back.shape[1]) >= ENOUGH_BINS and widest > CLEARLY_MORE * room
            if lines or room < 0 or shown:
                fitted[a, b] = there, back
                fastest = max(fastest, abs(drift) / lasted_ns)
    # Moments of different clocks stand for each other although these drift apart by then.
    slack = ROUNDING_NS + (2 * fastest) ** 2 * lasted_ns
    for (a, b), (there, back) in fitted.items():
        bounds[a, b], bounds[b, a] = _lines(there, back, most_drift, slack)
    return bounds


def _widest(there: Floats, back: Floats, most_drift: float) -> tuple[float, float]:
    """The widest strip between the points of both directions, over all slopes: its width and its drift."""
    # a + drift t <= transit there, b - drift t <= transit back: maximize a + b.
    rows = [
        np.stack([np.ones_like(there[0]), np.zeros_like(there[0]), there[0]], axis=1),
        np.stack([np.zeros_like(back[0]), np.ones_like(back[0]), -back[0]], axis=1),
    ]
    limits = np.concatenate([there[1], back[1]])
    found = _most(np.array([1.0, 1.0, 0.0]), np.concatenate(rows), limits, most_drift)
    return (-np.inf, 0.0) if found is None else (float(found[0] + found[1]), float(found[2]))


def _lines(there: Floats, back: Floats, most_drift: float, slack: float) -> tuple[Floats, Floats]:
    """The most and the negative of the least that lines between the points of both directions reach at 0 and at 1.

    Where no line fits, the clocks' rates have changed: the edge says nothing, which is a bound of inf.
    """
    # The line's values x at 0 and y at 1: x + t (y - x) <= transit there, and >= -transit back.
    rows = np.concatenate(
        [
            np.stack([1 - there[0], there[0]], axis=1),
            -np.stack([1 - back[0], back[0]], axis=1),
            [[1, -1], [-1, 1]],
        ]
    )
    limits = np.concatenate([there[1] + slack, back[1] + slack, [most_drift, most_drift]])
    upper, lower = np.full(2, np.inf), np.full(2, np.inf)
    for i, goal in enumerate(np.eye(2)):
        highest, lowest = (_most(sign * goal, rows, limits) for sign in (1, -1))
        if highest is not None and lowest is not None:
            upper[i], lower[i] = highest[i], -lowest[i]
    return upper, lower


def _most(goal: Floats, rows: Floats, limits: Floats, last_within: float | None = None) -> Floats | None:
    """Where ``goal`` is largest while ``rows`` stay below ``limits``; None where they cannot.

    ``last_within`` bounds the last variable in both directions.
    """
    from scipy.optimize import linprog

    free = (None, None)
    last = free if last_within is None else (-last_within, last_within)
    # Nanoseconds of a run are large numbers: at the usual tolerances tens of them would be missing.
    exactly = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    found = linprog(
        -goal,
        A_ub=rows,
        b_ub=limits,
        bounds=[*[free] * (len(goal) - 1), last],
        method="highs-ds",
        options=exactly,
    )
    return found.x if found.success else None
