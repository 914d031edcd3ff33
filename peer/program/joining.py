"""The same request of every peer of a block, put together as one request of the block."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from peer.program.bounds import array_kind, require_parts
from peer.program.errors import ContractError
from peer.program.requests import Broadcast, Checkpoint, FloodMax, Progress, Request, Scatter
from peer.program.values import Array, State, Value, entry_of, freeze

__all__ = ["join_requests", "join_results", "title"]

_NUMBERS = "biufc"
"""Kinds of dtypes that are numbers."""


def title(request: Request[Any] | None) -> str:
    """Return what has to be the same at all peers: kind, label, dtypes and shapes."""
    match request:
        case None:
            return "nothing more"
        case Broadcast(value=value):
            return f"Broadcast {request.label!r} of {_shapes(value)}"
        case Scatter(values=value):
            return f"Scatter {request.label!r} of {_shapes(entry_of(value, 0))}"
        case FloodMax(label=label):
            return f"FloodMax {label!r}"
        case _:
            return type(request).__name__


def join_requests(asked: Sequence[tuple[str, Request[Any] | None]], degrees: Array) -> Request[Any]:
    """Put the peers' requests together; what they hold is read-only from now on.

    Parameters
    ----------
    asked : sequence of (str, Request or None)
        Each peer's name and what it asks for, without the axis of the peers; None at its end.
    degrees : int array, shape (P,)
        Neighbours of each peer.

    Raises
    ------
    ContractError
        If they do not ask for the same, or for something that no driver can do.
    """
    for name, request in asked:
        _check(name, request)
    name, first = asked[0]
    wanted = title(first) if len(asked) > 1 else ""
    for other, request in asked[1:]:
        if title(request) != wanted:
            raise ContractError(
                f"{name} asks for {wanted} where {other} asks for {title(request)}: all peers make the same "
                "requests; branch on the spec, the facts, counters, the common stream and FloodMax only"
            )
    requests: list[Any] = [request for _, request in asked]
    names = [name for name, _ in asked]
    match first:
        case Broadcast(label=label, light=light):
            value = _joined([request.value for request in requests])
            return Broadcast(value, label, *_masks(asked, degrees), light)
        case Scatter(label=label, light=light):
            value = _joined([request.values for request in requests], own_axis=True)
            return Scatter(value, label, *_masks(asked, degrees), light)
        case FloodMax(label=label):
            return FloodMax(np.array([float(request.value) for request in requests]), label)
        case Checkpoint():
            return Checkpoint(_joined_state(names, [request.state for request in requests]))
        case Progress(iteration=iteration):
            metrics = _by_key(names, [request.metrics for request in requests])
            estimate = _by_key(names, [request.estimate for request in requests])
            return Progress(iteration, metrics, estimate)
    raise ContractError(f"{name} asks for {title(first)}, which no driver knows")


def join_results(results: Sequence[tuple[str, object]]) -> dict[str, Array]:
    """Put the peers' results together: ``B`` has a row for each task, all else the axis of the peers."""
    for name, result in results:
        if not isinstance(result, Mapping):
            raise ContractError(
                f"{name} returns a {type(result).__name__}; end with `return {{'U': U}}`, a dict of arrays"
            )
    parts: list[Any] = [result for _, result in results]
    return _by_key([name for name, _ in results], parts, whole=("B",))


def _check(name: str, request: Request[Any] | None) -> None:
    match request:
        case Broadcast(value=value):
            request.value = _checked(value, name, request.label)
        case Scatter(values=value):
            request.values = _checked(value, name, request.label)
        case Progress():
            require_parts(request)
        case FloodMax(value=value, label=label) if np.ndim(value) != 0:
            raise ContractError(f"{name}: FloodMax {label!r} takes one number, not {_shapes(value)}")


def _checked(value: Any, name: str, label: str) -> Value:  # noqa: ANN401 - whatever an author may have yielded
    if isinstance(value, float | int | np.generic):
        value = np.asarray(value)
    parts = value if isinstance(value, tuple | list) else (value,)
    for part in parts:
        if not isinstance(part, np.ndarray) or part.dtype.kind not in _NUMBERS:
            raise ContractError(
                f"{name}: {label!r} carries {array_kind(part)}; what travels is an array of numbers, a tuple of them, "
                "or a list with one uint8 vector"
            )
    checked: Value = freeze(value)
    return checked


def _joined(values: list[Any], *, own_axis: bool = False) -> Value:
    """Stack values by peer, or concatenate those that have the axis of the edges."""
    if isinstance(values[0], list):
        return [vector for value in values for vector in value]
    if isinstance(values[0], tuple):
        return tuple(_joined_arrays(list(parts), own_axis) for parts in zip(*values, strict=True))
    return _joined_arrays(values, own_axis)


def _joined_arrays(arrays: list[Array], own_axis: bool) -> Array:
    if len(arrays) == 1:
        return arrays[0] if own_axis else arrays[0][np.newaxis]
    return np.concatenate(arrays) if own_axis else np.stack(arrays)


def _masks(asked: Sequence[tuple[str, Any]], degrees: Array) -> tuple[Array | None, Array | None]:
    return _mask("send", asked, degrees), _mask("receive", asked, degrees)


def _mask(which: str, asked: Sequence[tuple[str, Any]], degrees: Array) -> Array | None:
    masks = [getattr(request, which) for _, request in asked]
    if all(mask is None for mask in masks):
        return None
    whole = []
    for (name, request), mask, degree in zip(asked, masks, degrees, strict=True):
        own = np.ones(degree, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
        if own.shape != (degree,):
            raise ContractError(
                f"{name}: {which} of {title(request)} has the shape {own.shape}, not one entry for each of its "
                f"{degree} neighbours"
            )
        whole.append(own)
    return np.concatenate(whole)


def _joined_state(names: Sequence[str], states: Sequence[State]) -> State:
    first = states[0]
    own = [key for key, entry in first.items() if isinstance(entry, np.ndarray | np.generic | float)]
    for key in first.keys() - own:
        entry = first[key]
        if not isinstance(entry, int):
            raise ContractError(
                f"{names[0]}: the state {key!r} is a {type(entry).__name__}; keep arrays of numbers, int, float and "
                "bool in it"
            )
        for name, state in zip(names, states, strict=True):
            if state.get(key) != entry:
                raise ContractError(
                    f"the state {key!r} is {entry} at {names[0]} and {state.get(key)} at {name}: an int or bool is "
                    "common to all peers; keep what is a peer's own as a float or an array"
                )
    return first | _by_key(names, [{key: state.get(key) for key in own} for state in states])


def _by_key(
    names: Sequence[str], parts: Sequence[Mapping[str, Any]], whole: tuple[str, ...] = ()
) -> dict[str, Array]:
    """Join the peers' arrays and numbers by key; those in ``whole`` have an axis that is no peer's."""
    joined: dict[str, Array] = {}
    for key in parts[0]:
        entries = [np.asarray(part.get(key)) for part in parts]
        for name, entry in zip(names, entries, strict=True):
            if entry.dtype.kind not in _NUMBERS:
                raise ContractError(f"{name}: {key!r} is missing or no array of numbers")
            if key not in whole and entry.shape != entries[0].shape:
                raise ContractError(
                    f"{key!r} has the shape {entries[0].shape} at {names[0]} and {entry.shape} at {name}"
                )
            freeze(entry)
        joined[key] = _joined_arrays(entries, key in whole)
    return joined


def _shapes(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, list):
        return "codes"
    parts = value if isinstance(value, tuple) else (value,)
    return ", ".join(f"{np.asarray(part).dtype}{list(np.shape(part))}" for part in parts)
