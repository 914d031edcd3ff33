"""Figures of a run, read from its ledgers; ``docs/ledger.md`` has queries for people with the same results."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peer.measure.entries import Entries, read_entries
from peer.measure.schema import open_ledger
from topology.errors import InputError

__all__ = [
    "MOVED",
    "SUBSPACE_DISTANCE",
    "ByteTotals",
    "RunFigures",
    "last_iterations",
    "ledger_figures",
    "run_seconds",
    "sent_before",
]

SUBSPACE_DISTANCE = "subspace_distance"
"""Name of the metric that the summary's trace is made of."""

MOVED = "moved"
"""The number by which an algorithm tells how far a basis has gone in an iteration: the Frobenius norm of the step."""

# A connection that closed as soon as it was open may never have been found: its bytes are not known, and it is
# counted instead. Nothing rather than too little where no connection of a peer was measured.
_SOCKETS = """
SELECT sum(bytes - retrans) FILTER (WHERE known), sum(bytes + segments * header_bytes) FILTER (WHERE known),
  count(DISTINCT peer) FILTER (WHERE known) = (SELECT count(DISTINCT peer) FROM rounds),
  count(*) FILTER (WHERE NOT known)
FROM (SELECT *, bytes + retrans + segments IS NOT NULL AS known FROM (
  SELECT peer,
    CASE WHEN count(*) = count(bytes_sent) THEN max(bytes_sent) - min(bytes_sent) END AS bytes,
    max(bytes_retrans) - min(bytes_retrans) AS retrans,
    max(segs_out) - min(segs_out) AS segments,
    max(header_bytes) AS header_bytes
  FROM sockets GROUP BY peer, incarnation, neighbour, connection))
"""
_BEFORE = """
SELECT coalesce(sum(payload_bytes), 0), coalesce(sum(message_bytes), 0) FROM messages
WHERE run = ? AND incarnation < ? AND kind = 'value' AND direction = 'sent'
"""
_EXTENT = "SELECT (SELECT max(round) + 1 FROM rounds), (SELECT max(iteration) FROM iterations)"
_LAST_ITERATIONS = "SELECT run, max(iteration) FROM iterations GROUP BY run"
_SPAN = """
SELECT min(CASE kind WHEN 'run-accepted' THEN at_utc END), min(CASE kind WHEN 'run-done' THEN at_utc END) FROM events
"""
_MOVED = """
SELECT iteration, max(value) FROM iterations WHERE name = ? AND value IS NOT NULL GROUP BY iteration ORDER BY iteration
"""
_LATENCIES = "SELECT latency_ns FROM rounds WHERE latency_ns IS NOT NULL"
_DISTANCES = "SELECT peer, iteration, value FROM iterations WHERE name = ? ORDER BY incarnation"


@dataclass(frozen=True, slots=True)
class ByteTotals:
    """Bytes that all peers sent on data connections; None where a peer did not measure them.

    Attributes
    ----------
    payload : int
        Values as encoded by the program, each counted once.
    message : int or None
        Their envelopes as handed to gRPC.
    socket : int or None
        What TCP carried, retransmitted segments apart.
    wire_estimate : int or None
        With headers of link, IP and TCP, and retransmitted segments.
    uncounted_connections : int
        Connections whose counters could not be read, each at one of its ends: what this end sent on them is
        neither in ``socket`` nor in ``wire_estimate``.
    resent : int
        Envelopes that went out again after a connection or a peer was lost; not part of ``message``.
    told_by_receiver : int
        Messages of which the sender's row was lost with a crash: they are counted as the other end reported them.
    known_of_missing : int
        Payload of values that arrived from peers of which there is no ledger; not part of ``payload``.
    """

    payload: int
    message: int | None = None
    socket: int | None = None
    wire_estimate: int | None = None
    uncounted_connections: int = 0
    resent: int = 0
    told_by_receiver: int = 0
    known_of_missing: int = 0


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What was counted and timed in a run.

    Attributes
    ----------
    rounds : int
        Rounds of the network.
    iterations : int
        Iterations of the main loop.
    bytes : ByteTotals
        Over all peers.
    latencies_ns : ndarray
        Shape (rows,), int64: latency of every round of every peer; empty in a simulation.
    distances : mapping
        Subspace distance by peer and iteration, where a peer knows the truth.
    moved : mapping of int to float
        By iteration, ascending: how far the basis went that went furthest; empty where the algorithm does not tell.
    """

    rounds: int
    iterations: int
    bytes: ByteTotals
    latencies_ns: NDArray[np.int64]
    distances: Mapping[str, Mapping[int, float]]
    moved: Mapping[int, float]


def ledger_figures(path: str | Path) -> RunFigures:
    """Read the figures of one run from the ledger of all peers.

    Parameters
    ----------
    path : str or Path
        A ledger with rows of this run only: of all peers, for what one of them has lost another one knows.

    Returns
    -------
    RunFigures
        Over all of them.

    Raises
    ------
    InputError
        If it is not a ledger of this version, or damaged.
    """
    with closing(open_ledger(path)) as ledger:
        try:
            sizes = _sizes(read_entries(ledger))
            socket, wire, complete, uncounted = ledger.execute(_SOCKETS).fetchone()
            rounds, iterations = ledger.execute(_EXTENT).fetchone()
            latencies = np.fromiter(chain.from_iterable(ledger.execute(_LATENCIES)), np.int64)
            moved = dict(ledger.execute(_MOVED, (MOVED,)).fetchall())
            distances: dict[str, dict[int, float]] = {}
            for peer, iteration, value in ledger.execute(_DISTANCES, (SUBSPACE_DISTANCE,)):
                if value is not None:
                    distances.setdefault(peer, {})[iteration] = value
        except sqlite3.DatabaseError as error:
            raise InputError(f"is damaged ({error})", file=path, mend="collect the run again") from error
    return RunFigures(
        rounds=rounds or 0,
        iterations=iterations or 0,
        bytes=replace(
            sizes,
            socket=socket if complete else None,
            wire_estimate=wire if complete else None,
            uncounted_connections=uncounted,
        ),
        latencies_ns=latencies,
        distances=distances,
        moved=moved,
    )


def sent_before(path: str | Path, run: str, incarnation: int) -> tuple[int, int]:
    """Count what earlier processes of a peer have sent in a run, every time it went out.

    Parameters
    ----------
    path : str or Path
        The peer's ledger.
    run : str
        The run.
    incarnation : int
        Of the process that asks.

    Returns
    -------
    payload_bytes, message_bytes : int
        Of values; less than was sent where rows were lost in a kill.

    Raises
    ------
    InputError
        If it is not a ledger of this version, or damaged.
    """
    with closing(open_ledger(path)) as ledger:
        try:
            payload, message = ledger.execute(_BEFORE, (run, incarnation)).fetchone()
        except sqlite3.DatabaseError as error:
            raise InputError(f"is damaged ({error})", file=path, mend="move it away") from error
    return payload, message


def last_iterations(path: str | Path) -> dict[str, int]:
    """Read how many iterations each run of a peer's ledger has behind it, as far as rows were written.

    Parameters
    ----------
    path : str or Path
        The ledger; its peer may be writing to it.

    Returns
    -------
    dict of str to int
        By run; empty where there is no ledger that can be read: it is for measuring only.
    """
    try:
        with closing(open_ledger(path)) as ledger:
            return dict(ledger.execute(_LAST_ITERATIONS).fetchall())
    except (InputError, sqlite3.Error):
        return {}


def run_seconds(parts: Iterable[str | Path]) -> float:
    """Read how long a run took, from the moment that a peer took it until it had its result: the longest of all peers.

    Parameters
    ----------
    parts : iterable of str or Path
        The peers' ledgers of one run.

    Returns
    -------
    float
        Seconds, by each peer's own clock; 0 where no peer has written down both moments.
    """
    spans = [0.0]
    for path in parts:
        with closing(open_ledger(path)) as ledger:
            begun, done = ledger.execute(_SPAN).fetchone()
        if begun is not None and done is not None:
            spans.append((datetime.fromisoformat(done) - datetime.fromisoformat(begun)).total_seconds())
    return max(spans)


def _sizes(entries: Entries) -> ByteTotals:
    """What the peers sent whose rows are there; of those that are not, the neighbours know it."""
    own = entries.of_told
    value = own & entries.value
    everything, message = (
        int(sizes.sum()) for sizes in (entries.copies_bytes[own], entries.message_bytes[value])
    )
    measured = value.any() and entries.measured
    return ByteTotals(
        payload=int(entries.payload_bytes[value].sum()),
        message=message if measured else None,
        resent=everything - message if measured else 0,
        told_by_receiver=int(entries.lost_sendings[own].sum()),
        known_of_missing=int(entries.payload_bytes[entries.value & ~own].sum()),
    )
