"""Whether a run was at its end when it ended: how far its bases would still go."""

import math
from collections.abc import Mapping

__all__ = ["movement", "unsettled"]

SETTLED = 0.02
"""Of bases with columns of length 1; what is left to go is close to the error of the subspace that it leaves."""


def movement(moved: Mapping[int, float]) -> dict[str, float] | None:
    """Tell how far the bases went in the first and in the last iteration, and how far they would still go.

    A run that settles goes a constant part of the step before in each iteration. That part is taken from the last
    quarter of the run; what is still to go is then a geometric series, summed over as many iterations again. The
    size of the last step alone tells nothing: many small steps that hardly become smaller lead far away.

    Parameters
    ----------
    moved : mapping of int to float
        By iteration, in ascending order: how far the basis moved that moved furthest (Frobenius norm).

    Returns
    -------
    dict, or None
        ``first``, ``last`` and ``ahead``; None where no iteration was told.
    """
    if not moved:
        return None
    iterations, steps = list(moved), list(moved.values())
    earlier = max(len(steps) - 1 - max(len(steps) // 4, 1), 0)
    ahead = _ahead(steps[earlier], steps[-1], iterations[-1] - iterations[earlier], iterations[-1])
    return {"first": steps[0], "last": steps[-1], "ahead": ahead}


def _ahead(earlier: float, last: float, between: int, count: int) -> float:
    """Sum of ``count`` more steps, each as much smaller than the one before as from ``earlier`` to ``last``."""
    # Steps that grow will not do so for ever: they are taken to stay as they are.
    if last >= earlier or between == 0:
        return last * count
    if last == 0:
        return 0.0
    rate = math.log(earlier / last) / between
    return last * math.exp(-rate) * math.expm1(-rate * count) / math.expm1(-rate)


def unsettled(moved: Mapping[str, float] | None) -> str:
    """Say that a run was not at its end when it ended, where its numbers show it.

    Parameters
    ----------
    moved : mapping of str to float, or None
        The summary's own, of `movement`.

    Returns
    -------
    str
        Sentences; empty where there is nothing to say.
    """
    if moved is None or moved["ahead"] <= SETTLED:
        return ""
    return (
        f"This is not settled: the bases moved by {moved['last']:.1e} in the last iteration, by {moved['first']:.1e} in"
        f" the first, and in as many again, slowing down as they did, would go another {moved['ahead']:.1g}; their "
        "columns have length 1. Give it more iterations, and compare the errors on held-out rows. If it does not "
        "settle, the rank may be higher than what the tasks share, or features may depend on each other or differ "
        "much in spread (import with --standardize)."
    )
