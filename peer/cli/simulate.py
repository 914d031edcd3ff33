"""``difpeer simulate``: the same program without a network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from peer.cli.output import emit, say
from peer.cli.progress import metered
from peer.cli.summary import print_summary
from peer.config import RunFailed, RunSpec
from peer.data.store import LocalData, read_all, read_truth
from peer.measure.summary import summarize
from peer.measure.versions import software_versions
from peer.registry import parse_spec, read_spec, source_of
from peer.simulate.held_out import held_out_rmse
from peer.simulate.simulation import Simulated, simulate
from topology.errors import InputError
from topology.network import Network
from topology.shipped import resolve_network

__all__ = ["app"]

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: difpeer simulate run.yaml --network er8 --data data/ --exact")
def run(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="A run specification (YAML).")],
    network: Annotated[str, typer.Option(help="A network file, or a shipped name such as er8.")],
    data: Annotated[Path, typer.Option(help="The folder of `difpeer data`, one folder per peer in it.")],
    rank: Annotated[
        int | None,
        typer.Option(help="Instead of the specification's: to compare ranks by the held-out error."),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="One round machine per peer: slower, the network's bits.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Run a specification in this process, without a network."""
    parsed = read_spec(spec) if rank is None else _of_rank(read_spec(spec), rank)
    joined = resolve_network(network)
    locals_ = read_all(data, joined.names)
    truths = {name: read_truth(data / name) for name in joined.names}
    known = {name: truth for name, truth in truths.items() if truth is not None}
    with metered("simulating", getattr(parsed, "iterations", 0)) as meter:
        done = simulate(parsed, joined, locals_, known, exact=exact, on_iteration=meter.show)
    summary = {**_summary(done, parsed, joined), "held_out_rmse": _held_out(done, parsed, locals_)}
    emit(summary, as_json, lambda: print_summary(summary))


def _of_rank(spec: RunSpec, rank: int) -> RunSpec:
    fields = spec.model_dump(mode="json")
    if "rank" not in fields:
        mend = f"leave it out: specifications of {spec.algorithm} have no rank"
        raise InputError("there is no rank to replace", field="--rank", mend=mend)
    return parse_spec({**fields, "rank": rank})


def _held_out(done: Simulated, spec: RunSpec, data: Mapping[str, LocalData]) -> dict[str, Any] | None:
    try:
        return held_out_rmse(spec, data, done.bases)
    except RunFailed as error:  # of an algorithm that does without these least squares
        say(f"the held-out error cannot be told: {error}")
        return None


def _summary(done: Simulated, spec: RunSpec, network: Network) -> dict[str, Any]:
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
