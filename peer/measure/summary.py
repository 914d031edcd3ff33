"""The summary of a run: the document that ``demo``, ``run`` and ``simulate`` print and keep."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from peer.algorithms.subspace import consensus_error
from peer.config import RunSpec
from peer.measure.figures import RunFigures
from peer.measure.settling import movement
from peer.program import Array
from topology.mixing import gamma, mixing_matrix
from topology.network import Network

__all__ = ["VERSION", "Driver", "predicted_payload", "result_digest", "summarize"]

VERSION = 1
"""The summary's ``version``: raised when a key changes its meaning or goes, not when one is added."""

Driver = Literal["processes", "network", "simulation"]

_PLANNED = ("label", "rounds", "payload_bytes")
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def summarize(
    *,
    run_id: str,
    driver: Driver,
    spec: RunSpec,
    network: Network,
    figures: RunFigures,
    bases: Mapping[str, Array],
    schedule: Sequence[tuple[str, int, int]] | None,
    versions: Mapping[str, str],
    wall_s: float,
    matches_simulation: bool | None = None,
    missing: Mapping[str, str] | None = None,
    missing_ledgers: Mapping[str, str] | None = None,
    profile: Mapping[str, str] | None = None,
    tls: bool | None = None,
    command: str | None = None,
) -> dict[str, Any]:
    """Make the summary of a finished run.

    Parameters
    ----------
    run_id : str
        The run.
    driver : {"processes", "network", "simulation"}
        What ran it.
    spec : RunSpec
        What was asked for.
    network : Network
        On which network.
    figures : RunFigures
        Of `peer.measure.figures.ledger_figures`, or a simulator's own.
    bases : mapping of str to array
        Every peer's U, shape (d, r), float64; of those that are not missing.
    schedule : sequence of (str, int, int), or None
        The algorithm's own: label, rounds, payload bytes of one message; None where it predicts nothing.
    versions : mapping of str to str
        Of `peer.measure.versions`.
    wall_s : float
        From the start of the run to its result, seconds.
    matches_simulation : bool, optional
        Whether the digests equal those of the exact simulation; None where it was not run.
    missing : mapping of str to str, optional
        Peers of which nothing is there, and why; all figures are then of the others.
    missing_ledgers : mapping of str to str, optional
        Peers whose result is there and whose ledger is not, and why; bytes and times are then of the others.
    profile : mapping of str to str, optional
        What the bits depend on besides specification and data, as the peers told it.
    tls : bool, optional
        Whether the peers talked TLS; None where none of them told it, or there were none.
    command : str, optional
        The command line that does the same again, where one is enough.

    Returns
    -------
    dict
        Plain JSON values.

    Raises
    ------
    ValueError
        If the basis of a peer is missing, or one is of a stranger.
    """
    missing = missing or {}
    names = [name for name in network.names if name not in missing]
    if set(bases) != set(names):
        raise ValueError(f"bases of {sorted(bases)} for the peers {names}")
    totals = figures.bytes
    return {
        "version": VERSION,
        "run_id": run_id,
        "algorithm": spec.algorithm,
        "driver": driver,
        "num_peers": len(network.names),
        "num_edges": len(network.edges),
        "gamma": gamma(mixing_matrix(network)),
        "iterations": figures.iterations,
        "rounds": figures.rounds,
        "subspace_distance": _distance(figures, names),
        "moved": movement(figures.moved),
        "consensus_error": _consensus([bases[name] for name in names]),
        "result_digest": {name: result_digest(bases[name]) for name in names},
        "bytes": {
            "payload": totals.payload,
            "message": totals.message,
            "socket": totals.socket,
            "wire_estimate": totals.wire_estimate,
            "uncounted_connections": totals.uncounted_connections,
            "resent": totals.resent,
            "told_by_receiver": totals.told_by_receiver,
            "known_of_missing": totals.known_of_missing,
            "predicted_payload": None if schedule is None else predicted_payload(schedule, network),
        },
        "round_latency_ms": _latency(figures),
        "wall_s": wall_s,
        "versions": dict(versions),
        "profile": None if profile is None else dict(profile),
        "tls": tls,
        "command": command,
        "matches_simulation": matches_simulation,
        "missing_peers": dict(missing),
        "missing_ledgers": dict(missing_ledgers or {}),
        "schedule": None
        if schedule is None
        else [dict(zip(_PLANNED, entry, strict=True)) for entry in schedule],
    }


def _consensus(bases: Sequence[Array]) -> float | None:
    """Of bases of one shape; others have no mean."""
    return consensus_error(np.stack(bases)) if len({U.shape for U in bases}) == 1 else None


def result_digest(U: Array) -> str:
    """SHA-256, in hexadecimal, of a basis as little-endian float64, row by row."""
    return hashlib.sha256(np.ascontiguousarray(U, dtype="<f8").tobytes()).hexdigest()


def predicted_payload(schedule: Sequence[tuple[str, int, int]], network: Network) -> int:
    """Payload bytes that all peers together send when a run uses all its iterations.

    Parameters
    ----------
    schedule : sequence of (str, int, int)
        Label, rounds, payload bytes of one message.
    network : Network
        Each round sends one message in each direction of every edge.

    Returns
    -------
    int
        Bytes.
    """
    return 2 * len(network.edges) * sum(rounds * payload for _, rounds, payload in schedule)


def _distance(figures: RunFigures, names: Sequence[str]) -> dict[str, Any] | None:
    """The largest distance of any peer, by iteration; None unless every peer knows the truth.

    An iteration of which a peer's row was lost has None: the largest of the others might be too small.
    """
    if not all(figures.distances.get(name) for name in names):
        return None
    peers = [figures.distances[name] for name in names]
    trace = [
        max(values) if len(values) == len(peers) else None
        for values in (
            [peer[iteration] for peer in peers if iteration in peer]
            for iteration in range(figures.iterations + 1)
        )
    ]
    return {"final": trace[-1], "trace": trace}


def _latency(figures: RunFigures) -> dict[str, float | None]:
    if not figures.latencies_ns.size:
        return dict.fromkeys(_QUANTILES)
    values = np.quantile(figures.latencies_ns, list(_QUANTILES.values())) / 1e6
    return dict(zip(_QUANTILES, map(float, values), strict=True))
