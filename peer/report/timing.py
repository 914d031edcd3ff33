"""Latency of the rounds: quantiles over the run, and where the time went."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peer.measure.anatomy import ARRIVED, PARTS, SENT, Rounds
from peer.report.buckets import bucket_of

__all__ = ["QUANTILES", "Timing", "Waited", "timing_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


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
        Each of `peer.measure.anatomy.PARTS`, shape (buckets,), float64: the mean of a bucket.
    peers : tuple of str
        Those with measured rounds.
    peer_parts_ms : mapping of str to ndarray
        Likewise, shape (peers,), float64: the mean of a peer's rounds.
    total_s : mapping of str to float
        Likewise, summed over rounds and peers.
    waited_for : mapping of str to Waited
        By the peer that was waited for.
    """

    starts: Ints
    quantiles_ms: Mapping[str, Floats]
    parts_ms: Mapping[str, Floats]
    peers: tuple[str, ...]
    peer_parts_ms: Mapping[str, Floats]
    total_s: Mapping[str, float]
    waited_for: Mapping[str, Waited]


def timing_of(rounds: Rounds, starts: Ints) -> Timing | None:
    """Sum the times of all rounds up.

    Parameters
    ----------
    rounds : Rounds
        All rounds of the run.
    starts : ndarray
        Of `peer.report.buckets.bucket_starts`.

    Returns
    -------
    Timing or None
        None where no round was timed, as in a simulation.
    """
    if not rounds.number.size:
        return None
    buckets = bucket_of(rounds.number, starts)
    parts = dict(zip(PARTS, rounds.parts_ns.T, strict=True))
    count = len(starts) - 1
    peers, own = np.unique(rounds.peer, return_inverse=True)
    return Timing(
        starts,
        quantiles_ms=_quantiles(rounds.latency_ns / 1e6, buckets, count),
        parts_ms={part: _means(ns / 1e6, buckets, count) for part, ns in parts.items()},
        peers=tuple(rounds.names[peer] for peer in peers),
        peer_parts_ms={part: _means(ns / 1e6, own, len(peers)) for part, ns in parts.items()},
        total_s={part: float(ns.sum() / 1e9) for part, ns in parts.items()},
        waited_for=_waited_for(rounds),
    )


def _waited_for(rounds: Rounds) -> dict[str, Waited]:
    waits_ns = (rounds.moments_ns[:, ARRIVED] - rounds.moments_ns[:, SENT])[rounds.waited]
    gates = rounds.gated_by[rounds.waited]
    times, sums = np.bincount(gates), np.bincount(gates, waits_ns)
    return {
        rounds.names[gate]: Waited(int(times[gate]), float(sums[gate] / 1e9))
        for gate in np.flatnonzero(times)
    }


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
