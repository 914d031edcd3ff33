"""A whole run without a network: from spec, network and data to the figures that a summary is made of."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from peer import __version__
from peer.algorithms.subspace import comparable, subspace_distance
from peer.config import RunSpec
from peer.data.store import LocalData, block_problem
from peer.measure.figures import MOVED, ByteTotals, RunFigures
from peer.program import Array, Facts, Progress, require_basis
from peer.protocol.facts import network_facts, own_fact, verdict
from peer.protocol.interpreter import ProgressCommand
from peer.registry import algorithm
from peer.simulate.exact import run_exact
from peer.simulate.fast import run_block
from topology.errors import InputError
from topology.network import Network

__all__ = ["Simulated", "simulate"]

OnIteration = Callable[[int], None]


@dataclass(frozen=True)
class Simulated:
    """What a simulated run came to.

    Attributes
    ----------
    bases : dict of str to array
        By peer: U, shape (d, r), float64.
    figures : RunFigures
        Rounds, iterations, payload bytes, distances where truths are known; no latencies.
    schedule : list of (label, rounds, payload bytes of one message), or None
        What the algorithm predicts.
    wall_s : float
        How long it took, seconds.
    """

    bases: dict[str, Array]
    figures: RunFigures
    schedule: list[tuple[str, int, int]] | None
    wall_s: float


def simulate(
    spec: RunSpec,
    network: Network,
    data: Mapping[str, LocalData],
    truths: Mapping[str, Array],
    *,
    exact: bool,
    on_iteration: OnIteration | None = None,
) -> Simulated:
    """Run a spec without a network.

    Parameters
    ----------
    spec : RunSpec
        What to run.
    network : Network
        The peers and their edges.
    data : mapping of str to LocalData
        By peer: its tasks.
    truths : mapping of str to array
        By peer, where it is known: the true basis, shape (d, r), for measuring only.
    exact : bool
        One round machine per peer, as on the network; else all peers as one block, several times faster.
    on_iteration : callable, optional
        Called with each iteration that all peers have finished.

    Returns
    -------
    Simulated
        Bases and figures.

    Raises
    ------
    InputError
        If the data do not fit the spec.
    RunFailed
        If the run cannot go on.
    """
    facts = _facts(spec, data)
    meter = _Meter(network, truths, on_iteration)
    started = time.monotonic()
    if exact:
        done = run_exact(spec, network, data, meter.of_peer)
        bases = {name: np.asarray(result["U"][0]) for name, result in done.results.items()}
        rounds, payload = done.rounds.total(), done.payload_bytes.total()
    else:
        problem = block_problem([data[name] for name in network.names], facts)
        block = run_block(algorithm(spec.algorithm).program, problem, spec, network, meter.of_block)
        bases = dict(zip(network.names, require_basis(block.result, facts.dim)["U"], strict=True))
        rounds, payload = block.rounds, block.payload_bytes
    wall_s = time.monotonic() - started
    figures = RunFigures(
        rounds,
        meter.iterations,
        ByteTotals(payload),
        np.empty(0, np.int64),
        meter.distances,
        meter.moved,
    )
    return Simulated(bases, figures, algorithm(spec.algorithm).predicted(spec, network, facts), wall_s)


class _Meter:
    """Reads the estimates: distance to the truth, and how far the run is."""

    def __init__(self, network: Network, truths: Mapping[str, Array], told: OnIteration | None) -> None:
        self.distances: dict[str, dict[int, float]] = {name: {} for name in truths}
        self.iterations = 0
        self.moved: dict[int, float] = {}
        self._network = network
        self._truths = truths
        self._told = told
        self._behind: Counter[int] = Counter()
        self._by_truth = _rows_by_truth(network, truths)

    def of_peer(self, name: str, progress: ProgressCommand) -> None:
        self._measure(name, progress.iteration, progress.estimate.get("U"))
        self._note(progress.iteration, progress.metrics)
        self._behind[progress.iteration] += 1
        if self._behind[progress.iteration] == len(self._network.names):
            self._finished(progress.iteration)

    def of_block(self, progress: Progress) -> None:
        bases = progress.estimate.get("U")
        if bases is not None:
            for truth, rows in (
                (truth, rows) for truth, rows in self._by_truth if comparable(bases[0], truth)
            ):
                for row, distance in zip(rows, subspace_distance(bases[rows], truth), strict=True):
                    self.distances[self._network.names[row]][progress.iteration] = float(distance)
        self._note(progress.iteration, progress.metrics)
        self._finished(progress.iteration)

    def _note(self, iteration: int, metrics: Mapping[str, float | Array]) -> None:
        """Keep how far the basis moved that moved furthest; in the exact simulation peers tell it one by one."""
        step = float(np.max(metrics.get(MOVED, np.nan)))
        if np.isfinite(step):
            self.moved[iteration] = max(step, self.moved.get(iteration, step))

    def _measure(self, name: str, iteration: int, U: Array | None) -> None:
        truth = self._truths.get(name)
        if truth is not None and U is not None and comparable(U, truth):
            self.distances[name][iteration] = float(subspace_distance(U, truth))

    def _finished(self, iteration: int) -> None:
        self.iterations = max(self.iterations, iteration)
        if self._told is not None:
            self._told(iteration)


def _rows_by_truth(network: Network, truths: Mapping[str, Array]) -> list[tuple[Array, list[int]]]:
    """Peers with one truth are measured together: apart, ten thousand of them take longer than the run."""
    rows: dict[bytes, tuple[Array, list[int]]] = {}
    for row, name in enumerate(network.names):
        if name in truths:
            rows.setdefault(truths[name].tobytes(), (truths[name], []))[1].append(row)
    return list(rows.values())


def _facts(spec: RunSpec, data: Mapping[str, LocalData]) -> Facts:
    """Check what peers check before a run, with the same words."""
    table = {
        name: own_fact(local.task_ptr, local.dim, software=__version__, profile="simulation")
        for name, local in data.items()
    }
    unfit = verdict(spec, table)
    if unfit is not None:
        field, _, problem = unfit.partition(": ")
        raise InputError(problem, field=field) if problem else InputError(unfit)
    return network_facts(table)
