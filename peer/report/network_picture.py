"""Where the peers are in the picture of the network, and how thick its edges are."""

from peer.report.charts import Picture
from peer.report.timing import Timing
from peer.report.traffic import Traffic
from peer.report.wording import amount, plural, seconds
from topology.layout import positions
from topology.network import Network

__all__ = ["network_picture"]


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
    places = positions(network) * (1, -1)  # a chart's y goes up, a page's goes down
    return Picture(
        places={name: (float(x), float(y)) for name, (x, y) in zip(network.names, places, strict=True)},
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
