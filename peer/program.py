"""What an algorithm and the drivers agree on: requests, replies, neighbours, random streams, facts.

An algorithm is a *program*: a generator that yields requests and gets replies. It sees no socket, clock or
file. Every per-peer array has a leading axis P, the peers of the block: one on a real peer, all peers of the
network in the block simulator. E counts the edges of the block, seen from its peers and sorted by (peer,
neighbour's name). numpy only: the block's sparse sums live in :mod:`peer.simulate.block`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from topology.mixing import peer_weights
from topology.network import Network

__all__ = [
    "Array",
    "Broadcast",
    "Checkpoint",
    "Facts",
    "FloodMax",
    "Neighbours",
    "Program",
    "Progress",
    "Purpose",
    "Received",
    "Request",
    "Rounds",
    "Scatter",
    "State",
    "Streams",
    "Value",
    "arrays_of",
    "entry_of",
    "freeze",
    "payload_bytes",
    "snapshot",
    "sum_in_order",
]

Array = NDArray[Any]
Value = Array | tuple[Array, ...] | list[Array]
"""What travels: an array, a tuple of arrays (layers; codes and scales), or a list of uint8 vectors, one per entry
of the leading axis, where the codes' lengths differ."""

State = dict[str, Array | int | float | bool]
"""All that a program needs to go on from a checkpoint; flat, empty at the first start."""

Reply = TypeVar("Reply")
Result = TypeVar("Result")


class Request(Generic[Reply]):
    """Something that a program asks of its driver: ``reply = yield from Broadcast(...)``."""

    def __iter__(self) -> "Generator[Request[Any], Any, Reply]":
        """Yield the request itself, so that ``yield from`` has the type of the reply."""
        reply: Reply = yield self
        return reply


Rounds = Generator[Request[Any], Any, Result]
"""A generator of requests with a result; what every part of a program returns."""


@dataclass(frozen=True, eq=False)
class Broadcast(Request["Received"]):
    """One round: the same value to every neighbour, and what the neighbours sent in the same round.

    Parameters
    ----------
    value : Value, leading axis P
        What is sent.
    label : str
        Phase in the ledger, equal at all peers in this round.
    send, receive : bool array, shape (E,), optional
        Edges on which this end sends, and on which it expects something; all where not given. Both ends
        compute them from common knowledge, so that *send here* is *receive there*.
    light : bool, optional
        The program's work after the reply is short; a driver may run it in place. No influence on results.
    """

    value: Value
    label: str
    send: Array | None = None
    receive: Array | None = None
    light: bool = False


@dataclass(frozen=True, eq=False)
class Scatter(Request["Received"]):
    """One round: its own value on each edge.

    Parameters
    ----------
    values : Value, leading axis E
        What is sent on each edge.
    label, send, receive, light
        As for :class:`Broadcast`.
    """

    values: Value
    label: str
    send: Array | None = None
    receive: Array | None = None
    light: bool = False


@dataclass(frozen=True, eq=False)
class FloodMax(Request[float]):
    """The exact maximum over the network of ``value``, float64 of shape (P,).

    The only reply that a branch may depend on: averages differ between peers in their last bits. A NaN fails
    the run and names the peer.
    """

    value: Array
    label: str


@dataclass(frozen=True, eq=False)
class Checkpoint(Request[None]):
    """A place to resume from: ``state`` is all that is needed. The last request of a loop body."""

    state: State


@dataclass(frozen=True, eq=False)
class Progress(Request[None]):
    """Numbers worth showing.

    Parameters
    ----------
    iteration : int
        Iterations done.
    metrics : dict of str to array, shape (P,)
        Figures of each peer.
    estimate : dict of str to array, shape (P, ...)
        The current estimate, for measuring only; it is never sent.
    """

    iteration: int
    metrics: Mapping[str, Array]
    estimate: Mapping[str, Array]


def arrays_of(value: Value) -> tuple[Array, ...]:
    """Return the arrays that a value consists of."""
    return (value,) if isinstance(value, np.ndarray) else tuple(value)


def entry_of(value: Value, index: int) -> Value:
    """Return one entry of a value's leading axis: what one peer sends to all, or what goes over one edge."""
    if isinstance(value, np.ndarray):
        return value[index, ...]
    if isinstance(value, list):
        return value[index]
    return tuple(part[index, ...] for part in value)


def payload_bytes(entry: Value) -> int:
    """Return the bytes of what travels once over one edge (an entry of the leading axis)."""
    return sum(part.nbytes for part in arrays_of(entry))


def freeze(value: Value) -> Value:
    """Set a value's arrays read-only: what was yielded must not change any more. Returns the value."""
    for part in arrays_of(value):
        part.flags.writeable = False
    return value


def snapshot(state: State) -> State:
    """Return a copy of a state whose arrays are shared and read-only from now on."""
    for entry in state.values():
        if isinstance(entry, np.ndarray):
            entry.flags.writeable = False
    return dict(state)


def sum_in_order(values: Sequence[Array], weights: Array, zero: Array) -> Array:
    """Return ``zero + weights[0] * values[0] + ...``, one term after the other, in float64.

    A sparse product adds in the same order, so one peer and a block of peers get the same bits.

    Parameters
    ----------
    values : sequence of E arrays
        The terms, all of the shape of ``zero``.
    weights : array, shape (E,)
        Float64.
    zero : array
        Float64 zeros; overwritten with the sum.
    """
    term = np.empty_like(zero)
    for weight, value in zip(weights, values, strict=True):
        np.multiply(value, weight, out=term)
        zero += term
    return zero


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
    def of_peer(neighbours: "Neighbours", values: Mapping[str, Value], sent: Value) -> "Received":
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
        edges = [e for e, name in enumerate(neighbours.edge_names) if name in values]
        came = [values[neighbours.edge_names[e]] for e in edges]
        return _PeerReceived(neighbours, edges, came, _first_entries(sent, 0))

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
        """Return the decoded values; ``function`` acts entry by entry on the leading axis, which may be empty."""


class _PeerReceived(Received):
    """The reply of one peer: the neighbours' values as they came, never stacked for a sum."""

    def __init__(
        self, neighbours: "Neighbours", edges: list[int], values: list[Value], nothing: Value
    ) -> None:
        self._neighbours = neighbours
        self._edges = edges
        self._values = values
        self._nothing = nothing  # a value with no entries: it tells the shape

    @property
    def edges(self) -> Value:
        if isinstance(self._nothing, list):
            return [np.asarray(value) for value in self._values]
        if not self._values:
            return self._nothing
        if isinstance(self._nothing, np.ndarray):
            return np.stack([np.asarray(value) for value in self._values])
        return tuple(np.stack(parts) for parts in zip(*self._values, strict=True))

    @property
    def rows(self) -> Array:
        return np.zeros(len(self._edges), dtype=np.intp)

    def combine(self, own: Array) -> Array:
        total = self._sum(self._neighbours.weights, own.shape[1:])
        return self._neighbours.own_weight[0] * own + total

    def sum(self, weights: Array | None = None) -> Array:
        if not isinstance(self._nothing, np.ndarray):
            raise TypeError("only arrays can be summed; decode the values with map first")
        if weights is None:
            weights = np.ones(len(self._neighbours.weights))
        return self._sum(weights, self._nothing.shape[1:])

    def map(self, function: Callable[[Any], Value]) -> Received:
        nothing = function(self._nothing)
        values = [entry_of(function(_one_entry(value, self._nothing)), 0) for value in self._values]
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
        """Return the sum of ``weights`` (E,), default 1, times ``values`` (E, ...) by peer, shape (P, ...)."""
        if weights is None:
            weights = np.ones(len(self.rows))
        total = np.zeros((len(self.index), *values.shape[1:]))
        for p in range(len(self.index)):
            part = slice(self.indptr[p], self.indptr[p + 1])
            sum_in_order(values[part], weights[part], total[p, ...])  # type: ignore[arg-type]
        return total


class Purpose(IntEnum):
    """What a random stream is for; part of its seed.

    A purpose is drawn from either always with or always without an iteration.
    """

    START = 33
    """The common start of the power method, without iteration: ``default_rng([seed, 33])``."""


@dataclass(frozen=True, eq=False)
class Streams:
    """The only source of random numbers of a program: the same draws in every driver and after a restart.

    Attributes
    ----------
    seed : int
        Of the run.
    index : int array, shape (P,)
        Positions of the block's peers in the network.
    """

    seed: int
    index: Array = field(repr=False)

    def common(
        self, purpose: Purpose, draw: Callable[[np.random.Generator], Array], iteration: int | None = None
    ) -> Array:
        """Return what all peers draw alike, as a read-only view of shape (P, ...).

        The seed is ``[seed, purpose]`` or ``[seed, purpose, iteration]``.
        """
        key = [self.seed, int(purpose)] if iteration is None else [self.seed, int(purpose), iteration]
        drawn = np.asarray(draw(np.random.default_rng(key)))
        return np.broadcast_to(drawn, (len(self.index), *drawn.shape))

    def own(
        self, purpose: Purpose, draw: Callable[[np.random.Generator], Array], iteration: int = 0
    ) -> Array:
        """Return what each peer draws for itself, shape (P, ...).

        The seed is ``[seed, purpose, iteration, position + 1]``: numpy pads seeds with zeros, so position 0
        would be the common stream.
        """
        key = [self.seed, int(purpose), iteration]
        return np.stack([draw(np.random.default_rng([*key, int(i) + 1])) for i in self.index])


@dataclass(frozen=True)
class Facts:
    """What all peers know of the whole network's data before the first round.

    Attributes
    ----------
    num_peers, num_tasks : int
        Of the network.
    total_samples : int
        Rows of all tasks together.
    num_samples : float
        Mean rows per task, ``total_samples / num_tasks``.
    equal_samples : bool
        Whether every task of the network has the same number of rows.
    dim : int
        Features d.
    """

    num_peers: int
    num_tasks: int
    total_samples: int
    num_samples: float
    equal_samples: bool
    dim: int


Program = Callable[[Any, Any, Neighbours, Streams, State], Rounds[dict[str, Array]]]
"""``program(problem, spec, neighbours, streams, state)``; its result is, for example, ``{"U": (P, d, r)}``."""
