"""A picture of a run as the terminal shows it, with a peer that stands still for a moment."""

import asyncio
import io
import re
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from peer.cli.live import LiveView
from peer.data.store import write_all
from peer.data.synthetic import synthesize
from peer.registry import parse_spec
from peer.runtime.following import News, follow, new_run_id, submit, wait_note
from peer.runtime.local import LocalNetwork
from peer.runtime.loop import run
from topology.shipped import shipped_network

SPEC = {"algorithm": "dif-altgdmin", "rank": 3, "iterations": 150}
FREEZE_AT, FROZEN = 90, "p5"
COLUMNS, ROWS = 80, 30


def terminal_picture() -> str:
    """Run a network of eight peers, and return the picture as SVG."""
    return run(_pictured())


async def _pictured() -> str:
    network = shipped_network("er8")
    made = synthesize(network.names, num_tasks=80, dim=60, num_samples=30, rank=3, seed=0)
    run_id = new_run_id()
    view = LiveView(f"run {run_id}", braille=True)
    picture = ""
    with TemporaryDirectory() as scratch:
        write_all(Path(scratch) / "data", made)
        async with LocalNetwork(network, Path(scratch) / "data", scratch) as local:
            frozen = local.processes[FROZEN]
            standing = asyncio.Event()

            def update(news: News) -> None:
                nonlocal picture
                view.update(news)
                slowest = news.slowest
                if slowest is not None and slowest.iteration >= FREEZE_AT and not standing.is_set():
                    standing.set()
                    frozen.send_signal(signal.SIGSTOP)
                elif not picture and standing.is_set() and f"for {FROZEN}" in wait_note(news):
                    picture = _drawn(view)
                    frozen.send_signal(signal.SIGCONT)

            async with local.client("p0") as client:
                await submit(client, run_id, parse_spec(SPEC))
                await follow(client, run_id, network.names, update)
    return picture


def _drawn(view: LiveView) -> str:
    console = Console(width=COLUMNS, height=ROWS, record=True, file=io.StringIO())
    console.print(view.drawn(COLUMNS, ROWS))
    svg = console.export_svg(title="difpeer run run.yaml --via 127.0.0.1:7100")
    # rich would have the font loaded from elsewhere; every system has one that does.
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
