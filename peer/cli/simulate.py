"""``difpeer simulate``: the same program without a network."""

from pathlib import Path
from typing import Annotated, Any

import typer

from peer.cli.output import emit
from peer.cli.progress import metered
from peer.cli.summary import print_summary
from peer.config import RunSpec
from peer.data.store import read_all, read_truth
from peer.measure.summary import summarize
from peer.measure.versions import software_versions
from peer.registry import read_spec, source_of
from peer.simulate.simulation import Simulated, simulate
from topology.network import Network
from topology.shipped import resolve_network

__all__ = ["app", "summary_of"]

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: difpeer simulate run.yaml --network er8 --data data/ --exact")
def run(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="A run specification (YAML).")],
    network: Annotated[str, typer.Option(help="A network file, or a shipped name such as er8.")],
    data: Annotated[Path, typer.Option(help="The folder of `difpeer data`, one folder per peer in it.")],
    exact: Annotated[
        bool, typer.Option("--exact", help="One round machine per peer: slower, the network's bits.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Run a specification in this process, without a network."""
    parsed = read_spec(spec)
    joined = resolve_network(network)
    locals_ = read_all(data, joined.names)
    truths = {name: read_truth(data / name) for name in joined.names}
    known = {name: truth for name, truth in truths.items() if truth is not None}
    with metered("simulating", getattr(parsed, "iterations", 0)) as meter:
        done = simulate(parsed, joined, locals_, known, exact=exact, on_iteration=meter.show)
    summary = summary_of(done, parsed, joined)
    emit(summary, as_json, lambda: print_summary(summary))


def summary_of(done: Simulated, spec: RunSpec, network: Network) -> dict[str, Any]:
    """The summary document of a simulated run."""
    return summarize(
        run_id="simulation",
        driver="simulation",
        spec=spec,
        network=network,
        figures=done.figures,
        bases=done.bases,
        schedule=done.schedule,
        versions=software_versions(source_of(spec.algorithm)),
        wall_s=done.wall_s,
    )
