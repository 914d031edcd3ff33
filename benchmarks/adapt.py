"""One adapt step over its two matrix products alone: what the service adds to the arithmetic.

The step fits every task's coefficients, forms the gradient and takes the step Z = U - eta L G; the bare figure
is X U and X^T R of the same sizes, written as the step writes them. Blocks of both alternate within one run,
so that a change of the machine's speed hits both; the ratio is that of the medians. One BLAS thread.
"""

import peer  # isort: skip - it limits BLAS to one thread, before numpy is loaded

import argparse
import json
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from peer.algorithms.dif_altgdmin import adapt
from peer.algorithms.problem import Problem
from peer.program import Array, Facts

NUM_TASKS, NUM_SAMPLES, DIM, RANK = 30, 30, 600, 4
LIMIT = 1.3


def make_problem(rng: np.random.Generator) -> Problem:
    """Return 30 Gaussian tasks of one peer."""
    rows = NUM_TASKS * NUM_SAMPLES
    facts = Facts(
        num_peers=20,
        num_tasks=20 * NUM_TASKS,
        total_samples=20 * rows,
        num_samples=float(NUM_SAMPLES),
        equal_samples=True,
        dim=DIM,
    )
    task_ptr = np.arange(0, rows + 1, NUM_SAMPLES)
    X = rng.standard_normal((rows, DIM))
    return Problem(X, rng.standard_normal(rows), task_ptr, np.array([0, NUM_TASKS]), facts)


def seconds_per_call(function: Callable[[], object], calls: int) -> float:
    """Return the mean time of one call over a block of calls."""
    begin = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - begin) / calls


def measure(blocks: int, calls: int) -> dict[str, object]:
    """Return the report of alternating blocks of both."""
    rng = np.random.default_rng(0)
    problem = make_problem(rng)
    X = problem.X
    U: Array = np.linalg.qr(rng.standard_normal((1, DIM, RANK)))[0]
    R = rng.standard_normal((len(X), RANK))
    step = np.full((1, 1, 1), 1e-4)

    def bare() -> None:
        X @ U[0]
        R.T @ X

    def whole() -> None:
        adapt(problem, U, step)

    seconds_per_call(bare, calls)
    seconds_per_call(whole, calls)
    times: dict[str, list[float]] = {"bare": [], "adapt": []}
    for _ in range(blocks):
        times["bare"].append(seconds_per_call(bare, calls))
        times["adapt"].append(seconds_per_call(whole, calls))
    ratio = median(times["adapt"]) / median(times["bare"])
    return {
        "name": "adapt",
        "ratio": ratio,
        "limit": LIMIT,
        "holds": ratio <= LIMIT,
        "bare_us": [1e6 * value for value in times["bare"]],
        "adapt_us": [1e6 * value for value in times["adapt"]],
        "calls_per_block": calls,
        "sizes": {"tasks": NUM_TASKS, "samples": NUM_SAMPLES, "dim": DIM, "rank": RANK},
        "versions": {"difpeer": peer.__version__, "numpy": np.__version__},
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--blocks", type=int, default=31, help="blocks of each (default 31)")
    parser.add_argument("--calls", type=int, default=200, help="calls in a block (default 200)")
    options = parser.parse_args()
    report = measure(options.blocks, options.calls)
    if options.json:
        print(json.dumps(report))
        return
    print(f"adapt / bare products = {report['ratio']:.3f} (limit {LIMIT})")


if __name__ == "__main__":
    main()
