"""``difpeer topology make`` and ``convert``: network files, drawn and out of other programs' files."""

from pathlib import Path
from typing import Annotated, Any

import typer

from peer.cli.options import JsonOption, new_file
from peer.cli.output import console, emit, say
from topology.convert import ForeignFormat, convert_file
from topology.generators import GraphKind, make_network
from topology.mixing import gamma, mixing_matrix
from topology.network import MixingRule, Network, write_network

__all__ = ["convert", "make"]

OutOption = Annotated[Path, typer.Option(help="The file to write; an existing one is refused.")]
MixingOption = Annotated[MixingRule, typer.Option(help="The mixing rule.")]
BasePortOption = Annotated[int, typer.Option(help="Peer i gets the address 127.0.0.1:(this + i).")]


def make(
    kind: Annotated[GraphKind, typer.Argument(help="The shape.")],
    peers: Annotated[int, typer.Option(help="Number of peers.")],
    out: OutOption,
    p: Annotated[
        float | None,
        typer.Option(help="Probability of an edge (erdos-renyi, 0.5) or of moving one (small-world, 0.1)."),
    ] = None,
    degree: Annotated[
        int | None, typer.Option(help="Neighbours of each peer (k-regular and small-world, 4).")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same network.")] = 0,
    mixing: MixingOption = "metropolis",
    base_port: BasePortOption = 7100,
    name: Annotated[str | None, typer.Option(help="The network's name; by default KIND-PEERS.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Draw a connected network and write its file."""
    new_file(out, "--out")
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
    notes = []
    if made.added_edges:
        notes.append(f"The draw was disconnected: {made.added_edges} random edges were added to join it.")
    document = _written(made.network, out) | {"kind": kind, "seed": seed, "added_edges": made.added_edges}
    emit(document, as_json, lambda: _print_written(document, notes))


def convert(
    file: Annotated[
        Path,
        typer.Argument(
            help="An edge list (two names in each line, or CSV), DecentralizePy's .edges, GraphML, GEXF, GML, or "
            "node-link JSON."
        ),
    ],
    out: OutOption,
    format: Annotated[  # noqa: A002 - the option's name
        ForeignFormat | None,
        typer.Option(help="What the file is, where its ending and content do not say it."),
    ] = None,
    mixing: MixingOption = "metropolis",
    base_port: BasePortOption = 7100,
    name: Annotated[str | None, typer.Option(help="The network's name; by default the file's.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a network file out of another program's file."""
    new_file(out, "--out")
    converted = convert_file(file, format, mixing=mixing, base_port=base_port, name=name)
    document = _written(converted.network, out) | {
        "source": str(file),
        "format": converted.format,
        "names": converted.names,
        "notes": list(converted.notes),
    }
    emit(document, as_json, lambda: _print_written(document, [f"Note: {note}" for note in converted.notes]))


def _written(network: Network, out: Path) -> dict[str, Any]:
    write_network(network, out)
    return {
        "file": str(out),
        "name": network.name,
        "mixing": network.mixing,
        "num_peers": len(network.names),
        "num_edges": len(network.edges),
        "gamma": gamma(mixing_matrix(network)),
    }


def _print_written(document: dict[str, Any], notes: list[str]) -> None:
    say(
        f"{document['file']}: {document['num_peers']} peers, {document['num_edges']} edges, "
        f"gamma {document['gamma']:.4f}",
        console,
    )
    for note in notes:
        say(note, console)
