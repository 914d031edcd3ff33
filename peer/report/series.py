"""All series of a run: what sentences, figures and ``--json`` are made of."""

import sqlite3
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from peer.report.buckets import bucket_starts
from peer.report.completeness import Completeness, read_completeness
from peer.report.learning import Learning, learning_of_trace, read_learning
from peer.report.reading import Recorded, open_books
from peer.report.sent import first_sendings
from peer.report.timing import Timing, read_timing
from peer.report.traffic import Traffic, read_traffic
from topology.errors import InputError

__all__ = ["RunSeries", "read_series", "series_document"]


@dataclass(frozen=True)
class RunSeries:
    """What was measured; None where nothing was.

    Attributes
    ----------
    learning : Learning or None
        How far the peers had learnt.
    traffic : Traffic or None
        Bytes.
    timing : Timing or None
        Times.
    completeness : Completeness or None
        What the ledger lacks.
    """

    learning: Learning | None
    traffic: Traffic | None = None
    timing: Timing | None = None
    completeness: Completeness | None = None


def read_series(run: Recorded) -> RunSeries:
    """Read the series of a run.

    Parameters
    ----------
    run : Recorded
        Of `peer.report.reading.read_recorded`.

    Returns
    -------
    RunSeries
        Of a simulation only what its summary has.

    Raises
    ------
    InputError
        If the ledger is damaged, or of another run than the summary.
    """
    summary = run.summary
    if run.ledger is None or run.network is None:
        known = summary.subspace_distance
        return RunSeries(None if known is None else learning_of_trace(known.trace))
    starts = bucket_starts(summary.rounds)
    with open_books(run.ledger) as books:
        _check_same_run(books, run)
        first_sendings(books)
        return RunSeries(
            learning=read_learning(books, summary.rounds),
            traffic=read_traffic(books, starts, sockets=summary.bytes.socket is not None),
            timing=read_timing(books, starts, run.network),
            completeness=read_completeness(books, run.network.names, summary.rounds),
        )


def _check_same_run(books: sqlite3.Connection, run: Recorded) -> None:
    rounds, runs = books.execute("SELECT max(round) + 1, group_concat(DISTINCT run) FROM rounds").fetchone()
    told = (run.summary.rounds, run.summary.run_id)
    if rounds is not None and (rounds, runs) != told:
        raise InputError(
            f"has {rounds} rounds of {runs}, the summary tells of {told[0]} rounds of {told[1]}",
            file=run.ledger,
            mend="put the parts of one run into the folder, or collect the run again",
        )


def series_document(series: RunSeries) -> dict[str, Any]:
    """Put the series into plain JSON values; what is not a number becomes null.

    Parameters
    ----------
    series : RunSeries
        Of `read_series`.

    Returns
    -------
    dict
        With the names of the attributes; the edges of the traffic are a list.
    """
    document = {
        "learning": None if series.learning is None else vars(series.learning),
        "traffic": None if series.traffic is None else vars(series.traffic),
        "timing": None if series.timing is None else asdict(series.timing),
        "completeness": None if series.completeness is None else asdict(series.completeness),
    }
    if series.traffic is not None:
        edges = [
            {"peer": peer, "neighbour": other, **sizes}
            for (peer, other), sizes in series.traffic.edges.items()
        ]
        document["traffic"] = {**vars(series.traffic), "edges": edges}
    plain: dict[str, Any] = _plain(document)
    return plain


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, np.ndarray):
        return [_plain(entry) for entry in value.tolist()]
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
