"""What came in one round, and the sums over it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from peer.program.neighbours import Neighbours
from peer.program.values import Array, Value, entry_of, sum_in_order

__all__ = ["Received"]


class Received(ABC):
    """What came in one round.

    Attributes
    ----------
    edges : array, shape (E', ...)
        The values by edge, sorted by (peer, neighbour's name); E' counts the edges that carried something.
    rows : int array, shape (E',)
        The peer (row of the block) that each of these edges belongs to.
    """

    @staticmethod
    def of_peer(neighbours: Neighbours, values: Mapping[str, Value], sent: Value) -> "Received":
        """Return the reply for a block of one peer.

        Parameters
        ----------
        neighbours : Neighbours
            Of that peer.
        values : mapping of str to Value
            An entry for each neighbour that sent something in this round: what travelled, without the
            leading axis.
        sent : Value
            What this peer yielded in the round. Shape and dtype are the same at all peers; needed where
            nothing came.
        """
        names = neighbours.edge_names
        edges = [e for e, name in enumerate(names) if name in values]
        came = [values[names[e]] for e in edges]
        return _PeerReceived(neighbours, edges, came, sent)

    @property
    @abstractmethod
    def edges(self) -> Value:
        """The values by edge, materialised only here."""

    @property
    @abstractmethod
    def rows(self) -> Array:
        """The row of the block that each edge belongs to."""

    @abstractmethod
    def combine(self, own: Array) -> Array:
        """Return ``own_weight * own + sum of weights * values``, shape (P, ...): one round of averaging."""

    @abstractmethod
    def sum(self, weights: Array | None = None) -> Array:
        """Return the sum of ``weights`` (E,), default 1, times values, (P, ...); 0 where nothing came."""

    @abstractmethod
    def map(self, function: Callable[[Any], Value]) -> "Received":
        """Return the decoded values; ``function`` acts entry by entry on the leading axis (may be empty)."""


class _PeerReceived(Received):
    """The reply of one peer: the neighbours' values as they came, never stacked for a sum."""

    def __init__(self, neighbours: Neighbours, edges: list[int], values: list[Value], sent: Value) -> None:
        self._neighbours = neighbours
        self._edges = edges
        self._values = values
        self._sent = sent

    @property
    def _nothing(self) -> Value:
        """A value with no entries: it tells the shape."""
        return _first_entries(self._sent, 0)

    @property
    def edges(self) -> Value:
        nothing = self._nothing
        if isinstance(nothing, list):
            return [np.asarray(value) for value in self._values]
        if not self._values:
            return nothing
        if isinstance(nothing, np.ndarray):
            return np.stack([np.asarray(value) for value in self._values])
        return tuple(np.stack(parts) for parts in zip(*self._values, strict=True))

    @property
    def rows(self) -> Array:
        return np.zeros(len(self._edges), dtype=np.intp)

    def combine(self, own: Array) -> Array:
        total = self._sum(self._neighbours.weights, own.shape[1:])
        total += self._neighbours.own_weight[0] * own
        return total

    def sum(self, weights: Array | None = None) -> Array:
        if not isinstance(self._sent, np.ndarray):
            raise TypeError("only arrays can be summed; decode the values with map first")
        if weights is None:
            weights = np.ones(len(self._neighbours.weights))
        return self._sum(weights, self._sent.shape[1:])

    def map(self, function: Callable[[Any], Value]) -> Received:
        kind = self._nothing
        nothing = function(kind)
        values = [entry_of(function(_one_entry(value, kind)), 0) for value in self._values]
        return _PeerReceived(self._neighbours, self._edges, values, nothing)

    def _sum(self, weights: Array, shape: tuple[int, ...]) -> Array:
        if len(self._edges) != len(weights):
            weights = weights[self._edges]
        return sum_in_order(self._values, weights, np.zeros(shape))[np.newaxis]  # type: ignore[arg-type]


def _first_entries(value: Value, count: int) -> Value:
    if isinstance(value, tuple):
        return tuple(part[:count] for part in value)
    return value[:count]


def _one_entry(entry: Value, kind: Value) -> Value:
    """Give an entry its leading axis back."""
    if isinstance(kind, list):
        return [entry]  # type: ignore[list-item]
    if isinstance(entry, tuple):
        return tuple(part[np.newaxis] for part in entry)
    return np.asarray(entry)[np.newaxis]
