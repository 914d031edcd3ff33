"""CPU time of a run whose peers measure, over one whose peers do not.

``difpeer serve`` processes run Dif-AltGDmin on tiny data with a 600 × 4 float64 basis, five agreement rounds in an
iteration, checkpoints and everything else as by default. One network is as it is: a row for each round and message,
the sockets' counters read after each agreement, all written to the ledger. The other's processes begin with
:mod:`unmeasured`. Both are there all the time and run in turns; the ratio is the median of the pairs', of CPU time
over all processes and threads.

Example: ``python benchmarks/measure.py --json``
"""

import json
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from processes import circulant, cpu_s, quartiles

from peer.config import DifAltgdminSpec
from peer.data.store import write_all
from peer.data.synthetic import synthesize
from peer.registry import parse_spec
from peer.runtime.following import follow, new_run_id, submit
from peer.runtime.local import LocalNetwork
from peer.runtime.loop import run

PEERS, DEGREE = 4, 2
DIM, RANK = 600, 4
AGREEMENT_ROUNDS, ITERATIONS = 5, 120
LIMIT = 1.05

BENCHMARKS = str(Path(__file__).parent.absolute())


class Unmeasured(LocalNetwork):
    """Its peers measure nothing."""

    program = f"import sys; sys.path.insert(0, {BENCHMARKS!r}); import unmeasured; {LocalNetwork.program}"


def spec() -> DifAltgdminSpec:
    """As little initialisation as there can be."""
    fields = {
        "algorithm": "dif-altgdmin",
        "rank": RANK,
        "iterations": ITERATIONS,
        "agreement": {"rounds": AGREEMENT_ROUNDS},
        "init": {"power_iterations": 1, "agreement_rounds": 1},
    }
    parsed = parse_spec(fields)
    assert isinstance(parsed, DifAltgdminSpec)
    return parsed


async def measure(pairs: int, scratch: Path) -> dict[str, list[float]]:
    """CPU milliseconds per round of each run, in turns."""
    network = circulant(PEERS, DEGREE)
    made = synthesize(network.names, num_tasks=max(PEERS, RANK), dim=DIM, num_samples=8, rank=RANK)
    write_all(scratch / "data", {name: (local, None) for name, (local, _) in made.items()})
    figures: dict[str, list[float]] = {"on": [], "off": []}
    async with (
        LocalNetwork(network, scratch / "data", scratch / "on") as on,
        Unmeasured(network, scratch / "data", scratch / "off") as off,
    ):
        sides = {"on": on, "off": off}
        for side in sides.values():
            await block(side)  # warm up
        for pair in range(pairs):
            turns = list(sides.items())
            for name, side in turns if pair % 2 == 0 else reversed(turns):
                figures[name].append(await block(side))
    return figures


async def block(local: LocalNetwork) -> float:
    """One run; CPU milliseconds per round, over all peers."""
    pids = [process.pid for process in local.processes.values()]
    names = local.network.names
    async with local.client(names[0]) as client:
        run_id = new_run_id()
        before = cpu_s(pids)
        await submit(client, run_id, spec())
        await follow(client, run_id, names, lambda _: None)
        return (cpu_s(pids) - before) * 1e3 / (AGREEMENT_ROUNDS * ITERATIONS + 2)


def main(
    pairs: Annotated[int, typer.Option(help="Runs of each kind, in turns.", min=5)] = 25,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """CPU time with rows and socket sampling, over that without."""
    with TemporaryDirectory(prefix="difpeer-bench-") as scratch:
        figures = run(measure(pairs, Path(scratch)))
    ratios = [on / off for on, off in zip(figures["on"], figures["off"], strict=True)]
    ratio = median(ratios)
    document: dict[str, Any] = {
        "name": "measure",
        "ratio": round(ratio, 3),
        "limit": LIMIT,
        "holds": ratio <= LIMIT,
        "ratio_of_pairs": quartiles(ratios),
        "cpu_ms_per_round": {name: quartiles(values) for name, values in figures.items()},
        "raw": figures,
    }
    if as_json:
        print(json.dumps(document, indent=2))
        return
    on, off = (document["cpu_ms_per_round"][name]["median"] for name in ("on", "off"))
    print(
        f"measure, {PEERS} peers, {AGREEMENT_ROUNDS} rounds an iteration: ratio {ratio:.3f} (limit {LIMIT}); "
        f"CPU ms per round: {on:.3f} with, {off:.3f} without"
    )


if __name__ == "__main__":
    typer.run(main)
