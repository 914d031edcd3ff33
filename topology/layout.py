"""Where the peers of a network stand in a picture.

A serving peer does not import this module: networkx would cost it tens of megabytes.
"""

from collections.abc import Mapping

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from topology.network import Network

__all__ = ["positions"]

# Within this distance of a line a peer seems to lie on it.
_NEAR = 0.04
_MOST_CHECKED = 25
# Kamada-Kawai shows rings, grids and trees as what they are, but compares all pairs of peers.
_MOST_PAIRWISE = 100
# Above this many edges for a peer there is no shape to see: on a circle one can at least tell the lines apart.
_CROWDED = 2.5
_CLEARLY_LONGER = 1.2


def positions(network: Network) -> NDArray[np.float64]:
    """Place the peers so that neighbours stand near each other.

    Parameters
    ----------
    network : Network
        The network.

    Returns
    -------
    ndarray
        Shape (L, 2), float64, peers in the order of their names: x from 0 to 1, y from 0 up to the same
        scale. The same network gives the same places on the same machine.
    """
    places = _lay_flat(_draft(nx.from_numpy_array(network.adjacency)))
    places -= places.min(axis=0)
    flat: NDArray[np.float64] = places / places.max()
    return flat


def _draft(graph: "nx.Graph[int]") -> NDArray[np.float64]:
    peers, edges = graph.number_of_nodes(), graph.number_of_edges()
    if edges > _CROWDED * peers:
        return _array(nx.circular_layout(graph))
    if peers > _MOST_PAIRWISE:
        return _array(nx.spring_layout(graph, seed=0))
    places = _array(nx.kamada_kawai_layout(graph))
    if peers <= _MOST_CHECKED and _hides(places, graph):
        return _array(nx.circular_layout(graph))  # a circle hides nothing
    return places


def _array(found: Mapping[int, NDArray[np.float64]]) -> NDArray[np.float64]:
    places: NDArray[np.float64] = np.array([found[peer] for peer in range(len(found))])
    return places


def _hides(places: NDArray[np.float64], graph: "nx.Graph[int]") -> bool:
    """Whether some edge runs through a peer that is not its end."""
    size = float(np.ptp(places, axis=0).max())
    for a, b in graph.edges:
        along = places[b] - places[a]
        share = np.clip((places - places[a]) @ along / (along @ along), 0, 1)
        away = np.linalg.norm(places - places[a] - share[:, np.newaxis] * along, axis=1)
        away[[a, b]] = np.inf
        if away.min() < _NEAR * size:
            return True
    return False


def _lay_flat(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn the longest direction into the horizontal, where there is a longest one: text and screens are wide."""
    centred: NDArray[np.float64] = places - places.mean(axis=0)
    sizes, axes = np.linalg.eigh(centred.T @ centred)
    if sizes[1] <= _CLEARLY_LONGER * sizes[0]:
        return centred
    turned: NDArray[np.float64] = centred @ axes[:, ::-1]
    turned *= np.where(turned[0] > 0, -1, 1)  # the first peer stands at the upper left
    return turned
