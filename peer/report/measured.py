"""The figures by which one run is held against another, each with the rounds that it comes from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peer.measure.comparison import Mean, Quantile, Sampled
from peer.measure.figures import SUBSPACE_DISTANCE
from peer.report.reading import Recorded, open_books
from peer.report.series import RunSeries
from peer.report.timing import QUANTILES
from peer.report.traffic import LEVELS
from peer.report.wording import listed, plural, power

__all__ = ["Measured", "measured"]

Floats = NDArray[np.float64]

_LATENCIES = "SELECT round, latency_ns FROM rounds WHERE latency_ns IS NOT NULL"
_STARTS = """
SELECT avg(ends_ns - started_ns) FROM (
  SELECT round, started_ns, lead(started_ns) OVER (PARTITION BY peer, incarnation ORDER BY round) AS ends_ns
  FROM rounds WHERE started_ns IS NOT NULL)
WHERE round < ? AND ends_ns IS NOT NULL GROUP BY round ORDER BY round
"""


@dataclass(frozen=True)
class Measured:
    """One figure of a run.

    Attributes
    ----------
    value : float or None
        None where it is not known.
    sampled : Sampled or None
        What it was measured from; None of what was counted, or happened once.
    why : str
        Why it is not known.
    """

    value: float | None
    sampled: Sampled | None = None
    why: str = ""


def measured(run: Recorded, series: RunSeries, distance: float | None) -> dict[str, Measured]:
    """Read the figures of a run.

    Parameters
    ----------
    run : Recorded
        The run.
    series : RunSeries
        Its series.
    distance : float or None
        The subspace distance ε that the run is to come to.

    Returns
    -------
    dict of str to Measured
        ``bytes_per_round.LEVEL``, ``round_latency_ms.QUANTILE``, ``to_distance.rounds|bytes|seconds`` and
        ``final_distance``. Of a run that was collected without some peers only the last one is known: a peer that is
        missing may be the slowest, or the last to come to a distance.
    """
    final = run.summary.subspace_distance
    figures = {
        **_bytes(run, series),
        **_latencies(run),
        **({} if distance is None else _reaching(run, series, distance)),
    }
    if run.unheard:
        why = f"the run was collected without {listed(sorted(run.unheard))}"
        figures = dict.fromkeys(figures, Measured(None, why=why))
    return {
        **figures,
        "final_distance": Measured(None, why="no true subspace is known")
        if final is None or final.final is None
        else Measured(final.final),
    }


def _bytes(run: Recorded, series: RunSeries) -> dict[str, Measured]:
    """Values and messages are counted; what TCP adds varies with the moment."""
    summary = run.summary
    rounds = max(summary.rounds, 1)
    found = {}
    for level in LEVELS:
        size = getattr(summary.bytes, level)
        why = ""
        if size is None:
            why = "a simulation has none" if run.ledger is None else "not measured at every peer"
        elif level in ("socket", "wire_estimate") and summary.bytes.uncounted_connections:
            why = f"{plural(summary.bytes.uncounted_connections, 'connection')} closed before they could be read"
        if why:
            found[f"bytes_per_round.{level}"] = Measured(None, why=why)
        else:
            found[f"bytes_per_round.{level}"] = Measured(
                size / rounds, _above_messages(series, level, size / rounds)
            )
    return found


def _above_messages(series: RunSeries, level: str, a_round: float) -> Mean | None:
    traffic = series.traffic
    if (
        level not in ("socket", "wire_estimate")
        or traffic is None
        or not traffic.per_round.keys() >= {level, "message"}
    ):
        return None
    above = traffic.per_round[level] - traffic.per_round["message"]
    return Mean(above, certain=a_round - float(above.mean()))


def _latencies(run: Recorded) -> dict[str, Measured]:
    rows: Floats = np.empty((0, 2))
    if run.ledger is not None:
        with open_books(run.ledger) as books:
            rows = np.array(books.execute(_LATENCIES).fetchall(), np.float64).reshape(-1, 2)
    if not len(rows):
        return {f"round_latency_ms.{name}": Measured(None, why="no round was timed") for name in QUANTILES}
    latency_ms = rows[:, 1] / 1e6
    return {
        f"round_latency_ms.{name}": Measured(
            float(np.quantile(latency_ms, q)), Quantile(latency_ms, rows[:, 0].astype(np.int64), q)
        )
        for name, q in QUANTILES.items()
    }


def _reaching(run: Recorded, series: RunSeries, distance: float) -> dict[str, Measured]:
    """What it took to come to a distance, for the first time."""
    keys = ("rounds", "bytes", "seconds")
    learning = series.learning
    if learning is None or learning.metric != SUBSPACE_DISTANCE:
        return _unknown(keys, "no true subspace is known")
    there = np.flatnonzero(learning.values <= distance)
    if not there.size:
        least = power(float(learning.values.min()))
        return _unknown(keys, f"the run does not come to {power(distance)}, its least distance is {least}")
    first = int(there[0])
    found = _unknown(keys, "a simulation has none" if run.ledger is None else "not measured")
    if learning.rounds is not None:
        found["to_distance.rounds"] = Measured(float(learning.rounds[first]))
        if learning.seconds is not None:
            seconds = float(learning.seconds[first])
            found["to_distance.seconds"] = Measured(
                seconds, _time_of(run, int(learning.rounds[first]), seconds)
            )
    if learning.sent_bytes is not None:
        found["to_distance.bytes"] = Measured(float(learning.sent_bytes[first]))
    return found


def _unknown(keys: tuple[str, ...], why: str) -> dict[str, Measured]:
    return {f"to_distance.{key}": Measured(None, why=why) for key in keys}


def _time_of(run: Recorded, rounds: int, seconds: float) -> Mean | None:
    """The time of so many rounds, from the beginning of each to that of the next; in all so many seconds."""
    assert run.ledger is not None
    with open_books(run.ledger) as books:
        lengths = np.array([length for (length,) in books.execute(_STARTS, (rounds,))], np.float64)
    total = float(lengths.sum())
    return Mean(lengths * (seconds * len(lengths) / total)) if total > 0 else None
