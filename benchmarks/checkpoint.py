"""Wall-clock of a run with a checkpoint after every iteration, over one without.

Eight ``difpeer serve`` processes on the papers' problem (600 tasks of 30 samples, a 600 × 4 basis) and one
agreement round in each iteration, so that nothing hides the cost: every peer writes and syncs a file, and its folder,
between two rounds, all on one disk. The same processes run both in turns; the ratio is the median of the pairs'.

Example: ``python benchmarks/checkpoint.py --json``
"""

import json
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Annotated, Any

import typer
from processes import circulant, quartiles

from peer.config import DifAltgdminSpec
from peer.data.store import write_all
from peer.data.synthetic import synthesize
from peer.registry import parse_spec
from peer.runtime.client import Client
from peer.runtime.following import follow, new_run_id, submit
from peer.runtime.local import LocalNetwork
from peer.runtime.loop import run

PEERS, DEGREE = 8, 4
TASKS, SAMPLES, DIM, RANK = 75, 30, 600, 4
ITERATIONS = 200
LIMIT = 1.10


def spec(checkpoint_every: int) -> DifAltgdminSpec:
    """One agreement round in an iteration, and as little initialisation as there can be."""
    fields = {
        "algorithm": "dif-altgdmin",
        "rank": RANK,
        "iterations": ITERATIONS,
        "agreement": {"rounds": 1},
        "init": {"power_iterations": 1, "agreement_rounds": 1},
        "checkpoint_every": checkpoint_every,
    }
    parsed = parse_spec(fields)
    assert isinstance(parsed, DifAltgdminSpec)
    return parsed


async def measure(pairs: int, scratch: Path) -> dict[str, list[float]]:
    """Seconds of each run: with a checkpoint after every iteration and with none before the end, in turns."""
    network = circulant(PEERS, DEGREE)
    made = synthesize(network.names, num_tasks=PEERS * TASKS, dim=DIM, num_samples=SAMPLES, rank=RANK)
    write_all(scratch / "data", {name: (local, None) for name, (local, _) in made.items()})
    seconds: dict[str, list[float]] = {"every": [], "never": []}
    local = LocalNetwork(network, scratch / "data", scratch / "local")
    async with local, local.client(network.names[0]) as client:
        await timed(client, network.names, spec(1))  # warm up
        for pair in range(pairs):
            turns = [("every", spec(1)), ("never", spec(ITERATIONS))]
            for kind, chosen in turns if pair % 2 == 0 else reversed(turns):
                seconds[kind].append(await timed(client, network.names, chosen))
    return seconds


async def timed(client: Client, names: tuple[str, ...], chosen: DifAltgdminSpec) -> float:
    """Seconds from the submit of a run to its end at all peers."""
    run_id = new_run_id()
    started = monotonic()
    await submit(client, run_id, chosen)
    await follow(client, run_id, names, lambda _: None)
    return monotonic() - started


def main(
    pairs: Annotated[int, typer.Option(help="Runs of each kind, in turns.", min=3)] = 12,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Wall-clock with a checkpoint after every iteration, over one without."""
    with TemporaryDirectory(prefix="difpeer-bench-") as scratch:
        seconds = run(measure(pairs, Path(scratch)))
    ratios = [every / never for every, never in zip(seconds["every"], seconds["never"], strict=True)]
    ratio = median(ratios)
    document: dict[str, Any] = {
        "name": "checkpoint",
        "ratio": round(ratio, 3),
        "limit": LIMIT,
        "holds": ratio <= LIMIT,
        "ratio_of_pairs": quartiles(ratios),
        "iterations": ITERATIONS,
        "seconds": {kind: quartiles(values) for kind, values in seconds.items()},
        "raw": seconds,
    }
    if as_json:
        print(json.dumps(document, indent=2))
        return
    every, never = (document["seconds"][kind]["median"] for kind in ("every", "never"))
    print(
        f"checkpoint, {PEERS} peers, one round an iteration: ratio {ratio:.3f} (limit {LIMIT}); "
        f"ms per iteration: {every / ITERATIONS * 1e3:.2f} with, {never / ITERATIONS * 1e3:.2f} without"
    )


if __name__ == "__main__":
    typer.run(main)
