"""Run or replay seeds: ``python -m peer.simulate.faults --seeds 0:2000``, ``--seed 17``."""

import sys
import time
from collections import Counter
from typing import Annotated

import typer
from rich.console import Console

from peer.simulate.faults.campaign import SeedFailure, run_seed

console = Console(stderr=True)


def main(
    seeds: Annotated[str, typer.Option(help="FIRST:END, for example 0:2000.")] = "0:2000",
    seed: Annotated[int | None, typer.Option(help="Replay this one seed.")] = None,
) -> None:
    """Whole networks of round machines under seeded crashes, cuts and faults of their disks."""
    first, end = (seed, seed + 1) if seed is not None else tuple(map(int, seeds.split(":")))
    total: Counter[str] = Counter()
    started = time.monotonic()
    for number in range(first, end):
        try:
            counts = run_seed(number)
        except SeedFailure as failure:
            console.print(str(failure), markup=False, highlight=False, soft_wrap=True)
            sys.exit(1)
        for key, count in counts.items():
            total[key] = max(total[key], count) if key.startswith(("largest", "most")) else total[key] + count
        if (number - first) % 1000 == 999:
            console.print(f"{number - first + 1} seeds, {time.monotonic() - started:.0f} s", highlight=False)
    shown = ", ".join(f"{count} {key.replace('_', ' ')}" for key, count in sorted(total.items()))
    console.print(
        f"{end - first} seeds: {shown}: no wrong bit, no deadlock, {time.monotonic() - started:.1f} s",
        highlight=False,
    )


if __name__ == "__main__":
    typer.run(main)
