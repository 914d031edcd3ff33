"""All series of a run: what sentences, figures and ``--json`` are made of."""

import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from peer.measure.anatomy import read_rounds
from peer.measure.double_entry import Balance, balance
from peer.measure.entries import read_entries, read_restarted
from peer.report.accounts import Accounts, read_accounts
from peer.report.agreements import Theory, read_theory
from peer.report.anatomy import Anatomy, read_anatomy
from peer.report.buckets import bucket_starts
from peer.report.completeness import Completeness, read_completeness
from peer.report.framing import Framing, read_framing
from peer.report.learning import Learning, learning_of_trace, read_learning
from peer.report.reading import Recorded, open_books
from peer.report.sent import first_sendings
from peer.report.timing import Timing, timing_of
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
    accounts : Accounts or None
        Bytes beside the values.
    framing : mapping of (str, str) to Framing
        The framing model beside what TCP sent, by edge and direction.
    anatomy : Anatomy or None
        Where the time went: clocks, delays, critical path.
    balance : Balance or None
        Whether both ends of every edge wrote down the same.
    theory : Theory or None
        What theory says of the agreements, beside what was measured.
    """

    learning: Learning | None
    traffic: Traffic | None = None
    timing: Timing | None = None
    completeness: Completeness | None = None
    accounts: Accounts | None = None
    framing: Mapping[tuple[str, str], Framing] = field(default_factory=dict)
    anatomy: Anatomy | None = None
    balance: Balance | None = None
    theory: Theory | None = None


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
        entries = read_entries(books)
        sent = first_sendings(entries, summary.rounds)
        rounds = read_rounds(books, run.network.names)
        learning = read_learning(books, sent)
        traffic = read_traffic(books, sent, starts, sockets=summary.bytes.socket is not None)
        return RunSeries(
            learning=learning,
            traffic=traffic,
            timing=timing_of(rounds, starts),
            completeness=read_completeness(books, run.network.names, summary.rounds),
            accounts=read_accounts(books),
            framing=read_framing(books, run.network, tls=bool(summary.tls)),
            anatomy=read_anatomy(books, rounds, shared_clock=run.shared_clock),
            balance=balance(entries, read_restarted(books), run.unheard_edges),
            theory=read_theory(books, run, sent, traffic, learning),
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
        With the names of the attributes; what is by edge is a list.
    """
    document = {
        "learning": None if series.learning is None else vars(series.learning),
        "traffic": None if series.traffic is None else vars(series.traffic),
        "timing": None if series.timing is None else asdict(series.timing),
        "completeness": None if series.completeness is None else asdict(series.completeness),
        "accounts": None if series.accounts is None else asdict(series.accounts),
        "framing": [
            {"peer": peer, "neighbour": other, **asdict(one), "residual_bytes": one.residual_bytes}
            for (peer, other), one in series.framing.items()
        ],
        "anatomy": None if series.anatomy is None else asdict(series.anatomy),
        "balance": None
        if series.balance is None
        else {"closes": series.balance.closes, **asdict(series.balance)},
        "theory": None if series.theory is None else _theory(series.theory),
    }
    if series.traffic is not None:
        edges = [
            {"peer": peer, "neighbour": other, **sizes}
            for (peer, other), sizes in series.traffic.edges.items()
        ]
        document["traffic"] = {
            "starts": series.traffic.starts,
            "per_round": series.traffic.per_round,
            "edges": edges,
        }
    plain: dict[str, Any] = _plain(document)
    return plain


def _theory(theory: Theory) -> dict[str, Any]:
    """Without the agreements one by one: a long run has many."""
    document = asdict(theory)
    del document["agreements"]
    return document


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
