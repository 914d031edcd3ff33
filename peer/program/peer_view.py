"""What a program for one peer sees: neighbours, random numbers and replies without the axis of the peers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from peer.program.neighbours import Neighbours
from peer.program.received import Received
from peer.program.streams import Streams
from peer.program.values import Array, Value, entry_of, sum_in_order

__all__ = ["PeerNeighbours", "PeerReply", "PeerStreams", "lifted"]


@dataclass(frozen=True, eq=False)
class PeerNeighbours:
    """The edges of one peer, by its neighbours' names, and the network that they are a part of.

    Attributes
    ----------
    name : str
        This peer.
    index : int
        Its position among ``names``: a role is ``neighbours.index == spec.hub``.
    names : tuple of str
        All peers of the network, sorted.
    edge_names : tuple of str
        The neighbours.
    other : int array, shape (E,)
        Their positions among ``names``.
    weights, own_weight : float64 array of shape (E,), and float
        This peer's row of the mixing matrix.
    network : bool array, shape (num_peers, num_peers)
        Adjacency of the whole network.
    """

    name: str
    index: int
    names: tuple[str, ...]
    edge_names: tuple[str, ...]
    other: Array
    weights: Array
    own_weight: float
    network: Array

    @classmethod
    def of(cls, neighbours: Neighbours) -> "PeerNeighbours":
        """Return what the one peer of a block of one sees."""
        index = int(neighbours.index[0])
        return cls(
            name=neighbours.names[index],
            index=index,
            names=neighbours.names,
            edge_names=neighbours.edge_names,
            other=neighbours.other,
            weights=neighbours.weights,
            own_weight=float(neighbours.own_weight[0]),
            network=neighbours.network,
        )

    @property
    def num_peers(self) -> int:
        """Peers of the whole network."""
        return len(self.names)

    @property
    def degree(self) -> int:
        """Neighbours of this peer."""
        return len(self.edge_names)

    @property
    def first(self) -> Array:
        """Whether this peer has the lower name on each edge, bool of shape (E,)."""
        return np.asarray(self.index < self.other)

    def sum(self, values: Array, weights: Array | None = None) -> Array:
        """Return the sum of ``weights`` (E,), default 1, times ``values`` (E, ...), in the order of the names."""
        if weights is None:
            weights = np.ones(len(self.other))
        return sum_in_order(values, weights, np.zeros(values.shape[1:]))  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class PeerStreams:
    """The only source of random numbers of a program for one peer; see :class:`~peer.program.Streams`.

    Parameters
    ----------
    of : Streams
        Of a block of one.
    """

    of: Streams

    def common(
        self, purpose: int, draw: Callable[[np.random.Generator], Array], iteration: int | None = None
    ) -> Array:
        """Return what all peers draw alike, read-only."""
        drawn: Array = self.of.common(purpose, draw, iteration)[0, ...]
        return drawn

    def own(self, purpose: int, draw: Callable[[np.random.Generator], Array], iteration: int = 0) -> Array:
        """Return what this peer draws for itself."""
        drawn: Array = self.of.own(purpose, draw, iteration)[0, ...]
        return drawn


class PeerReply(Received):
    """What came in one round at one peer: as in a block of one, without its axis.

    Parameters
    ----------
    neighbours : Neighbours
        Of that peer: a block of one.
    block : Received
        The reply for the block of one.
    names : sequence of str
        The neighbours that sent something.
    sent : Value
        What this peer sent over one edge; it tells the shape where nothing came.
    """

    def __init__(self, neighbours: Neighbours, block: Received, names: Sequence[str], sent: Value) -> None:
        self._neighbours = neighbours
        self._block = block
        self._names = names
        self._sent = sent

    @property
    def edges(self) -> Value:
        """The neighbours' values by name: an array (E', ...), a tuple of them, or a list of vectors."""
        return self._block.edges

    @property
    def rows(self) -> Array:
        """Zeros of shape (E',): all belong to this peer."""
        return self._block.rows

    def combine(self, own: Array) -> Array:
        """Return ``own_weight * own + sum of weights * values``: one round of averaging."""
        combined: Array = self._block.combine(np.asarray(own)[np.newaxis])[0, ...]
        return combined

    def sum(self, weights: Array | None = None) -> Array:
        """Return the sum of ``weights`` (E,), default 1, times the values; 0 where nothing came."""
        total: Array = self._block.sum(weights)[0, ...]
        return total

    def map(self, function: Callable[[Any], Value]) -> Received:
        """Return the decoded values; ``function`` takes one neighbour's value, as that one sent it."""
        edges = self._block.edges
        values = {name: function(entry_of(edges, e)) for e, name in enumerate(self._names)}
        sent = function(self._sent)
        block = Received.of_peer(self._neighbours, values, lifted(sent))
        return PeerReply(self._neighbours, block, self._names, sent)


def lifted(value: Value) -> Value:
    """Return one entry of a value with the axis of a block of one."""
    if isinstance(value, tuple):
        return tuple(part[np.newaxis] for part in value)
    return np.asarray(value)[np.newaxis]
