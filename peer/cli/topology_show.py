"""``difpeer topology show``: a network as a picture and a table."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from peer.cli.options import JsonOption, NetworkArgument, new_file
from peer.cli.output import console, emit, say
from peer.state.durable import disk_errors
from topology.mixing import gamma, mixing_matrix, peer_weights
from topology.network import Network
from topology.page import network_page
from topology.picture import picture
from topology.shipped import resolve_network

__all__ = ["show"]

_WIDEST, _NARROWEST = 78, 40


def show(
    network: NetworkArgument,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write a page with a drawing; an existing file is refused."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Draw a network, and list the peers with their neighbours and weights."""
    shown = resolve_network(network)
    if html is not None:
        new_file(html, "--html")
        with disk_errors("cannot be written", html, field="--html"):
            html.write_text(network_page(shown), encoding="utf-8")
    document = _describe(shown) | ({} if html is None else {"html": str(html)})
    emit(document, as_json, lambda: _print_network(shown, document))


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


def _print_network(network: Network, document: dict[str, Any]) -> None:
    columns = max(_NARROWEST, min(_WIDEST, console.width - 2))
    for line in picture(network, columns=columns, unicode=not console.options.ascii_only):
        text = Text(line, style="cyan")
        text.highlight_words(network.names, "bold default")
        console.print(text, soft_wrap=True)
    console.print()
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
    if "html" in document:
        say(f"{document['html']}: the same as a page; open it in a browser", console)
