"""All peers of a network as one block: the same sums as on one peer, by sparse products."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from peer.program import Array, Broadcast, ContractError, Neighbours, Received, Scatter, Value, arrays_of
from topology.network import Network

__all__ = ["BlockNeighbours", "BlockReceived", "exchange", "whole_network"]


def whole_network(network: Network) -> "BlockNeighbours":
    """Return the neighbours of all peers of a network, as one block in the order of the names."""
    of_all = Neighbours.of_peers(network, network.names)
    return BlockNeighbours(**of_all.__dict__)


@dataclass(frozen=True, eq=False)
class BlockNeighbours(Neighbours):
    """The edges of a block of all peers: positions in the network are rows of the block."""

    @cached_property
    def reverse(self) -> Array:
        """The same edge seen from its other end, int of shape (E,)."""
        return np.lexsort((self.rows, self.other))

    @cached_property
    def mixing(self) -> csr_array:
        """The mixing matrix without its diagonal, (P, P)."""
        return csr_array((self.weights, self.other, self.indptr), shape=(len(self.index),) * 2)

    def sum(self, values: Array, weights: Array | None = None) -> Array:
        """Return the sum by peer of ``weights`` (E,), default 1, times ``values`` (E, ...): (P, ...)."""
        if weights is None:
            weights = np.ones(len(self.rows))
        shape = (len(self.index), len(self.rows))
        return _product(csr_array((weights, np.arange(len(self.rows)), self.indptr), shape=shape), values)


class BlockReceived(Received):
    """The reply for a block of all peers.

    Parameters
    ----------
    neighbours : BlockNeighbours
        Of the block.
    values : Value, leading axis S
        What was sent.
    source : int array, shape (E',)
        Entry of ``values`` that came over each edge.
    carried : bool array, shape (E,), optional
        The edges that carried something; all where not given.
    """

    def __init__(
        self, neighbours: BlockNeighbours, values: Value, source: Array, carried: Array | None = None
    ) -> None:
        self._neighbours = neighbours
        self._values = values
        self._source = source
        self._carried = carried

    @property
    def edges(self) -> Value:
        """The values by edge."""
        return _take(self._values, self._source)

    @property
    def rows(self) -> Array:
        """The row of the block that each edge belongs to."""
        rows = self._neighbours.rows
        return rows if self._carried is None else rows[self._carried]

    def combine(self, own: Array) -> Array:
        """Return ``own_weight * own + sum of weights * values``, shape (P, ...)."""
        neighbours = self._neighbours
        whole = self._carried is None and self._source is neighbours.other
        operator = neighbours.mixing if whole else self._operator(neighbours.weights)
        own_weight = neighbours.own_weight.reshape(-1, *(1,) * (own.ndim - 1))
        return own_weight * own + _product(operator, self._array())

    def sum(self, weights: Array | None = None) -> Array:
        """Return the sum of ``weights`` (E,), default 1, times values, (P, ...)."""
        if weights is None:
            weights = np.ones(len(self._neighbours.rows))
        return _product(self._operator(weights), self._array())

    def map(self, function: Callable[[Any], Value]) -> Received:
        """Return the decoded values; ``function`` runs once per sender."""
        if self._carried is None:
            return BlockReceived(self._neighbours, function(self._values), self._source)
        senders, source = np.unique(self._source, return_inverse=True)
        return BlockReceived(self._neighbours, function(_take(self._values, senders)), source, self._carried)

    def _array(self) -> Array:
        if not isinstance(self._values, np.ndarray):
            raise TypeError("only arrays can be summed; decode the values with map first")
        return self._values

    def _operator(self, weights: Array) -> csr_array:
        indptr = self._neighbours.indptr
        if self._carried is not None:
            weights = weights[self._carried]
            indptr = np.concatenate([[0], np.cumsum(self._carried)])[indptr]
        shape = (len(self._neighbours.index), len(self._array()))
        return csr_array((weights, self._source, indptr), shape=shape)


def exchange(neighbours: BlockNeighbours, request: Broadcast | Scatter) -> tuple[Received, int]:
    """Carry out one round of the whole block.

    Parameters
    ----------
    neighbours : BlockNeighbours
        Of the block.
    request : Broadcast or Scatter
        What the program yielded.

    Returns
    -------
    received : Received
        The reply.
    sent_bytes : int
        Payload bytes of all messages.

    Raises
    ------
    ContractError
        If the two ends of an edge do not agree whether it carries something.
    """
    send = _mask(neighbours, request.send)
    receive = _mask(neighbours, request.receive)
    if not np.array_equal(send, receive[neighbours.reverse]):
        edge = int(np.flatnonzero(send != receive[neighbours.reverse])[0])
        sender, receiver = neighbours.names[neighbours.rows[edge]], neighbours.edge_names[edge]
        fault = (
            "sends what the other does not expect" if send[edge] else "does not send what the other expects"
        )
        raise ContractError(f"round {request.label!r}, edge from {sender} to {receiver}: the first {fault}")
    carried = None if receive.all() else receive
    if isinstance(request, Broadcast):
        source = neighbours.other if carried is None else neighbours.other[receive]
        return BlockReceived(neighbours, request.value, source, carried), _bytes(
            request.value, neighbours.rows[send]
        )
    source = neighbours.reverse if carried is None else neighbours.reverse[receive]
    return BlockReceived(neighbours, request.values, source, carried), _bytes(
        request.values, np.flatnonzero(send)
    )


def _mask(neighbours: Neighbours, mask: Array | None) -> Array:
    return np.ones(len(neighbours.rows), dtype=bool) if mask is None else mask


def _bytes(value: Value, entries: Array) -> int:
    """Bytes of the entries of a value, one for each edge that carries one."""
    if isinstance(value, list):
        return sum(value[i].nbytes for i in entries)
    return sum(part.nbytes // len(part) for part in arrays_of(value)) * len(entries)


def _take(value: Value, entries: Array) -> Value:
    if isinstance(value, list):
        return [value[i] for i in entries]
    if isinstance(value, tuple):
        return tuple(part[entries] for part in value)
    return value[entries]


def _product(operator: csr_array, values: Array) -> Array:
    total: Array = operator @ values.reshape(len(values), -1)
    return total.reshape(operator.shape[0], *values.shape[1:])
