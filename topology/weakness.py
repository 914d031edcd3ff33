"""Warnings: what is slow, biased, or hangs on a single edge or peer; each with its mend.

A serving peer does not import this module: networkx would cost it tens of megabytes.
"""

from collections.abc import Sequence
from math import ceil, log2

import networkx as nx

from topology.generators import make_network
from topology.mixing import gamma, mixing_matrix
from topology.network import Network
from topology.prediction import NEVER, rounds_to

__all__ = ["find_weaknesses"]

# From here on it takes 90 rounds and more to shrink the disagreement to 1e-2.
_SLOW = 0.95
_TOLD = 1e-2
# Neighbours of each peer with which even large random networks are fast; an even number fits any size.
_FEW = 4


def find_weaknesses(
    network: Network, *, contraction: float, doubly_stochastic: bool, bipartite: bool
) -> list[str]:
    """Say what may go wrong on a network.

    Parameters
    ----------
    network : Network
        The network.
    contraction : float
        Its gamma.
    doubly_stochastic, bipartite : bool
        As in `topology.lint.LintReport`.

    Returns
    -------
    list of str
        One sentence or two for each, with the mend; the gravest first.
    """
    graph: nx.Graph[str] = nx.Graph([(edge.first, edge.second) for edge in network.edges])
    found = _of_mixing(network, doubly_stochastic, bipartite)
    found += _single_edges(network, graph)
    found += _single_peers(network, graph)
    if _SLOW < contraction < NEVER:
        found.append(_slow(network, contraction))
    if network.diameter > 2 * ceil(log2(len(network.names))):
        found.append(
            f"diameter {network.diameter}: in an agreement of fewer rounds some peers hear nothing of each other; "
            "take as many rounds, or edges between far peers, as small-world has them"
        )
    return found


def _of_mixing(network: Network, doubly_stochastic: bool, bipartite: bool) -> list[str]:
    found = []
    if not doubly_stochastic:
        found.append(
            f"mixing rule {network.mixing} is not doubly stochastic here: agreement tends to the mean weighted by "
            "degree, not to the mean; metropolis has no such bias"
        )
    if bipartite and network.mixing == "uniform":
        found.append(
            "mixing rule uniform never agrees on a bipartite network: values oscillate with period 2; "
            "use a rule with self weight, such as metropolis"
        )
    return found


def _single_edges(network: Network, graph: "nx.Graph[str]") -> list[str]:
    """Peers with one neighbour, and edges that alone hold two larger parts together."""
    found = []
    lone = [name for name in network.names if graph.degree[name] == 1]
    if lone:
        found.append(
            f"one neighbour only: {_some(lone)}; while that edge is down, the peer is cut off: "
            "give it a second one"
        )
    inner = [(a, b) for a, b in sorted(map(sorted, nx.bridges(graph))) if a not in lone and b not in lone]
    if inner:
        named = _some([f"{a} – {b}" for a, b in inner])
        found.append(
            f"weakest {'edge' if len(inner) == 1 else 'edges'}: {named}; while such an edge is down, the network "
            f"falls into two parts: add one around it, such as {_around(graph, inner[0])}"
        )
    return found


def _around(graph: "nx.Graph[str]", bridge: tuple[str, str]) -> str:
    """Two peers on both sides of a bridge, neither of them its end where there are others."""
    rest = graph.copy()
    rest.remove_edge(*bridge)
    sides = []
    for end in bridge:
        others = sorted(nx.node_connected_component(rest, end) - {end})
        sides.append(others[0] if others else end)
    return f"{sides[0]} – {sides[1]}"


def _single_peers(network: Network, graph: "nx.Graph[str]") -> list[str]:
    """Peers that hold the network together, unless an edge of theirs is named for that already."""
    lone = {name for name in network.names if graph.degree[name] == 1}
    named = {end for bridge in nx.bridges(graph) if not lone & set(bridge) for end in bridge}
    holding = sorted(set(nx.articulation_points(graph)) - named)
    if not holding:
        return []
    return [
        f"everything passes through {_some(holding)}: without such a peer the network falls into parts; add edges "
        "between its neighbours"
    ]


def _slow(network: Network, contraction: float) -> str:
    """Compare with a random network whose peers all have the same few neighbours.

    No single edge is advised: across a ring, for one, metropolis makes gamma larger by it.
    """
    peers, degree = len(network.names), min(_FEW, len(network.names) - 1)
    regular = make_network("k-regular", peers, degree=degree, mixing=network.mixing).network
    better = gamma(mixing_matrix(regular))
    text = f"gamma {contraction:.4f} is near 1: {rounds_to(_TOLD, contraction)} rounds shrink the disagreement to 1e-2"
    return (
        f"{text}, {rounds_to(_TOLD, better)} on a network with gamma {better:.4f} as "
        f"`difpeer topology make k-regular --peers {peers} --degree {degree}` draws it"
    )


def _some(entries: Sequence[str]) -> str:
    return ", ".join(entries[:6]) + (f", … ({len(entries)} in all)" if len(entries) > 6 else "")
