"""``difpeer demo``: a network of real peer processes on this machine, from data to result."""

import asyncio
import time
from collections.abc import Coroutine, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, TypeVar

import typer

from peer.cli.live import followed
from peer.cli.options import JsonOption, run_folder
from peer.cli.output import emit, say
from peer.cli.reporting import add_report
from peer.cli.summary import print_summary, refuse_missing
from peer.config import DifAltgdminSpec, RunFailed
from peer.data.store import LocalData, PeerData, write_all
from peer.data.synthetic import synthesize
from peer.measure.summary import result_digest
from peer.program import Array
from peer.protocol.interpreter import ProgressCommand
from peer.registry import parse_spec
from peer.runtime.collecting import Collected, collect, write_run
from peer.runtime.following import follow, new_run_id, submit
from peer.runtime.local import LocalNetwork
from peer.runtime.loop import run_interruptible
from peer.simulate.exact import run_exact
from topology.generators import GraphKind, make_network
from topology.network import Network

__all__ = ["app"]

app = typer.Typer(add_completion=False)

T = TypeVar("T")


@app.command(epilog="Example: difpeer demo --peers 12 --graph ring --agreement-rounds 10")
def demo(
    context: typer.Context,
    peers: Annotated[int, typer.Option(help="Number of peers.")] = 8,
    graph: Annotated[GraphKind, typer.Option(help="Shape of the network.")] = "erdos-renyi",
    p: Annotated[
        float | None, typer.Option(help="Probability of an edge (erdos-renyi, 0.5), or of a moved one.")
    ] = None,
    dim: Annotated[int, typer.Option(help="Features d.")] = 60,
    tasks: Annotated[int, typer.Option(help="Tasks T, divided among the peers.")] = 80,
    samples: Annotated[int, typer.Option(help="Samples n of each task.")] = 30,
    rank: Annotated[int, typer.Option(help="Dimension r of the shared subspace.")] = 3,
    agreement_rounds: Annotated[int, typer.Option(help="Rounds of each agreement.")] = 5,
    iterations: Annotated[int, typer.Option(help="Iterations of the main loop.")] = 150,
    seed: Annotated[int, typer.Option(help="Of network, data and start.")] = 0,
    out: Annotated[Path, typer.Option(help="Where the run folder OUT/RUN is written.")] = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Start peer processes on this machine, let them learn a shared subspace, and compare with the simulator.

    Each peer is a process of its own with its own data; they talk gRPC on the loopback interface. Nothing is left
    running, whether it ends well, fails or is interrupted.
    """
    network = make_network(graph, peers, p=p, seed=seed, name="demo").network
    made = synthesize(network.names, num_tasks=tasks, dim=dim, num_samples=samples, rank=rank, seed=seed)
    fields = {
        "algorithm": "dif-altgdmin",
        "rank": rank,
        "iterations": iterations,
        "seed": seed,
        "agreement": {"rounds": agreement_rounds},
    }
    spec = parse_spec(fields)
    assert isinstance(spec, DifAltgdminSpec)
    run_id = new_run_id()
    folder = run_folder(out, run_id)
    summary = run_interruptible(_demo(run_id, spec, network, made, folder, _command(context)))
    emit(summary, as_json, lambda: print_summary(summary, folder))
    add_report(folder, as_json)
    refuse_missing(summary)
    if not summary["matches_simulation"]:
        raise RunFailed(f"the network's result differs from the simulator's; look into {folder}")


def _command(context: typer.Context) -> str:
    """The command line that does the same again, also where defaults are others one day."""
    values = {option.name: context.params.get(option.name or "") for option in context.command.params}
    told = {name: value for name, value in values.items() if name and value is not None}
    words = [
        f"--{name.replace('_', '-')} {told[name]}" for name in told if name not in ("out", "as_json", "help")
    ]
    return " ".join(("difpeer demo", *words))


async def _demo(
    run_id: str, spec: DifAltgdminSpec, network: Network, made: PeerData, folder: Path, command: str
) -> dict[str, Any]:
    with TemporaryDirectory(prefix="difpeer-demo-") as scratch:
        write_all(Path(scratch) / "data", made)
        say(f"starting {len(network.names)} peer processes, {len(network.edges)} edges")
        async with LocalNetwork(network, Path(scratch) / "data", scratch, ["--share-coefficients"]) as local:
            collected, wall_s = await _guarded(local, _learn(local, run_id, spec))
    say("comparing with simulate --exact")
    bases = await _simulated(spec, network, {name: own for name, (own, _) in made.items()})
    matches = all(
        result_digest(arrays["U"]) == result_digest(bases[name]) for name, arrays in collected.results.items()
    )
    return write_run(
        folder,
        collected,
        local.network,
        driver="processes",
        wall_s=wall_s,
        matches_simulation=matches,
        command=command,
    )


async def _simulated(
    spec: DifAltgdminSpec, network: Network, data: Mapping[str, LocalData]
) -> dict[str, Array]:
    """Simulate beside the loop, which hears of Ctrl-C; the thread then ends with its next iteration."""
    wanted = True

    def check(name: str, progress: ProgressCommand) -> None:
        del name, progress
        if not wanted:
            raise RunFailed("the simulation was interrupted")

    try:
        exact = await asyncio.to_thread(run_exact, spec, network, data, check)
    finally:
        wanted = False
    return {name: result["U"][0] for name, result in exact.results.items()}


async def _learn(local: LocalNetwork, run_id: str, spec: DifAltgdminSpec) -> tuple[Collected, float]:
    names = local.network.names
    async with local.client(names[0]) as client:
        say(f"run {run_id}")
        started = time.monotonic()
        await submit(client, run_id, spec)
        with followed("learning", spec.iterations) as show:
            await follow(client, run_id, names, show)
        wall_s = time.monotonic() - started
        return await collect(client, run_id, names, say), wall_s


async def _guarded(local: LocalNetwork, learning: Coroutine[Any, Any, T]) -> T:
    """Run to the end, or until one of the processes ends: nothing would ever come of that."""
    learned = asyncio.ensure_future(learning)
    lost = asyncio.ensure_future(local.first_end())
    try:
        await asyncio.wait((learned, lost), return_when=asyncio.FIRST_COMPLETED)
        if not learned.done():
            raise RunFailed(lost.result())
        return learned.result()
    finally:
        for task in (learned, lost):
            task.cancel()
        await asyncio.gather(learned, lost, return_exceptions=True)
