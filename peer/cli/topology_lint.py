"""``difpeer topology lint``: what a network promises, and what agreements and a whole run will cost."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from peer.cli.options import JsonOption, NetworkArgument
from peer.cli.output import console, emit, human_bytes, say
from peer.config import RunSpec
from peer.measure.summary import predicted_payload
from peer.program import Facts
from peer.registry import algorithm, read_spec
from topology.errors import InputError
from topology.lint import LintReport, lint_network
from topology.network import Network
from topology.shipped import resolve_network

__all__ = ["lint"]

_BYTES = ("payload_bytes", "worst_peer_payload_bytes")


def lint(
    network: NetworkArgument,
    dim: Annotated[int | None, typer.Option(help="Rows of the basis, for the predicted bytes.")] = None,
    rank: Annotated[int | None, typer.Option(help="Columns of the basis; a SPEC says it itself.")] = None,
    spec: Annotated[
        Path | None,
        typer.Option(
            metavar="SPEC", help="A run specification (YAML): predict its rounds and bytes; needs --dim."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a network file, and say how fast its peers can agree and what it costs."""
    joined = resolve_network(network)
    run = None
    if spec is not None:
        parsed = read_spec(spec)
        rank = _rank_of(parsed, rank)
        run = _predict_run(parsed, joined, dim)
    report = lint_network(joined, dim, rank)
    document = asdict(report) | ({} if run is None else {"run": run})
    emit(document, as_json, lambda: _print_all(report, run))


def _rank_of(spec: RunSpec, rank: int | None) -> int | None:
    if rank is not None:
        raise InputError(f"found {rank} beside a SPEC", field="--rank", mend="leave it out: the SPEC says it")
    return getattr(spec, "rank", None)


def _predict_run(spec: RunSpec, network: Network, dim: int | None) -> dict[str, Any]:
    """Rounds and payload of a run that uses all its iterations, by phase."""
    if dim is None:
        raise InputError(
            "the bytes of a run depend on it", field="--dim", mend="give the features of the data"
        )
    peers = len(network.names)
    # What travels does not depend on how many tasks and rows there are: one row of one task at each peer will do.
    facts = Facts(peers, num_tasks=peers, total_samples=peers, num_samples=1.0, equal_samples=True, dim=dim)
    schedule = algorithm(spec.algorithm).predicted(spec, network, facts)
    if schedule is None:
        mend = "its package gives no schedule; leave SPEC out"
        raise InputError(f"nothing is predicted of {spec.algorithm}", field="SPEC", mend=mend)
    most = max(len(network.neighbours(name)) for name in network.names)
    phases: list[dict[str, Any]] = [
        {
            "label": label,
            "rounds": rounds,
            "payload_bytes": predicted_payload([(label, rounds, payload)], network),
            "worst_peer_payload_bytes": most * rounds * payload,
        }
        for label, rounds, payload in schedule
    ]
    totals = {key: sum(phase[key] for phase in phases) for key in ("rounds", *_BYTES)}
    return {"algorithm": spec.algorithm, "phases": phases, **totals}


def _print_all(report: LintReport, run: dict[str, Any] | None) -> None:
    _print_report(report)
    _print_costs(report)
    if run is not None:
        _print_run(run)
    for warning in report.warnings:
        say(f"Warning: {warning}", console)


def _print_report(report: LintReport) -> None:
    table = Table(
        title=f"{escape(report.name)}: {report.num_peers} peers, {report.num_edges} edges", show_header=False
    )
    degrees = sorted(report.degrees.values())
    mean = sum(degrees) / len(degrees)
    rows = {
        "connected": _yes(report.connected),
        "diameter": f"{report.diameter} hop{'' if report.diameter == 1 else 's'}",
        "bipartite": _yes(report.bipartite),
        "degrees": f"{degrees[0]} to {degrees[-1]}, mean {mean:.2f}",
        "mixing": report.mixing,
        "symmetric": _yes(report.symmetric),
        "doubly stochastic": _yes(report.doubly_stochastic),
        "gamma": f"{report.gamma:.6f}",
        "spectral gap": f"{report.spectral_gap:.6f}",
    }
    if report.payload_bytes_per_round is not None:
        rows["payload bytes per round"] = f"{report.payload_bytes_per_round:,} (all peers)"
    for label, value in rows.items():
        table.add_row(label, value)
    console.print(table)


def _print_costs(report: LintReport) -> None:
    table = Table(title="One agreement")
    known = report.payload_bytes_per_round is not None
    _columns(table, "disagreement left", bytes_known=known)
    for cost in report.agreement_costs:
        rounds = "never" if cost.rounds is None else f"{cost.rounds:,}"
        payload = (cost.payload_bytes, cost.worst_peer_payload_bytes)
        table.add_row(f"{cost.accuracy:.0e}", rounds, *map(_shown, payload if known else ()))
    console.print(table)


def _print_run(run: dict[str, Any]) -> None:
    table = Table(title=f"A run of {escape(run['algorithm'])} that uses all its iterations", show_footer=True)
    _columns(table, "phase", footer=["all", f"{run['rounds']:,}", *(human_bytes(run[key]) for key in _BYTES)])
    for phase in run["phases"]:
        table.add_row(phase["label"], f"{phase['rounds']:,}", *(human_bytes(phase[key]) for key in _BYTES))
    console.print(table)


def _columns(
    table: Table, first: str, *, bytes_known: bool = True, footer: Sequence[str] = ("",) * 4
) -> None:
    heads = [first, "rounds", *(["payload, all peers", "payload, busiest peer"] if bytes_known else [])]
    for head, foot in zip(heads, footer, strict=False):
        table.add_column(head, footer=foot, justify="left" if head == first else "right")


def _shown(count: int | None) -> str:
    return "-" if count is None else human_bytes(count)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
