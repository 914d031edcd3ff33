"""``difpeer topology``: make, examine and show network files."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from peer.cli.output import console, emit
from topology.errors import InputError
from topology.generators import GeneratedNetwork, GraphKind, make_network
from topology.lint import LintReport, lint_network
from topology.mixing import gamma, mixing_matrix, peer_weights
from topology.network import MixingRule, Network, write_network
from topology.shipped import resolve_network

__all__ = ["app"]

app = typer.Typer(
    help="Make, examine and show network files.",
    epilog="Example: difpeer topology show er8",
    no_args_is_help=True,
    add_completion=False,
)

NetworkArgument = Annotated[
    str, typer.Argument(metavar="NETWORK", help="A network file, or a shipped name such as er8.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


@app.command(epilog="Example: difpeer topology make erdos-renyi --peers 20 --p 0.5 --seed 3 --out lab.yaml")
def make(
    kind: Annotated[GraphKind, typer.Argument(help="The shape.")],
    peers: Annotated[int, typer.Option(help="Number of peers.")],
    out: Annotated[Path, typer.Option(help="The file to write; an existing one is refused.")],
    p: Annotated[
        float | None,
        typer.Option(help="Probability of an edge (erdos-renyi, 0.5) or of moving one (small-world, 0.1)."),
    ] = None,
    degree: Annotated[
        int | None, typer.Option(help="Neighbours of each peer (k-regular and small-world, 4).")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same network.")] = 0,
    mixing: Annotated[MixingRule, typer.Option(help="The mixing rule.")] = "metropolis",
    base_port: Annotated[int, typer.Option(help="Peer i gets the address 127.0.0.1:(this + i).")] = 7100,
    name: Annotated[str | None, typer.Option(help="The network's name; by default KIND-PEERS.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Draw a connected network and write its file."""
    if out.exists():
        raise InputError("exists already", file=out, field="--out", mend="give another file or remove it")
    made = make_network(
        kind,
        peers,
        p=p,
        degree=degree,
        seed=seed,
        mixing=mixing,
        base_port=base_port,
        name=name,
    )
    write_network(made.network, out)
    document = {
        "file": str(out),
        "name": made.network.name,
        "kind": kind,
        "seed": seed,
        "mixing": mixing,
        "num_peers": len(made.network.names),
        "num_edges": len(made.network.edges),
        "added_edges": made.added_edges,
        "gamma": gamma(mixing_matrix(made.network)),
    }
    emit(document, as_json, lambda: _print_made(document, made))


def _print_made(document: dict[str, Any], made: GeneratedNetwork) -> None:
    console.print(
        f"{document['file']}: {document['num_peers']} peers, {document['num_edges']} edges, "
        f"gamma {document['gamma']:.4f}",
        markup=False,
    )
    if made.added_edges:
        console.print(f"The draw was disconnected: {made.added_edges} random edges were added to join it.")


@app.command(epilog="Example: difpeer topology lint lab.yaml --dim 600 --rank 4")
def lint(
    network: NetworkArgument,
    dim: Annotated[int | None, typer.Option(help="Rows of the basis, for the predicted bytes.")] = None,
    rank: Annotated[int | None, typer.Option(help="Columns of the basis.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a network file, and say how fast its peers can agree."""
    report = lint_network(resolve_network(network), dim, rank)
    emit(asdict(report), as_json, lambda: _print_report(report))


def _print_report(report: LintReport) -> None:
    table = Table(
        title=f"{escape(report.name)}: {report.num_peers} peers, {report.num_edges} edges", show_header=False
    )
    degrees = sorted(report.degrees.values())
    mean = sum(degrees) / len(degrees)
    rows = {
        "connected": _yes(report.connected),
        "diameter": f"{report.diameter} hops",
        "bipartite": _yes(report.bipartite),
        "degrees": f"{degrees[0]} to {degrees[-1]}, mean {mean:.2f}",
        "mixing": report.mixing,
        "symmetric": _yes(report.symmetric),
        "doubly stochastic": _yes(report.doubly_stochastic),
        "gamma": f"{report.gamma:.6f}",
        "spectral gap": f"{report.spectral_gap:.6f}",
        "agreement rounds to 1e-2": _rounds(report.rounds_to_1e_2),
        "agreement rounds to 1e-6": _rounds(report.rounds_to_1e_6),
    }
    if report.payload_bytes_per_round is not None:
        rows["payload bytes per round"] = f"{report.payload_bytes_per_round:,} (all peers)"
    for label, value in rows.items():
        table.add_row(label, value)
    console.print(table)
    for warning in report.warnings:
        console.print(f"Warning: {warning}")


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _rounds(rounds: int | None) -> str:
    return "never" if rounds is None else str(rounds)


@app.command(epilog="Example: difpeer topology show er8")
def show(network: NetworkArgument, as_json: JsonOption = False) -> None:
    """List the peers with their neighbours and weights."""
    document = _describe(resolve_network(network))
    emit(document, as_json, lambda: _print_network(document))


def _describe(network: Network) -> dict[str, Any]:
    contraction = gamma(mixing_matrix(network))
    peers = []
    for name in network.names:
        own, weights = peer_weights(network, name)
        peers.append(
            {
                "name": name,
                "address": network.peers[name].address,
                "degree": len(weights),
                "own_weight": own,
                "weights": weights,
            }
        )
    return {
        "name": network.name,
        "mixing": network.mixing,
        "num_peers": len(network.names),
        "num_edges": len(network.edges),
        "diameter": network.diameter,
        "gamma": contraction,
        "spectral_gap": 1 - contraction,
        "peers": peers,
    }


def _print_network(document: dict[str, Any]) -> None:
    table = Table(title=f"{escape(document['name'])} (mixing: {document['mixing']})")
    for column in ("peer", "address", "degree", "own weight", "neighbours and their weights"):
        table.add_column(column, overflow="fold")
    for entry in document["peers"]:
        table.add_row(
            entry["name"],
            escape(entry["address"] or "-"),
            str(entry["degree"]),
            f"{entry['own_weight']:.3f}",
            "  ".join(f"{other}:{weight:.3f}" for other, weight in entry["weights"].items()),
        )
    console.print(table)
    console.print(
        f"{document['num_peers']} peers, {document['num_edges']} edges, diameter {document['diameter']}, "
        f"gamma {document['gamma']:.6f} (spectral gap {document['spectral_gap']:.6f})"
    )
