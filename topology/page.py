"""A network as one HTML page: a drawing, and a table of the peers with their weights.

The page needs nothing from elsewhere, and no scripts. Text out of the network file is escaped.
"""

from html import escape

import numpy as np
from numpy.typing import NDArray

from topology.layout import positions
from topology.mixing import gamma, mixing_matrix, peer_weights
from topology.network import Network

__all__ = ["network_page"]

_WIDEST, _NARROWEST = 800, 480  # units of the drawing; few peers in few units stand out on a phone
_LONGEST_INSIDE = 4
_LETTER = 14  # width of a letter of a name
_MOST_NAMED = 80  # names of more peers would lie on each other; they are told on hover and in the table

_STYLE = """
:root { color-scheme: light dark; --back: #fbfbf9; --text: #1d2327; --faint: #5c666d; --edge: #3b6ea5;
  --peer: #d9e6f2; --rule: #dcdfe1; }
@media (prefers-color-scheme: dark) { :root { --back: #15191c; --text: #e6e9eb; --faint: #9aa5ac; --edge: #7fb0e0;
  --peer: #24405c; --rule: #333b41; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; background: var(--back); color: var(--text);
  font: 16px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0; overflow-wrap: anywhere; }
p { color: var(--faint); margin: .2rem 0 1rem; }
svg { display: block; width: 100%; max-height: 90vh; }
line { stroke: var(--edge); stroke-linecap: round; }
circle { fill: var(--peer); stroke: var(--edge); stroke-width: 1.5; }
svg text { fill: var(--text); text-anchor: middle; dominant-baseline: central; pointer-events: none;
  paint-order: stroke; stroke: var(--back); stroke-width: 3px; stroke-linejoin: round; }
g:hover > circle, line:hover { stroke: var(--text); stroke-opacity: 1; }
div { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--rule);
  vertical-align: top; white-space: nowrap; }
th { color: var(--faint); font-weight: 600; }
td:last-child { white-space: normal; }
@media (max-width: 45rem) { table, tbody { display: block; }
  tr { display: grid; grid-template-columns: 2fr 2.8fr 1.5fr 1.7fr; padding: .35rem 0;
    border-bottom: 1px solid var(--rule); }
  th, td { border: 0; padding: .1rem .5rem .1rem 0; overflow-wrap: anywhere; white-space: normal; }
  th:last-child, td:last-child { grid-column: 1 / -1; } td:first-child { font-weight: 600; } }
"""


def network_page(network: Network) -> str:
    """Draw a network as a page.

    Parameters
    ----------
    network : Network
        The network.

    Returns
    -------
    str
        HTML. A line is the wider and stronger, the larger the weight is; a circle is the larger, the more
        neighbours the peer has. Names, addresses and weights are told on hover and in a table.
    """
    title = escape(network.name)
    facts = (
        f"{len(network.names)} peers, {len(network.edges)} edges, diameter {network.diameter}, "
        f"mixing {network.mixing}, gamma {gamma(mixing_matrix(network)):.4f}"
    )
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>\n<style>{_STYLE}</style>\n<h1>{title}</h1>\n<p>{facts}</p>",
            *_drawing(network),
            *_table(network),
            "</html>\n",
        ]
    )


def _drawing(network: Network) -> list[str]:
    places = positions(network)
    crowd = min(1.0, (20 / len(network.names)) ** 0.5)  # circles and lines of many peers are smaller
    margin = max(45.0, _LETTER * crowd * max(map(len, network.names)) / 2)
    width = min(_WIDEST, _NARROWEST + 16 * len(network.names)) + 2 * margin
    points = places * (width - 2 * margin) + margin
    height = points[:, 1].max() + 55
    top = points[:, 1].min() - 45
    return [
        f'<svg viewBox="0 {top:.0f} {width:.0f} {height - top:.0f}" role="img" aria-label="The network, drawn">',
        *_edges(network, points, crowd),
        *_peers(network, points, crowd),
        "</svg>",
    ]


def _edges(network: Network, points: NDArray[np.float64], crowd: float) -> list[str]:
    W = mixing_matrix(network)
    ends = [(network.index(edge.first), network.index(edge.second)) for edge in network.edges]
    largest = max(max(W[a, b], W[b, a]) for a, b in ends)
    lines = []
    # The strongest are drawn last, above the others.
    for (a, b), edge in sorted(zip(ends, network.edges, strict=True), key=lambda line: W[line[0]]):
        share = max(W[a, b], W[b, a]) / largest
        weights = f"weight {W[a, b]:.4f}"
        if W[a, b] != W[b, a]:
            weights = f"weight {W[a, b]:.4f} at {edge.first}, {W[b, a]:.4f} at {edge.second}"
        (x1, y1), (x2, y2) = points[a], points[b]
        lines.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke-width="{crowd * (1 + 4 * share):.2f}" stroke-opacity="{0.15 + 0.6 * share:.2f}">'
            f"<title>{edge.first} – {edge.second}: {weights}</title></line>"
        )
    return lines


def _peers(network: Network, points: NDArray[np.float64], crowd: float) -> list[str]:
    largest = max(len(network.neighbours(name)) for name in network.names)
    circles = []
    for name, (x, y) in zip(network.names, points, strict=True):
        share = len(network.neighbours(name)) / largest
        radius = max(3.0, crowd * (14 + 14 * share))
        text = ""
        if len(network.names) <= _MOST_NAMED:
            below = radius + _LETTER if len(name) > _LONGEST_INSIDE else 0  # of the circle
            text = (
                f'<text x="{x:.1f}" y="{y + below:.1f}" font-size="{_LETTER * 1.7 * crowd:.0f}">{name}</text>'
            )
        circles.append(
            f'<g><circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>{text}'
            f"<title>{escape(_told(network, name))}</title></g>"
        )
    return circles


def _told(network: Network, name: str) -> str:
    own, weights = peer_weights(network, name)
    return (
        f"{name}, {network.peers[name].address or 'no address'}\n{len(weights)} neighbours, own weight {own:.4f}\n"
        + "\n".join(f"{other}: {weight:.4f}" for other, weight in weights.items())
    )


def _table(network: Network) -> list[str]:
    rows = []
    for name in network.names:
        own, weights = peer_weights(network, name)
        near = ", ".join(f"{other} {weight:.3f}" for other, weight in weights.items())
        cells = (name, network.peers[name].address or "–", str(len(weights)), f"{own:.3f}", near)
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    heads = ("peer", "address", "degree", "own weight", "neighbours and their weights")
    head = "<tr>" + "".join(f"<th>{text}</th>" for text in heads) + "</tr>"
    return ["<div><table>", head, *rows, "</table></div>"]
