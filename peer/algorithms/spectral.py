"""Truncated spectral initialisation by the decentralised power method."""

import numpy as np

from peer.algorithms.problem import Problem
from peer.algorithms.subspace import orthonormalize
from peer.config import DifAltgdminSpec, RunFailed
from peer.consensus import Agreement
from peer.program import Array, Checkpoint, Purpose, Rounds, State, Streams

__all__ = ["spectral_start"]


def spectral_start(problem: Problem, spec: DifAltgdminSpec, streams: Streams, state: State) -> Rounds[None]:
    """Find a first basis; leaves ``U`` (P, d, r) and ``sigma2`` (P, 1, 1) in the state.

    Peers agree on a threshold and leave out responses whose square is above it. Each peer's tasks' moments
    ``X_t^T y_t / n_t`` are the columns of its Theta0_g; the power method on ``sum_g Theta0_g Theta0_g^T``
    begins at a basis common to all peers, with an agreement in place of each sum. ``sigma2`` estimates the
    largest eigenvalue of the sum: the number of peers times R[0, 0] of the last averaged product.

    Parameters
    ----------
    problem : Problem
        The block's tasks.
    spec : DifAltgdminSpec
        ``rank`` and ``init`` are used.
    streams : Streams
        Of the common start.
    state : dict
        Also keeps ``threshold`` (P,) and ``power_iteration``.

    Raises
    ------
    RunFailed
        If the moments of all tasks are zero.

    Notes
    -----
    ``init.agreement_rounds`` rounds of 8 bytes, and as many of d r float64 in each power iteration.

    References
    ----------
    arXiv 2512.23161, initialisation; arXiv 2306.17782.
    """
    facts, init = problem.facts, spec.init
    if "threshold" not in state:
        share = init.truncation / facts.total_samples * problem.energy()[:, np.newaxis]
        share = yield from Agreement(init.agreement_rounds, "init.threshold").average(share)
        state["threshold"] = facts.num_peers * share[:, 0]
        state["U"] = streams.common(Purpose.START, lambda rng: _start(rng, facts.dim, spec.rank))
        state["power_iteration"] = 0
        yield from Checkpoint(state)
    if state["power_iteration"] == init.power_iterations:
        return
    theta = problem.moments(np.asarray(state["threshold"]))
    agreement = Agreement(init.agreement_rounds, "init.power")
    while state["power_iteration"] < init.power_iterations:
        Z = theta.transposed_times(theta.times(np.asarray(state["U"])))
        Z = yield from agreement.average(np.ascontiguousarray(Z))
        state["U"], R = orthonormalize(Z)
        state["sigma2"] = facts.num_peers * R[:, :1, :1]
        state["power_iteration"] += 1
        if not np.all(state["sigma2"]):
            raise RunFailed(
                "nothing is left of the responses to start from: all are zero or above the threshold; "
                "raise init.truncation, or check the data"
            )
        yield from Checkpoint(state)


def _start(rng: np.random.Generator, dim: int, rank: int) -> Array:
    return orthonormalize(rng.standard_normal((dim, rank)))[0]
