"""Between a program and the rounds: requests become commands, payloads become replies. No clocks.

A driver calls ``advance``, ``encode`` and, after a round, ``decode``: three steps, so that it can time them and
choose where each runs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from math import isfinite
from typing import Any

import numpy as np

from peer.config import RunFailed
from peer.program import (
    Array,
    Broadcast,
    Checkpoint,
    ContractError,
    FloodMax,
    Neighbours,
    Progress,
    Received,
    Request,
    RequestCheck,
    Rounds,
    Scatter,
    State,
    Value,
    arrays_of,
    entry_of,
    freeze,
    snapshot,
)
from peer.protocol.errors import DivergedError, PayloadError, ProgramError
from peer.protocol.payload import EMPTY, Payload, Tensor


@dataclass(slots=True)  # not frozen: made for every message
class RoundCommand:
    """Enter a round: ``outgoing`` by neighbour, and from whom something is expected."""

    label: str
    outgoing: Mapping[str, Payload]
    expected: frozenset[str]


@dataclass(frozen=True, slots=True)
class CheckpointCommand:
    """Take a checkpoint of this state."""

    state: State


@dataclass(frozen=True, slots=True)
class ProgressCommand:
    """Numbers of this peer worth showing; ``estimate`` is for measuring only."""

    iteration: int
    metrics: Mapping[str, float]
    estimate: Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class FinalCommand:
    """The program has ended with this result, arrays of a block of one: ``U`` is (1, d, r), ``B`` (tasks, r)."""

    result: dict[str, Array]


Command = RoundCommand | CheckpointCommand | ProgressCommand | FinalCommand


class Interpreter:
    """One program at one peer.

    Parameters
    ----------
    start : callable
        ``start(neighbours, state)`` makes the program's generator.
    neighbours : Neighbours
        Of this peer: a block of one.
    name : str
        This peer, for messages.
    diameter : int
        Of the network: as many rounds make a maximum known everywhere.
    state : mapping
        Of the checkpoint to resume from; empty at the first start.

    Attributes
    ----------
    light : bool
        Whether the next segment is a short combine that may run in place.
    exchanged : (Value, sequence of Value) or None
        Of the round that was decoded last: the own value and those of the neighbours, without leading axes. None
        where a peer has no one value that its neighbours' are like: a value for each edge, a maximum on its way.
    """

    def __init__(
        self,
        start: Callable[[Neighbours, State], Rounds[dict[str, Array]]],
        neighbours: Neighbours,
        name: str,
        diameter: int,
        state: Mapping[str, Any],
    ) -> None:
        self._name = name
        self._neighbours = neighbours
        self._everyone = frozenset(neighbours.edge_names)
        self._program = _with_floods(start(neighbours, dict(state)), diameter, name)
        self._reply: Received | None = None
        self._request: Broadcast | Scatter | None = None
        self._requests = RequestCheck(peers=1)
        self._result: dict[str, Array] | None = None
        self.light = False
        self.exchanged: tuple[Value, Sequence[Value]] | None = None

    def advance(self) -> Request[Any] | None:
        """Run the program's next segment; None when it has ended.

        Raises
        ------
        ProgramError
            If the program gives up, or a linear algebra error ends the segment.
        """
        reply, self._reply = self._reply, None
        try:
            if self.light:
                return self._program.send(reply)
            # Numbers that overflow are caught where they would be sent, with the peer's name.
            with np.errstate(over="ignore", invalid="ignore"):
                return self._program.send(reply)
        except StopIteration as end:
            self._result = end.value
            return None
        except (np.linalg.LinAlgError, RunFailed) as error:
            raise ProgramError(
                f"{self._name}: the program cannot go on after iteration {self._requests.iteration}: {error}"
            ) from error

    def encode(self, request: Request[Any] | None) -> Command:
        """Turn what ``advance`` returned into a command.

        Raises
        ------
        DivergedError
            If an own value is not finite.
        ProgramError
            If the request's label or numbers are none that a driver can do anything with.
        """
        try:
            self._requests.check(request)
        except ContractError as error:
            raise ProgramError(
                f"{self._name}: after iteration {self._requests.iteration}: {error}"
            ) from error
        if isinstance(request, (Broadcast, Scatter)):
            self._request = request
            self.light = request.light
            return self._round(request)
        self._request = None
        self.light = False
        if request is None:
            assert self._result is not None
            return FinalCommand({key: self._own_result(key, value) for key, value in self._result.items()})
        if isinstance(request, Checkpoint):
            return CheckpointCommand(snapshot(request.state))
        assert isinstance(request, Progress)
        metrics = {key: float(value[0]) for key, value in request.metrics.items()}
        estimate = {key: value[0] for key, value in request.estimate.items()}
        return ProgressCommand(self._requests.iteration, metrics, estimate)

    def decode(self, values: Mapping[str, Payload]) -> None:
        """Take the neighbours' payloads of the round as the program's next reply.

        Raises
        ------
        PayloadError
            If a neighbour's value has another dtype, shape or length than ours, or is not finite.
        """
        assert self._request is not None
        request = self._request
        own = request.value if isinstance(request, Broadcast) else request.values
        label = request.label
        decoded = {name: _decode(payload, own, name, label) for name, payload in values.items()}
        self._reply = Received.of_peer(self._neighbours, decoded, own)
        comparable = isinstance(request, Broadcast) and not isinstance(request, FloodRound)
        self.exchanged = (entry_of(own, 0), tuple(decoded.values())) if comparable else None

    def _round(self, request: Broadcast | Scatter) -> RoundCommand:
        names = self._neighbours.edge_names
        if isinstance(request, Broadcast):
            freeze(request.value)
            # Only what is sent has to be finite: the same in every driver.
            receivers = names if request.send is None else list(compress(names, request.send))
            payload = self._encode(entry_of(request.value, 0), request.label) if receivers else EMPTY
            payloads = dict.fromkeys(receivers, payload)
        else:
            freeze(request.values)
            payloads = {
                n: self._encode(entry_of(request.values, e), request.label)
                for e, n in enumerate(names)
                if request.send is None or request.send[e]
            }
        expected = self._everyone
        if request.receive is not None:
            expected = frozenset(n for e, n in enumerate(names) if request.receive[e])
        return RoundCommand(request.label, payloads, expected)

    def _encode(self, entry: Value, label: str) -> Payload:
        tensors = []
        for array in arrays_of(entry):
            if not _finite(array):
                raise DivergedError(
                    f"{self._name}: its own value is not finite in {label}, after iteration "
                    f"{self._requests.iteration}: the run has diverged here; "
                    "try a smaller step.c_eta or more agreement.rounds"
                )
            dtype, name = _on_the_wire(array.dtype)
            tensors.append(Tensor(name, array.shape, array.astype(dtype, copy=False).tobytes()))
        return tuple(tensors)

    def _own_result(self, key: str, value: Array) -> Array:
        if not _finite(value):
            raise DivergedError(
                f"{self._name}: its result {key} is not finite: the run has diverged here; try a smaller step.c_eta"
            )
        return value


class FloodRound(Broadcast):
    """One round of a maximum: what the peers have in it is not to become alike by averaging."""


def _with_floods(program: Rounds[dict[str, Array]], diameter: int, name: str) -> Rounds[dict[str, Array]]:
    """Expand each FloodMax into rounds: after ``diameter`` of them every peer has seen every value."""
    reply: Any = None
    while True:
        try:
            request = program.send(reply)
        except StopIteration as end:
            result: dict[str, Array] = end.value
            return result
        if isinstance(request, FloodMax):
            reply = yield from _flood_max(request, diameter, name)
        else:
            reply = yield request


def _flood_max(request: FloodMax, diameter: int, name: str) -> Rounds[float]:
    if np.isnan(request.value[0]):
        raise DivergedError(
            f"{name}: its own value is not a number in {request.label}: the run has diverged here"
        )
    value = np.array(request.value, dtype=np.float64)
    for k in range(1, diameter + 1):
        received = yield from FloodRound(value, request.label, light=k < diameter)
        value = np.maximum(value, np.max(np.asarray(received.edges), axis=0, keepdims=True))
    return float(value[0])


def _decode(payload: Payload, own: Value, neighbour: str, label: str) -> Value:
    """Read a neighbour's value; ``own`` is of the same kind, dtype and trailing shape in every round."""
    count = len(own) if isinstance(own, tuple) else 1
    if len(payload) != count:
        raise _mismatch(neighbour, label, f"{len(payload)} arrays", f"{count} arrays")
    if isinstance(own, np.ndarray):
        return _decode_array(payload[0], own, neighbour, label)
    if isinstance(own, tuple):
        return tuple(_decode_array(t, part, neighbour, label) for t, part in zip(payload, own, strict=True))
    tensor = payload[0]
    if tensor.dtype != "|u1" or len(tensor.shape) != 1:
        raise _mismatch(neighbour, label, f"{tensor.dtype} of shape {tensor.shape}", "|u1 of one axis")
    if len(tensor.data) != tensor.shape[0]:
        raise _mismatch(neighbour, label, f"{len(tensor.data)} bytes", f"{tensor.shape[0]} bytes")
    return np.frombuffer(tensor.data, dtype=np.uint8)


def _decode_array(tensor: Tensor, own: Array, neighbour: str, label: str) -> Array:
    dtype, name = _on_the_wire(own.dtype)
    shape = own.shape[1:]
    if tensor.shape != shape or tensor.dtype != name:
        raise _mismatch(
            neighbour, label, f"{tensor.dtype} of shape {tensor.shape}", f"{name} of shape {shape}"
        )
    if len(tensor.data) != own.nbytes // own.shape[0]:
        raise _mismatch(neighbour, label, f"{len(tensor.data)} bytes", f"{own.nbytes // own.shape[0]} bytes")
    array = np.frombuffer(tensor.data, dtype=dtype).reshape(shape)
    if not _finite(array):
        raise PayloadError(
            f"{neighbour} sent a value that is not finite (NaN or Inf) in {label}; look at its log"
        )
    return array


def _mismatch(neighbour: str, label: str, found: str, expected: str) -> PayloadError:
    return PayloadError(
        f"{neighbour} sent {found} in {label}, expected {expected}: check that it runs the same version and spec"
    )


@lru_cache(maxsize=64)
def _on_the_wire(dtype: np.dtype[Any]) -> tuple[np.dtype[Any], str]:
    """The little-endian form of a dtype, and its name in messages."""
    little = dtype.newbyteorder("<")
    return little, little.str


def _finite(array: Array) -> bool:
    if array.dtype.kind != "f":
        return True
    # NaN and Inf survive in the sum of squares, one product. Of its own overflow vdot, unlike dot, does not warn.
    return isfinite(np.vdot(array, array)) or bool(np.isfinite(array).all())
