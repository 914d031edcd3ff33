"""What is worth knowing of tasks before anybody learns from them: scales, dependences, few rows."""

from collections.abc import Iterator, Sequence

import numpy as np

from peer.data.dependence import dependences
from peer.data.local import Array, LocalData

__all__ = ["remarks_on"]

UNEQUAL = 10.0
"""Steps of a gradient fit the largest scale: at ten times the spread a feature learns a hundred times as fast."""

MOST_NAMED = 5


def remarks_on(peers: Sequence[LocalData]) -> list[str]:
    """Say what will keep a run on these data from ending well.

    Parameters
    ----------
    peers : sequence of LocalData
        With the same features.

    Returns
    -------
    list of str
        A sentence each, with what to do about it; empty where there is nothing.
    """
    X = np.concatenate([local.X for local in peers])
    names = peers[0].features
    return [*_few_rows(peers), *_scales(X, names), *_dependent(X, names)]


def _few_rows(peers: Sequence[LocalData]) -> Iterator[str]:
    rows = sum(len(local.y) for local in peers)
    held = sum(0 if local.y_holdout is None else len(local.y_holdout) for local in peers)
    if held > rows:
        yield f"more rows are held out ({held:,}) than are left to learn from ({rows:,})"
    lone = [
        task_id
        for local in peers
        for task_id, count in zip(local.task_ids, np.diff(local.task_ptr), strict=True)
        if count == 1
    ]
    if lone:
        yield f"tasks with one row only to learn from: {_some(lone)} (the same task, spelled in another way?)"


def _scales(X: Array, names: Sequence[str]) -> Iterator[str]:
    with np.errstate(over="ignore", invalid="ignore"):
        mean, spread = X.mean(axis=0), X.std(axis=0)
    varying = np.flatnonzero(X.min(axis=0) < X.max(axis=0))
    if varying.size == 0 or not np.isfinite(spread).all():
        return
    mend = "a run on such scales may stop moving long before it has learnt: import with --standardize"
    widest = varying[np.argmax(spread[varying])]
    narrowest = varying[np.argmin(spread[varying])]
    ratio = spread[widest] / spread[narrowest]
    farthest = varying[np.argmax(np.abs(mean[varying]) / spread[varying])]
    if ratio > UNEQUAL:
        times = f"{ratio:,.0f}" if ratio < 1e6 else f"{ratio:.0e}"
        yield f"{names[widest]!r} has {times} times the spread of {names[narrowest]!r}; {mend}"
    elif abs(mean[farthest]) > UNEQUAL * spread[farthest]:
        yield (
            f"{names[farthest]!r} lies far from 0 (mean {mean[farthest]:.4g}, spread {spread[farthest]:.2g}); {mend}"
        )


def _dependent(X: Array, names: Sequence[str]) -> Iterator[str]:
    found = dependences(X)
    if not found:
        return
    told = [
        f"{names[column]!r} follows from {_some([repr(names[other]) for other in others])}"
        for column, others in list(found.items())[:MOST_NAMED]
    ]
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    yield (
        f"{'; '.join(told)}{more}: {len(names)} features tell no more than {len(names) - len(found)} would; "
        "leave such columns out, or keep the rank at or below that"
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
