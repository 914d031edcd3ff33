"""Latency of the rounds: quantiles over the run, and where the time went."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peer.report.buckets import bucket_of
from topology.network import Network

__all__ = ["PARTS", "QUANTILES", "Timing", "Waited", "read_timing"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PARTS = ("adapt", "encode", "send", "wait", "decode")
"""In the order in which they happen. The last four are the latency; adapt comes before it."""

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

_ROUNDS = """
SELECT round, latency_ns, adapt_ns, encode_ns, send_ns, wait_ns, decode_ns FROM rounds
WHERE peer = ? AND latency_ns IS NOT NULL
"""
_PEERS = "SELECT DISTINCT peer FROM rounds ORDER BY peer"
_WAITS = (
    "SELECT peer, sum(wait_ns) / 1e9 FROM rounds WHERE wait_ns > 0 AND gated_by IS NOT NULL GROUP BY peer"
)
_WAITED = """
SELECT gated_by, count(*), sum(wait_ns) / 1e9 FROM rounds
WHERE wait_ns > 0 AND gated_by IS NOT NULL GROUP BY gated_by
"""


@dataclass(frozen=True)
class Waited:
    """How often and how long others waited for a peer, the last one to arrive."""

    rounds: int
    seconds: float


@dataclass(frozen=True)
class Timing:
    """Times of the rounds of all peers.

    Attributes
    ----------
    starts : ndarray
        Shape (buckets + 1,), int64: of `peer.report.buckets.bucket_starts`.
    quantiles_ms : mapping of str to ndarray
        ``p50``, ``p95``, ``p99``, each of shape (buckets,), float64: over all rounds and peers of a bucket; NaN where
        it has none.
    parts_ms : mapping of str to ndarray
        Each of `PARTS`, shape (buckets,), float64: the mean of a bucket.
    peers : tuple of str
        Those with measured rounds.
    peer_parts_ms : mapping of str to ndarray
        Each of `PARTS`, shape (peers,), float64: the mean of a peer's rounds.
    total_s : mapping of str to float
        Each of `PARTS`, summed over rounds and peers.
    waited_for : mapping of str to Waited
        By the peer that was waited for.
    fair_s : mapping of str to float
        How long each peer would have been waited for had every peer waited equally long for each of its neighbours:
        a hub is waited for more than a leaf though it is no slower.
    """

    starts: Ints
    quantiles_ms: Mapping[str, Floats]
    parts_ms: Mapping[str, Floats]
    peers: tuple[str, ...]
    peer_parts_ms: Mapping[str, Floats]
    total_s: Mapping[str, float]
    waited_for: Mapping[str, Waited]
    fair_s: Mapping[str, float]


def read_timing(books: sqlite3.Connection, starts: Ints, network: Network) -> Timing | None:
    """Read the times out of a ledger.

    Parameters
    ----------
    books : sqlite3.Connection
        The ledger.
    starts : ndarray
        Of `peer.report.buckets.bucket_starts`.
    network : Network
        Who is whose neighbour.

    Returns
    -------
    Timing or None
        None where no round was timed, as in a simulation.
    """
    tables = {}
    for (peer,) in books.execute(_PEERS).fetchall():
        table = np.array(books.execute(_ROUNDS, (peer,)).fetchall(), np.int64)
        if table.size:
            tables[peer] = table
    if not tables:
        return None
    table = np.concatenate(list(tables.values()))
    buckets = bucket_of(table[:, 0], starts)
    latency_ms = table[:, 1] / 1e6
    parts = {part: table[:, 2 + i] for i, part in enumerate(PARTS)}
    count = len(starts) - 1
    return Timing(
        starts,
        quantiles_ms=_quantiles(latency_ms, buckets, count),
        parts_ms={part: _means(ns / 1e6, buckets, count) for part, ns in parts.items()},
        peers=tuple(tables),
        peer_parts_ms={
            part: np.array([own[:, 2 + i].mean() / 1e6 for own in tables.values()])
            for i, part in enumerate(PARTS)
        },
        total_s={part: float(ns.sum() / 1e9) for part, ns in parts.items()},
        waited_for={peer: Waited(rounds, waited) for peer, rounds, waited in books.execute(_WAITED)},
        fair_s=_fair(dict(books.execute(_WAITS).fetchall()), network),
    )


def _fair(waited: Mapping[str, float], network: Network) -> dict[str, float]:
    fair = dict.fromkeys(network.names, 0.0)
    for peer, seconds in waited.items():
        neighbours = network.neighbours(peer)
        for neighbour in neighbours:
            fair[neighbour] += seconds / len(neighbours)
    return fair


def _quantiles(latency_ms: Floats, buckets: Ints, count: int) -> dict[str, Floats]:
    order = np.argsort(buckets, kind="stable")
    groups = np.split(latency_ms[order], np.searchsorted(buckets[order], np.arange(1, count)))
    levels = list(QUANTILES.values())
    table = np.array([np.quantile(group, levels) if group.size else np.full(3, np.nan) for group in groups])
    return {name: table[:, i] for i, name in enumerate(QUANTILES)}


def _means(ms: Floats, buckets: Ints, count: int) -> Floats:
    counts = np.bincount(buckets, minlength=count)
    means = np.full(count, np.nan)
    np.divide(np.bincount(buckets, ms, minlength=count), counts, out=means, where=counts > 0)
    return means
