"""Where the peers are in the picture of the network, and how thick its edges are."""

from peer.report.charts import Picture
from peer.report.timing import Timing
from peer.report.traffic import Traffic
from peer.report.wording import amount, plural, seconds
from topology.network import Network

__all__ = ["network_picture"]

SEED = 0
MOST_RELAXED = 100
"""Peers up to which the distances in the picture follow those in the network: that takes the cube of their number."""


def network_picture(network: Network, traffic: Traffic | None, timing: Timing | None) -> Picture:
    """Lay the network out.

    Parameters
    ----------
    network : Network
        The peers and edges.
    traffic : Traffic or None
        Makes the edges' thickness; without it all are alike.
    timing : Timing or None
        Tells who was waited for.

    Returns
    -------
    Picture
        The same for the same network.
    """
    edges = [(edge.first, edge.second) for edge in network.edges]
    sizes = dict.fromkeys(edges, 0)
    level = "payload"
    if traffic is not None:
        level = traffic.finest
        for first, second in edges:
            both = [traffic.edges.get(way, {}) for way in ((first, second), (second, first))]
            sizes[first, second] = sum(way.get(level, 0) for way in both)
    largest = max(sizes.values(), default=0)
    return Picture(
        places=_places(network.names, edges),
        peer_notes={name: _peer_note(name, network, timing) for name in network.names},
        edges={edge: size / largest if largest else 0.5 for edge, size in sizes.items()},
        edge_notes={
            edge: f"{edge[0]} – {edge[1]}"
            + (f": {amount(size)} ({level}, both directions)" if largest else "")
            for edge, size in sizes.items()
        },
    )


def _peer_note(name: str, network: Network, timing: Timing | None) -> str:
    note = f"{name}: {plural(len(network.neighbours(name)), 'neighbour')}"
    waited = timing.waited_for.get(name) if timing is not None else None
    return note if waited is None else f"{note}, was waited for {seconds(waited.seconds)}"


def _places(names: tuple[str, ...], edges: list[tuple[str, str]]) -> dict[str, tuple[float, float]]:
    import networkx as nx  # only here: no other part of the report needs it

    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(names)
    graph.add_edges_from(edges)
    places = nx.circular_layout(graph)
    if len(names) <= MOST_RELAXED:
        places = nx.kamada_kawai_layout(graph, pos=places)
    else:
        places = nx.spring_layout(graph, pos=places, seed=SEED, iterations=100)
    return {name: (float(place[0]), float(place[1])) for name, place in places.items()}
