"""CPU time of one consensus round: the runtime, ledger on, over a bare exchange of the same bytes.

``difpeer serve`` processes run Dif-AltGDmin on tiny data with a 600 × 4 float64 basis (19,200 B), in agreements of 50
rounds and without a truth to compare with, so that nearly all of their time is rounds. The floor is a grpc.aio
bidirectional stream per edge between as many processes, which write to all neighbours and then read from all. Both
are measured in the same run, block by block in turns; the ratio is of the medians of CPU time per round, summed over
all processes and threads. Raw TCP and unary calls are printed for the record.

Example: ``python benchmarks/round.py --json``
"""

import json
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from processes import FloorGroup, circulant, cpu_s, floor_group, quartiles

from peer.config import DifAltgdminSpec
from peer.data.store import write_all
from peer.data.synthetic import synthesize
from peer.registry import parse_spec
from peer.runtime.client import Client
from peer.runtime.following import follow, new_run_id, submit
from peer.runtime.local import LocalNetwork
from peer.runtime.loop import run
from topology.network import write_network

DIM, RANK = 600, 4
PAYLOAD_BYTES = DIM * RANK * 8
AGREEMENT_ROUNDS, ITERATIONS = 50, 16
ROUNDS = AGREEMENT_ROUNDS * ITERATIONS + 2  # one power iteration, one round of the threshold
CASES = ((6, 4, 1.4), (2, 1, 1.7))  # peers, degree, limit
RECORD_BLOCKS = 3
WARM_UP = 2


def spec() -> DifAltgdminSpec:
    """As few rounds of initialisation as there can be."""
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


async def measure(num_peers: int, degree: int, blocks: int, scratch: Path) -> dict[str, Any]:
    """CPU milliseconds per round: of the runtime and of the floor, in turns."""
    network = circulant(num_peers, degree)
    made = synthesize(network.names, num_tasks=max(num_peers, RANK), dim=DIM, num_samples=8, rank=RANK)
    write_all(scratch / "data", {name: (local, None) for name, (local, _) in made.items()})
    figures: dict[str, list[float]] = {"runtime": [], "stream": [], "unary": [], "tcp": []}
    with ExitStack() as stack:
        floors: dict[str, FloorGroup] = {}
        for mode in ("stream", "unary", "tcp"):
            addressed = circulant(num_peers, degree)
            path = scratch / f"{mode}.yaml"
            write_network(addressed, path)
            floors[mode] = stack.enter_context(floor_group(mode, addressed, path, PAYLOAD_BYTES))
        async with LocalNetwork(network, scratch / "data", scratch / "local") as local:
            pids = [process.pid for process in local.processes.values()]
            async with Client(local.address(network.names[0]), insecure_loopback=True) as client:
                for block in range(blocks + WARM_UP):
                    spent = await runtime_block(client, network.names, pids)
                    bare = floor_block(floors["stream"])
                    if block >= WARM_UP:
                        figures["runtime"].append(spent)
                        figures["stream"].append(bare)
                    if block >= blocks + WARM_UP - RECORD_BLOCKS:
                        figures["unary"].append(floor_block(floors["unary"]))
                        figures["tcp"].append(floor_block(floors["tcp"]))
    return {mode: [round(value, 4) for value in values] for mode, values in figures.items()}


async def runtime_block(client: Client, names: tuple[str, ...], pids: list[int]) -> float:
    """One run of ROUNDS rounds; CPU milliseconds per round."""
    run_id = new_run_id()
    before = cpu_s(pids)
    await submit(client, run_id, spec())
    await follow(client, run_id, names, lambda _: None)
    return (cpu_s(pids) - before) * 1e3 / ROUNDS


def floor_block(floor: FloorGroup) -> float:
    """As many bare rounds; CPU milliseconds per round."""
    before = cpu_s(floor.pids)
    floor.rounds(ROUNDS)
    return (cpu_s(floor.pids) - before) * 1e3 / ROUNDS


def main(
    blocks: Annotated[int, typer.Option(help="Alternating blocks of each side.", min=15)] = 15,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """CPU time of one consensus round, the runtime's over a bare exchange's."""
    cases = []
    for num_peers, degree, limit in CASES:
        with TemporaryDirectory(prefix="difpeer-bench-") as scratch:
            figures = run(measure(num_peers, degree, blocks, Path(scratch)))
        ratio = median(figures["runtime"]) / median(figures["stream"])
        pairs = [a / b for a, b in zip(figures["runtime"], figures["stream"], strict=True)]
        cases.append(
            {
                "peers": num_peers,
                "degree": degree,
                "ratio": round(ratio, 3),
                "limit": limit,
                "holds": ratio <= limit,
                "ratio_of_pairs": quartiles(pairs),
                "cpu_ms_per_round": {mode: quartiles(values) for mode, values in figures.items()},
                "raw": figures,
            }
        )
    worst = max(cases, key=lambda case: case["ratio"] / case["limit"])
    document = {
        "name": "round",
        "ratio": worst["ratio"],
        "limit": worst["limit"],
        "holds": all(case["holds"] for case in cases),
        "payload_bytes": PAYLOAD_BYTES,
        "rounds_per_block": ROUNDS,
        "blocks": blocks,
        "cases": cases,
    }
    if as_json:
        print(json.dumps(document, indent=2))
        return
    for case in cases:
        medians = {mode: f"{part['median']:.3f}" for mode, part in case["cpu_ms_per_round"].items()}
        print(
            f"round, {case['peers']} peers of degree {case['degree']}, {PAYLOAD_BYTES} B: ratio {case['ratio']} "
            f"(limit {case['limit']}); CPU ms per round: " + ", ".join(f"{m} {v}" for m, v in medians.items())
        )


if __name__ == "__main__":
    typer.run(main)
