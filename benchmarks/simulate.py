"""The block simulator over the products that it cannot avoid, and how far it reaches.

A thousand peers of degree about 10, each with 10 tasks of 20 samples, d 200, r 4, five agreement rounds: one
iteration of Dif-AltGDmin over X U and X^T R of every peer and five times W Z, written as the simulator writes them.
Each iteration is followed by the bare products of the same sizes, so that a change of the machine's speed hits both;
the ratio is that of the medians. One BLAS thread. Then ten thousand peers with smaller data, in a process of their
own, for time and memory.

Example: ``python benchmarks/simulate.py --json``
"""

import peer  # isort: skip - it limits BLAS to one thread, before numpy is loaded

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer

from peer.algorithms.dif_altgdmin import dif_altgdmin
from peer.algorithms.problem import Problem
from peer.config import DifAltgdminSpec
from peer.program import Array, Facts, Progress
from peer.registry import parse_spec
from peer.simulate.block import whole_network
from peer.simulate.fast import run_block
from topology.generators import make_network
from topology.network import Network

LIMIT = 1.6
DEGREE = 10


@dataclass(frozen=True)
class Size:
    """Of a simulated network: ``tasks`` and ``samples`` are each peer's, each task's."""

    peers: int
    tasks: int
    samples: int
    dim: int
    rank: int
    iterations: int


THOUSAND = Size(peers=1_000, tasks=10, samples=20, dim=200, rank=4, iterations=40)
TEN_THOUSAND = Size(peers=10_000, tasks=4, samples=10, dim=50, rank=2, iterations=20)
ROUNDS = 5


def network_of(size: Size) -> Network:
    """A connected draw of Erdős–Rényi with the mean degree."""
    return make_network("erdos-renyi", size.peers, p=DEGREE / (size.peers - 1), seed=1).network


def problem_of(size: Size) -> Problem:
    """Gaussian rows of tasks that share a subspace."""
    rng = np.random.default_rng(0)
    num_tasks = size.peers * size.tasks
    rows = num_tasks * size.samples
    basis, _ = np.linalg.qr(rng.standard_normal((size.dim, size.rank)))
    coefficients = rng.standard_normal((num_tasks, size.rank))
    X = rng.standard_normal((rows, size.dim))
    y = np.einsum("nr,nr->n", X @ basis, np.repeat(coefficients, size.samples, axis=0))
    facts = Facts(
        num_peers=size.peers,
        num_tasks=num_tasks,
        total_samples=rows,
        num_samples=float(size.samples),
        equal_samples=True,
        dim=size.dim,
    )
    return Problem(
        X, y, np.arange(num_tasks + 1) * size.samples, np.arange(size.peers + 1) * size.tasks, facts
    )


def spec_of(size: Size) -> DifAltgdminSpec:
    """As little initialisation as there can be: iterations are measured."""
    parsed = parse_spec(
        {
            "algorithm": "dif-altgdmin",
            "rank": size.rank,
            "iterations": size.iterations,
            "agreement": {"rounds": ROUNDS},
            "init": {"power_iterations": 1, "agreement_rounds": ROUNDS},
        }
    )
    assert isinstance(parsed, DifAltgdminSpec)
    return parsed


class Bare:
    """The products of one iteration and nothing else."""

    def __init__(self, size: Size, problem: Problem, network: Network) -> None:
        rng = np.random.default_rng(1)
        self._X = problem.X.reshape(size.peers, -1, size.dim)
        self._R = rng.standard_normal((size.peers, size.tasks * size.samples, size.rank)).transpose(0, 2, 1)
        self._U: Array = np.linalg.qr(rng.standard_normal((size.peers, size.dim, size.rank)))[0]
        self._W = whole_network(network).mixing

    def seconds(self) -> float:
        """Carry them out once."""
        begin = time.perf_counter()
        np.matmul(self._X, self._U)
        np.matmul(self._R, self._X)
        Z = self._U.reshape(len(self._U), -1)
        for _ in range(ROUNDS):
            Z = self._W @ Z
        return time.perf_counter() - begin


def measure(size: Size) -> dict[str, list[float]]:
    """Seconds of each iteration and of the bare products after it."""
    problem, network = problem_of(size), network_of(size)
    bare = Bare(size, problem, network)
    seconds: dict[str, list[float]] = {"iteration": [], "bare": []}
    begin = time.perf_counter()

    def over(progress: Progress) -> None:
        nonlocal begin
        if progress.iteration:  # the first one ends the initialisation
            seconds["iteration"].append(time.perf_counter() - begin)
            seconds["bare"].append(bare.seconds())
        begin = time.perf_counter()

    run_block(dif_altgdmin, problem, spec_of(size), network, over)
    return seconds


def reach(size: Size) -> dict[str, float]:
    """Run a whole network, and say what it took."""
    network, problem = network_of(size), problem_of(size)
    begin = time.perf_counter()
    done = run_block(dif_altgdmin, problem, spec_of(size), network)
    return {
        "peers": size.peers,
        "edges": len(network.edges),
        "rounds": done.rounds,
        "seconds": round(time.perf_counter() - begin, 2),
        "data_mb": round(problem.X.nbytes / 1e6, 1),
        "peak_mb": peak_mb(),
    }


def peak_mb() -> float:
    """Most memory that this process had in use; getrusage would count the one that started it."""
    status = Path("/proc/self/status").read_text()
    return round(int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6, 1)


def main(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    reach_only: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """An iteration of the block simulator over the products that it cannot avoid."""
    if reach_only:
        print(json.dumps(reach(TEN_THOUSAND)))
        return
    seconds = measure(THOUSAND)
    ratio = median(seconds["iteration"]) / median(seconds["bare"])
    command = [sys.executable, __file__, "--reach-only"]
    far = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    document: dict[str, Any] = {
        "name": "simulate",
        "ratio": round(ratio, 3),
        "limit": LIMIT,
        "holds": ratio <= LIMIT,
        "iteration_ms": [round(1e3 * value, 2) for value in seconds["iteration"]],
        "bare_ms": [round(1e3 * value, 2) for value in seconds["bare"]],
        "peak_mb": peak_mb(),
        "ten_thousand_peers": far,
        "versions": {"difpeer": peer.__version__, "numpy": np.__version__},
    }
    if as_json:
        print(json.dumps(document))
        return
    print(
        f"simulate, {THOUSAND.peers} peers: iteration / bare products = {ratio:.3f} (limit {LIMIT}); "
        f"{median(seconds['iteration']) * 1e3:.0f} ms an iteration, peak memory {document['peak_mb']:.0f} MB"
    )
    print(
        f"{far['peers']} peers, {far['edges']} edges: {far['rounds']} rounds in {far['seconds']} s, "
        f"peak memory {far['peak_mb']:.0f} MB of which {far['data_mb']:.0f} MB are data"
    )


if __name__ == "__main__":
    typer.run(main)
