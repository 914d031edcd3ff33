"""CPU time of one consensus round: the runtime, ledger on, over a bare exchange of the same bytes.

``difpeer serve`` processes run Dif-AltGDmin on tiny data with a 600 × 4 float64 basis (19,200 B), in agreements of 50
rounds and without a truth to compare with, so that nearly all of their time is rounds. The floor is a grpc.aio
bidirectional stream per edge between as many processes, which write to all neighbours and then read from all. Both
are measured in the same run, block by block in turns; the ratio is of the medians of CPU time per round, summed over
all processes and threads. Raw TCP and unary calls are printed for the record.

With ``--tls`` the peers talk TLS, and so does the floor, with keys and certificates of the same kind. What TLS itself
costs is printed then: the floor with TLS over the floor without, in CPU time and in bytes that TCP sends a message.

Example: ``python benchmarks/round.py --tls --json``
"""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from processes import FloorGroup, circulant, cpu_s, floor_group, quartiles

from peer.config import DifAltgdminSpec
from peer.data.store import write_all
from peer.data.synthetic import synthesize
from peer.identity.issuing import issue_all
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


@dataclass
class Measured:
    """CPU milliseconds per round by mode and block, and the bytes that a floor's TCP sent in all its blocks."""

    cpu_ms: dict[str, list[float]]
    sent_bytes: dict[str, list[int]]


async def measure(num_peers: int, degree: int, blocks: int, scratch: Path, tls: bool) -> Measured:
    """The runtime and the floors, in turns."""
    network = circulant(num_peers, degree)
    made = synthesize(network.names, num_tasks=max(num_peers, RANK), dim=DIM, num_samples=8, rank=RANK)
    write_all(scratch / "data", {name: (local, None) for name, (local, _) in made.items()})
    floor, others = ("stream-tls", ["stream"]) if tls else ("stream", ["unary", "tcp"])
    found = Measured(
        {mode: [] for mode in ("runtime", floor, *others)}, {mode: [] for mode in (floor, *others)}
    )
    with ExitStack() as stack:
        floors: dict[str, FloorGroup] = {}
        for mode in (floor, *others):
            path = scratch / mode / "network.yaml"
            path.parent.mkdir()
            addressed = circulant(num_peers, degree)
            if mode == "stream-tls":
                addressed = issue_all(path, addressed, ["operator"])
            write_network(addressed, path)
            floors[mode] = stack.enter_context(floor_group(mode, addressed, path, PAYLOAD_BYTES))
        async with LocalNetwork(network, scratch / "data", scratch / "local", secure=tls) as local:
            pids = [process.pid for process in local.processes.values()]
            async with local.client(network.names[0]) as client:
                for block in range(blocks + WARM_UP):
                    spent = await runtime_block(client, network.names, pids)
                    bare, sent = floor_block(floors[floor])
                    if block >= WARM_UP:
                        found.cpu_ms["runtime"].append(round(spent, 4))
                        found.cpu_ms[floor].append(bare)
                        found.sent_bytes[floor].append(sent)
                    # What TLS costs is a result: as many blocks as of the runtime.
                    if block >= (WARM_UP if tls else blocks + WARM_UP - RECORD_BLOCKS):
                        for mode in others:
                            other, sent = floor_block(floors[mode])
                            found.cpu_ms[mode].append(other)
                            found.sent_bytes[mode].append(sent)
    return found


async def runtime_block(client: Client, names: tuple[str, ...], pids: list[int]) -> float:
    """One run of ROUNDS rounds; CPU milliseconds per round."""
    run_id = new_run_id()
    before = cpu_s(pids)
    await submit(client, run_id, spec())
    await follow(client, run_id, names, lambda _: None)
    return (cpu_s(pids) - before) * 1e3 / ROUNDS


def floor_block(floor: FloorGroup) -> tuple[float, int]:
    """As many bare rounds; CPU milliseconds per round, and the bytes that TCP has sent since the floor's start."""
    before = cpu_s(floor.pids)
    sent = floor.rounds(ROUNDS)
    return round((cpu_s(floor.pids) - before) * 1e3 / ROUNDS, 4), sent


def cost_of_tls(found: Measured, num_peers: int, degree: int) -> dict[str, Any]:
    """The floor with TLS over the floor without."""
    secured, bare = found.cpu_ms["stream-tls"], found.cpu_ms["stream"]
    messages = num_peers * degree * ROUNDS
    per_message = {}
    for mode, totals in found.sent_bytes.items():
        # Growth from block to block: what opened the connections is not among it.
        per_message[mode] = round((totals[-1] - totals[0]) / (len(totals) - 1) / messages, 2)
    return {
        "cpu_ratio": round(median(secured) / median(bare), 3),
        "cpu_ratio_of_pairs": quartiles([a / b for a, b in zip(secured, bare, strict=True)]),
        "socket_bytes_per_message": per_message,
        "bytes_more_per_message": round(per_message["stream-tls"] - per_message["stream"], 2),
    }


def main(
    blocks: Annotated[int, typer.Option(help="Alternating blocks of each side.", min=15)] = 15,
    tls: Annotated[bool, typer.Option("--tls", help="With TLS, runtime and floor.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """CPU time of one consensus round, the runtime's over a bare exchange's."""
    cases = []
    for num_peers, degree, limit in CASES:
        with TemporaryDirectory(prefix="difpeer-bench-") as scratch:
            found = run(measure(num_peers, degree, blocks, Path(scratch), tls))
        figures = found.cpu_ms
        floor = figures["stream-tls" if tls else "stream"]
        ratio = median(figures["runtime"]) / median(floor)
        pairs = [a / b for a, b in zip(figures["runtime"], floor, strict=True)]
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
                **({"tls": cost_of_tls(found, num_peers, degree)} if tls else {}),
            }
        )
    worst = max(cases, key=lambda case: case["ratio"] / case["limit"])
    document = {
        "name": "round",
        "tls": tls,
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
        if tls:
            cost = case["tls"]
            print(
                f"  TLS itself: {cost['cpu_ratio']} times the CPU of the bare stream, "
                f"{cost['bytes_more_per_message']} B more a message ({cost['socket_bytes_per_message']})"
            )


if __name__ == "__main__":
    typer.run(main)
