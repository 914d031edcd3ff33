"""Dif-AltGDmin: diffusion-based alternating gradient descent and minimisation."""

import numpy as np

from peer.algorithms.problem import Problem
from peer.algorithms.spectral import spectral_start
from peer.algorithms.subspace import orthonormalize
from peer.config import DifAltgdminSpec
from peer.consensus import Agreement
from peer.program import Array, Checkpoint, FloodMax, Neighbours, Progress, Rounds, State, Streams

__all__ = ["adapt", "dif_altgdmin"]


def adapt(problem: Problem, U: Array, step: Array, ridge: float = 0.0) -> Array:
    """Return ``U - step * gradient``, with every task's coefficients fitted to U first.

    Parameters
    ----------
    problem : Problem
        The block's tasks.
    U : array, shape (P, d, r)
        Each peer's basis.
    step : array, shape (P, 1, 1)
        Step size times the number of peers.
    ridge : float, optional
        In the least squares of the tasks.

    Returns
    -------
    array, shape (P, d, r)
        C order.
    """
    B, residual = problem.fit(U, ridge)
    moved: Array = np.subtract(U, step * problem.gradient(B, residual), order="C")
    return moved


def dif_altgdmin(
    problem: Problem, spec: DifAltgdminSpec, neighbours: Neighbours, streams: Streams, state: State
) -> Rounds[dict[str, Array]]:
    """Adapt by a gradient step, combine by an agreement, project onto orthonormal bases.

    Each iteration fits the coefficients b_t of every own task to the own basis, takes a step along the own
    gradient times the number of peers L, averages over the network and orthonormalises. The step size is
    ``c_eta / (n sigma2)`` from each peer's own estimate sigma2 and the network's mean n of rows per task; the
    objective sums over all rows (see :class:`~peer.algorithms.problem.Problem`).

    Parameters
    ----------
    problem : Problem
        The block's tasks.
    spec : DifAltgdminSpec
        What to run.
    neighbours : Neighbours
        Not used by plain agreements: their weights are in the replies.
    streams : Streams
        Random numbers.
    state : dict
        Empty, or that of a checkpoint.

    Returns
    -------
    dict
        ``U`` (P, d, r) and ``B`` (T, r).

    Raises
    ------
    RunFailed
        If a task's least squares have no unique solution, or nothing is left of the responses.

    Notes
    -----
    ``agreement.rounds`` rounds of d r float64 in each iteration; with ``tolerance`` also an exact maximum
    over the network.

    References
    ----------
    arXiv 2512.23161, Dif-AltGDmin.
    """
    yield from spectral_start(problem, spec, streams, state)
    facts, ridge = problem.facts, spec.coefficients.ridge
    agreement = Agreement(spec.agreement.rounds, "descent")
    step = facts.num_peers * spec.step.c_eta / (facts.num_samples * np.asarray(state["sigma2"]))
    if "iteration" not in state:
        state["iteration"], state["done"] = 0, False
        yield from Progress(0, {}, {"U": np.asarray(state["U"])})
    if ridge == 0:
        problem.require_unique_fit(np.asarray(state["U"]))
    while not state["done"]:
        U = np.asarray(state["U"])
        Z = yield from agreement.average(adapt(problem, U, step, ridge))
        new, _ = orthonormalize(Z)
        moved = np.linalg.norm(new - U, axis=(1, 2))
        iteration = int(state["iteration"]) + 1
        small = spec.tolerance is not None and (yield from FloodMax(moved, "stop")) <= spec.tolerance
        state["U"], state["iteration"] = new, iteration
        state["done"] = bool(small or iteration == spec.iterations)
        yield from Progress(iteration, {"moved": moved}, {"U": new})
        if state["done"] or iteration % spec.checkpoint_every == 0:
            yield from Checkpoint(state)
    U = np.asarray(state["U"])
    return {"U": U, "B": problem.fit(U, ridge)[0]}
