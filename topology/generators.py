"""Networks of the usual shapes, drawn by networkx from a seed.

A serving peer does not import this module: networkx would cost it tens of megabytes.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import isqrt
from typing import Literal, TypeAlias, get_args

import networkx as nx
import numpy as np

from topology.address import loopback_addresses
from topology.errors import InputError, name_hint
from topology.network import MixingRule, Network
from topology.yamlfile import validate

__all__ = ["GeneratedNetwork", "GraphKind", "make_network", "peer_names"]

GraphKind = Literal["ring", "path", "star", "complete", "grid", "erdos-renyi", "k-regular", "small-world"]
Graph: TypeAlias = "nx.Graph[int]"  # nodes 0, 1, …, in the order of the peers

# What each shape takes besides the number of peers, with its default; 0.5 is the papers' choice.
_PROBABILITY: dict[GraphKind, float] = {"erdos-renyi": 0.5, "small-world": 0.1}
_DEGREE: dict[GraphKind, int] = {"k-regular": 4, "small-world": 4}


@dataclass(frozen=True)
class GeneratedNetwork:
    """A network and how it came about.

    Parameters
    ----------
    network : Network
        The network, connected.
    added_edges : int
        Single random edges that joined the parts of a disconnected draw; 0 if none were needed.
    """

    network: Network
    added_edges: int


def peer_names(num_peers: int) -> list[str]:
    """The names p0, p1, …, zero padded so that they sort by number.

    Parameters
    ----------
    num_peers : int
        How many.

    Returns
    -------
    list of str
        Such as p00 to p19 for 20 peers.
    """
    width = len(str(num_peers - 1))
    return [f"p{number:0{width}}" for number in range(num_peers)]


def make_network(
    kind: GraphKind,
    num_peers: int,
    *,
    p: float | None = None,
    degree: int | None = None,
    seed: int = 0,
    mixing: MixingRule = "metropolis",
    base_port: int = 7100,
    name: str | None = None,
) -> GeneratedNetwork:
    """Draw a connected network.

    Parameters
    ----------
    kind : str
        One of ring, path, star (p0 in the middle), complete, grid (the squarest one), erdos-renyi,
        k-regular or small-world (Watts-Strogatz).
    num_peers : int
        At least 2.
    p : float, optional
        Probability of an edge (erdos-renyi, default 0.5) or of moving one (small-world, 0.1).
    degree : int, optional
        Neighbours of each peer (k-regular and small-world, default 4).
    seed : int, optional
        The same seed gives the same network.
    mixing : str, optional
        The mixing rule.
    base_port : int, optional
        Peer number i gets the address 127.0.0.1:(base_port + i).
    name : str, optional
        The network's name; by default kind and number of peers.

    Returns
    -------
    GeneratedNetwork
        The network, and how many edges were added to join the parts of the draw.

    Raises
    ------
    InputError
        If there is no such network.
    """
    if kind not in get_args(GraphKind):
        raise InputError(f"found {kind!r}", field="kind", mend=name_hint(kind, get_args(GraphKind)))
    if num_peers < 2:
        raise InputError(f"found {num_peers}", field="peers", mend="a network has at least two")
    if seed < 0:
        raise InputError(f"found {seed}", field="seed", mend="give a whole number ≥ 0")
    addresses = loopback_addresses(num_peers, base_port)
    graph = _draw(kind, num_peers, p, degree, seed)
    added = _join_parts(graph, seed)
    names = peer_names(num_peers)
    network = validate(
        Network,
        {
            "name": name if name is not None else f"{kind}-{num_peers}",
            "mixing": mixing,
            "peers": {peer: {"address": address} for peer, address in zip(names, addresses, strict=True)},
            "edges": [[names[a], names[b]] for a, b in graph.edges],
        },
    )
    return GeneratedNetwork(network, added)


def _draw(kind: GraphKind, num_peers: int, p: float | None, degree: int | None, seed: int) -> Graph:
    settings: list[tuple[str, object, Collection[GraphKind]]] = [
        ("p", p, _PROBABILITY),
        ("degree", degree, _DEGREE),
    ]
    for field, value, takers in settings:
        if value is not None and kind not in takers:
            raise InputError(f"{kind} takes no {field}", field=field, mend="leave it out")
    probability = _PROBABILITY.get(kind, 0.0) if p is None else p
    neighbours = _DEGREE.get(kind, 0) if degree is None else degree
    if not 0 <= probability <= 1:
        raise InputError(f"found {probability}", field="p", mend="give a probability from 0 to 1")
    if kind in _DEGREE:
        _check_degree(kind, num_peers, neighbours)
    shapes: dict[GraphKind, Callable[[], Graph]] = {
        "ring": lambda: nx.cycle_graph(num_peers),
        "path": lambda: nx.path_graph(num_peers),
        "star": lambda: nx.star_graph(num_peers - 1),
        "complete": lambda: nx.complete_graph(num_peers),
        "grid": lambda: _grid(num_peers),
        "erdos-renyi": lambda: nx.gnp_random_graph(num_peers, probability, seed=seed),
        "k-regular": lambda: _regular(num_peers, neighbours, seed),
        "small-world": lambda: nx.watts_strogatz_graph(num_peers, neighbours, probability, seed=seed),
    }
    return shapes[kind]()


def _check_degree(kind: GraphKind, num_peers: int, degree: int) -> None:
    if not 1 <= degree < num_peers:
        raise InputError(
            f"found {degree}", field="degree", mend=f"{num_peers} peers have 1 to {num_peers - 1} neighbours"
        )
    if kind == "small-world" and degree % 2:
        raise InputError(f"found {degree}", field="degree", mend="small-world takes an even degree")
    if kind == "k-regular" and degree * num_peers % 2:
        raise InputError(
            f"no network of {num_peers} peers has {degree} neighbours at each",
            field="degree",
            mend="make one of the two numbers even",
        )


def _regular(num_peers: int, degree: int, seed: int) -> Graph:
    # networkx draws pairs until they fit, which for dense graphs takes minutes: draw the missing
    # edges instead. The complement of a random regular graph is a random regular graph.
    missing = num_peers - 1 - degree
    graph: Graph = nx.random_regular_graph(min(degree, missing), num_peers, seed=seed)
    return nx.complement(graph) if missing < degree else graph


def _grid(num_peers: int) -> Graph:
    rows = next(rows for rows in range(isqrt(num_peers), 0, -1) if num_peers % rows == 0)
    if rows == 1:
        raise InputError(
            f"{num_peers} peers make no grid", field="peers", mend="give a number with divisors, such as 12"
        )
    grid = nx.grid_2d_graph(rows, num_peers // rows)
    return nx.convert_node_labels_to_integers(grid, ordering="sorted")


def _join_parts(graph: Graph, seed: int) -> int:
    """Join the first part to each other one by a single random edge; return how many."""
    rng = np.random.default_rng([seed, 1])
    first, *others = sorted(sorted(part) for part in nx.connected_components(graph))
    for part in others:
        graph.add_edge(int(rng.choice(first)), int(rng.choice(part)))
        first = first + part
    return len(others)
