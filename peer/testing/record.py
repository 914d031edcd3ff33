"""What a program asked and was told, in a form that can be compared bit by bit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from peer.program import (
    Array,
    Broadcast,
    Checkpoint,
    ContractError,
    FloodMax,
    Neighbours,
    Program,
    Progress,
    Request,
    RequestCheck,
    Rounds,
    Scatter,
    State,
    Streams,
)

__all__ = ["Content", "Recording", "Step", "content", "difference", "join", "result_content"]

Content = dict[str, Any]
"""Names of the parts of a request, or of a result, with their arrays, lists of arrays and plain values."""


@dataclass(frozen=True)
class Step:
    """One request: the request itself, what it held when it was yielded, and its reply."""

    request: Request[Any]
    content: Content
    reply: Any


@dataclass
class Recording:
    """All that one run of a program yielded, filled while it runs.

    Attributes
    ----------
    name : str
        The peer, or "the block".
    steps : list of Step
        In order.
    result : dict of str to array
        Empty until the end.
    """

    name: str
    steps: list[Step] = field(default_factory=list)
    result: dict[str, Array] = field(default_factory=dict)

    def of(self, program: Program) -> Program:
        """Return the program with its requests and replies recorded, and with errors that name the rule."""

        def recorded(
            problem: object, spec: object, neighbours: Neighbours, streams: Streams, state: State
        ) -> Rounds[dict[str, Array]]:
            generator = program(problem, spec, neighbours, streams, state)
            requests = RequestCheck(peers=len(neighbours.index))
            reply: Any = None
            while True:
                try:
                    request = generator.send(reply)
                except StopIteration as end:
                    self.result = end.value
                    return self.result
                except ValueError as error:
                    if "read-only" not in str(error):
                        raise
                    raise ContractError(
                        f"rule 4: {self.name} changed what it had yielded: {error}"
                    ) from error
                requests.check(request)
                held = content(request)
                # a state is a dict that lives on: keep which arrays it held
                shown = Checkpoint(dict(request.state)) if isinstance(request, Checkpoint) else request
                reply = yield request
                self.steps.append(Step(shown, held, reply))

        return recorded

    def require_unchanged(self) -> None:
        """Raise ContractError where a yielded value has another content now, by a view of it for example."""
        for position, step in enumerate(self.steps):
            changed = difference(step.content, content(step.request))
            if changed:
                raise ContractError(
                    f"rule 4: {self.name} changed what it had yielded as request {position}: {changed}"
                )


def content(request: Request[Any]) -> Content:
    """Return a copy of all that a request holds."""
    match request:
        case Broadcast(value, label, send, receive):
            return {"kind": "Broadcast", "label": label, **_parts(value), "send": send, "receive": receive}
        case Scatter(values, label, send, receive):
            return {"kind": "Scatter", "label": label, **_parts(values), "send": send, "receive": receive}
        case FloodMax(value, label):
            return {"kind": "FloodMax", "label": label, **_parts(value)}
        case Checkpoint(state):
            return {"kind": "Checkpoint", **{f"state {key!r}": _copy(entry) for key, entry in state.items()}}
        case Progress(iteration, metrics, estimate):
            shown = {**metrics, **{f"estimate {key!r}": entry for key, entry in estimate.items()}}
            return {"kind": "Progress", "iteration": iteration, **{k: _copy(v) for k, v in shown.items()}}
    raise ContractError(f"{request!r} is not a request")


def result_content(result: Mapping[str, Array]) -> Content:
    """Return a copy of a program's result."""
    return {"kind": "result", **{key: _copy(entry) for key, entry in result.items()}}


def difference(expected: Content, found: Content) -> str | None:
    """Say in which part two contents differ by a bit; None where they do not."""
    if expected["kind"] != found["kind"] or expected.get("label") != found.get("label"):
        return f"expected {_title(expected)}, found {_title(found)}"
    for key in expected.keys() | found.keys():
        if key not in expected or key not in found:
            return f"{key} of {_title(expected)} is there only once"
        if not _same(expected[key], found[key]):
            return f"{key} of {_title(expected)}"
    return None


def join(contents: list[Content]) -> Content:
    """Put the same request of all peers together, as the whole block would yield it."""
    joined: Content = {}
    for key, first in contents[0].items():
        entries = [other.get(key) for other in contents]
        if isinstance(first, np.ndarray):
            arrays = [entry for entry in entries if isinstance(entry, np.ndarray) and entry.ndim]
            if len(arrays) < len(entries):
                raise ContractError(f"rule 1: {key} of {_title(contents[0])} has no axis of the peers")
            joined[key] = np.concatenate(arrays)
        elif isinstance(first, list):
            joined[key] = [part for entry in entries for part in entry or ()]
        else:
            if any(not _same(first, entry) for entry in entries):
                raise ContractError(f"rule 2: {key} of {_title(contents[0])} differs between the peers")
            joined[key] = first
    return joined


def _title(of: Content) -> str:
    return f"{of['kind']} {of['label']!r}" if "label" in of else str(of["kind"])


def _parts(value: Any) -> Content:  # noqa: ANN401 - whatever an author may have yielded
    if isinstance(value, tuple):
        return {f"value[{i}]": _copy(part) for i, part in enumerate(value)}
    return {"value": _copy(value)}


def _copy(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, np.ndarray):
        return value.copy()
    return [part.copy() for part in value] if isinstance(value, list) else value


def _same(a: Any, b: Any) -> bool:  # noqa: ANN401
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return type(a) is type(b) and bool(a == b)
