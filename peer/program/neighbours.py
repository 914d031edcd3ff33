"""The edges of a block of peers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from peer.program.values import Array, sum_in_order
from topology.mixing import peer_weights
from topology.network import Network

__all__ = ["Neighbours"]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The edges of a block of peers, and the network that they are a part of.

    Attributes
    ----------
    names : tuple of str
        All peers of the network, sorted; positions below are positions in it.
    index : int array, shape (P,)
        Positions of the block's peers.
    rows, other : int array, shape (E,)
        The block's row that each edge belongs to, and the position of the neighbour at its other end.
    indptr : int array, shape (P + 1,)
        Row p's edges are ``indptr[p]:indptr[p + 1]``, by the neighbours' names.
    weights, own_weight : float64 array, shape (E,) and (P,)
        Row of the mixing matrix.
    network : bool array, shape (num_peers, num_peers)
        Adjacency of the whole network.
    """

    names: tuple[str, ...]
    index: Array
    rows: Array
    other: Array
    indptr: Array
    weights: Array
    own_weight: Array
    network: Array

    @classmethod
    def of_peers(cls, network: Network, names: Sequence[str]) -> "Neighbours":
        """Return the neighbours of some peers of a network, in the order given."""
        position = {name: i for i, name in enumerate(network.names)}
        mixing = [peer_weights(network, name) for name in names]
        edges = [
            (p, name, weight) for p, (_, row) in enumerate(mixing) for name, weight in sorted(row.items())
        ]
        degree = [len(row) for _, row in mixing]
        return cls(
            names=network.names,
            index=np.array([position[name] for name in names], dtype=np.intp),
            rows=np.array([p for p, _, _ in edges], dtype=np.intp),
            other=np.array([position[name] for _, name, _ in edges], dtype=np.intp),
            indptr=np.concatenate([[0], np.cumsum(degree)]).astype(np.intp),
            weights=np.array([weight for _, _, weight in edges]),
            own_weight=np.array([own for own, _ in mixing]),
            network=network.adjacency,
        )

    @classmethod
    def of_peer(cls, network: Network, name: str) -> "Neighbours":
        """Return the neighbours of one peer of a network: a block of one."""
        return cls.of_peers(network, (name,))

    @property
    def num_peers(self) -> int:
        """Peers of the whole network."""
        return len(self.names)

    @cached_property
    def degree(self) -> Array:
        """Neighbours of each peer of the block, shape (P,)."""
        return np.diff(self.indptr)

    @cached_property
    def first(self) -> Array:
        """Whether the block's own peer has the lower name on each edge, bool of shape (E,)."""
        return self.index[self.rows] < self.other

    @cached_property
    def edge_names(self) -> tuple[str, ...]:
        """The neighbour's name on each edge."""
        return tuple(self.names[j] for j in self.other)

    @cached_property
    def by_degree(self) -> list[tuple[Array, Array]]:
        """Pairs of rows (p,) and their edges (p, D), one for each degree D in the block."""
        groups = []
        for degree in np.unique(self.degree):
            peers = np.flatnonzero(self.degree == degree)
            groups.append((peers, self.indptr[peers][:, np.newaxis] + np.arange(degree)))
        return groups

    def sum(self, values: Array, weights: Array | None = None) -> Array:
        """Return the sum by peer of ``weights`` (E,), default 1, times ``values`` (E, ...): (P, ...)."""
        if weights is None:
            weights = np.ones(len(self.rows))
        total = np.zeros((len(self.index), *values.shape[1:]))
        for p in range(len(self.index)):
            part = slice(self.indptr[p], self.indptr[p + 1])
            sum_in_order(values[part], weights[part], total[p, ...])  # type: ignore[arg-type]
        return total
