"""How far the peers had learnt, against iterations, rounds, bytes and seconds."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from peer.measure.figures import SUBSPACE_DISTANCE
from peer.report.sent import Sent

__all__ = ["Learning", "learning_of_trace", "read_learning"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PREFERRED = (SUBSPACE_DISTANCE, "disagreement", "moved")
"""What is shown, the first that every peer told; then whatever else the algorithm reports."""

_NAMES = """
SELECT name, count(DISTINCT peer), (SELECT count(DISTINCT peer) FROM rounds)
FROM iterations WHERE name <> '' GROUP BY name
"""
_VALUES = "SELECT iteration, peer, value, at_ns FROM iterations WHERE name = ? ORDER BY incarnation"
_STARTS = "SELECT peer, min(started_ns) FROM rounds WHERE started_ns IS NOT NULL GROUP BY peer"
_ENDS = "SELECT coalesce(iteration, 0), max(round) + 1 FROM rounds GROUP BY 1"


@dataclass(frozen=True)
class Learning:
    """One number of each iteration, the largest over the peers, and what had been spent by then.

    Attributes
    ----------
    metric : str
        What the number is, as the ledger has it.
    iterations : ndarray
        Shape (k,), int64: ascending, only those with a number of every peer.
    values : ndarray
        Shape (k,), float64.
    rounds : ndarray or None
        Shape (k,), int64: rounds done.
    sent_bytes : ndarray or None
        Shape (k,), int64: sent by all peers, at the level ``level``.
    level : str or None
        ``message``; ``payload`` where envelopes were not measured.
    seconds : ndarray or None
        Shape (k,), float64: from the peers' first round until the last peer had this number; None where clocks
        were not recorded or ran backwards, as after a restart of a peer's machine.
    """

    metric: str
    iterations: Ints
    values: Floats
    rounds: Ints | None = None
    sent_bytes: Ints | None = None
    level: str | None = None
    seconds: Floats | None = None

    def thinned(self, most: int) -> "Learning":
        """The same with about so many iterations at most, the first and the last one among them."""
        count = len(self.iterations)
        if count <= most:
            return self
        kept = np.unique(np.linspace(0, count - 1, most).round().astype(int))
        return replace(
            self,
            iterations=self.iterations[kept],
            values=self.values[kept],
            rounds=None if self.rounds is None else self.rounds[kept],
            sent_bytes=None if self.sent_bytes is None else self.sent_bytes[kept],
            seconds=None if self.seconds is None else self.seconds[kept],
        )


def learning_of_trace(trace: Sequence[float | None]) -> Learning:
    """The distances that a summary has, where there is no ledger.

    Parameters
    ----------
    trace : sequence of float or None
        By iteration, from 0.

    Returns
    -------
    Learning
        Against iterations only.
    """
    known = [(iteration, value) for iteration, value in enumerate(trace) if value is not None]
    return Learning(
        SUBSPACE_DISTANCE,
        np.array([iteration for iteration, _ in known], np.int64),
        np.array([value for _, value in known], np.float64),
    )


def read_learning(books: sqlite3.Connection, sent: Sent) -> Learning | None:
    """Read the series out of a ledger.

    Parameters
    ----------
    books : sqlite3.Connection
        The ledger.
    sent : Sent
        Of `peer.report.sent.first_sendings`.

    Returns
    -------
    Learning or None
        None where no number was told by every peer.
    """
    metric, peers = _metric(books)
    if metric is None:
        return None
    values: dict[int, dict[str, float]] = {}
    times: dict[int, dict[str, int]] = {}
    for iteration, peer, value, at_ns in books.execute(_VALUES, (metric,)):
        if value is not None:
            values.setdefault(iteration, {})[peer] = value
        if at_ns is not None:
            times.setdefault(iteration, {})[peer] = at_ns
    iterations = [iteration for iteration in sorted(values) if len(values[iteration]) == peers]
    if not iterations:
        return None
    done = _rounds_done(books, iterations)
    level = "message" if "message" in sent.rounds else "payload"
    until = np.concatenate([[0], np.cumsum(sent.rounds[level])])
    return Learning(
        metric=metric,
        iterations=np.array(iterations, np.int64),
        values=np.array([max(values[iteration].values()) for iteration in iterations]),
        rounds=done,
        sent_bytes=until[done],
        level=level,
        seconds=_seconds(books, [times.get(iteration, {}) for iteration in iterations], peers),
    )


def _metric(books: sqlite3.Connection) -> tuple[str | None, int]:
    told = {name: (peers, of) for name, peers, of in books.execute(_NAMES)}
    complete = [name for name, (peers, of) in told.items() if peers >= of]
    first = next((name for name in (*PREFERRED, *sorted(complete)) if name in complete), None)
    return first, told[first][0] if first is not None else 0


def _rounds_done(books: sqlite3.Connection, iterations: Sequence[int]) -> Ints:
    ends = dict(books.execute(_ENDS).fetchall())
    # An iteration without a round of its own ends where the one before it ended.
    known = sorted(ends)
    last = np.maximum.accumulate([ends[iteration] for iteration in known]) if known else np.zeros(0, np.int64)
    found = np.searchsorted(known, iterations, side="right")
    return np.concatenate([[0], last])[found].astype(np.int64)


def _seconds(books: sqlite3.Connection, times: Sequence[dict[str, int]], peers: int) -> Floats | None:
    """Since each peer's own start: the clocks of different machines have nothing in common."""
    starts = dict(books.execute(_STARTS).fetchall())
    if any(len(at) < peers or not starts.keys() >= at.keys() for at in times):
        return None
    since = np.array([[at[peer] - starts[peer] for peer in sorted(starts)] for at in times]) / 1e9
    forward = (since >= 0).all() and (np.diff(since, axis=0) >= 0).all()
    return since.max(axis=1) if forward else None
