"""What a program may ask of its driver."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from peer.program.received import Received
from peer.program.values import Array, State, Value

__all__ = ["Broadcast", "Checkpoint", "FloodMax", "Progress", "Request", "Rounds", "Scatter"]

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


@dataclass(eq=False)  # not frozen: made in every round
class Broadcast(Request[Received]):
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


@dataclass(eq=False)  # not frozen: made in every round
class Scatter(Request[Received]):
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
