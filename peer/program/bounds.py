"""What a driver can do with a request: bounds of its label and its numbers, the same in every driver.

A peer that took more would break where the request is not any more: at a neighbour, in the ledger, in a status.
"""

import operator
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from peer.program.errors import ContractError
from peer.program.requests import Broadcast, Checkpoint, FloodMax, Progress, Request, Scatter

__all__ = [
    "MAX_COUNT",
    "MAX_LABEL_CHARS",
    "MAX_METRICS",
    "RequestCheck",
    "array_kind",
    "is_label",
    "not_a_request",
    "require_parts",
    "shown",
]

MAX_COUNT = 2**63 - 1
MAX_LABEL_CHARS = 64
MAX_METRICS = 255
"""Of a program; with the distance to the truth, which its peer measures, there are 256."""

_REAL = "biuf"
"""Kinds of dtypes that are real numbers."""

_SHOWN_CHARS = 80


def shown(text: str) -> str:
    """A foreign text for an error: quoted, without control characters, of bounded length."""
    if len(text) <= _SHOWN_CHARS:
        return ascii(text)
    return f"{text[:_SHOWN_CHARS]!a}... ({len(text)} characters)"


def is_label(text: str, limit: int = MAX_LABEL_CHARS) -> bool:
    """Whether a text is short and printable, as logs, metrics and tables need it; it may be empty."""
    return len(text) <= limit and _is_printable(text)


@lru_cache(maxsize=256)  # the same few in every round; long ones, which a stranger may send, never come here
def _is_printable(text: str) -> bool:
    return text.isprintable()


def not_a_request(who: str, found: object) -> ContractError:
    """The error for something else that was yielded."""
    return ContractError(
        f"{who} yields a {type(found).__name__}, not a request; write `reply = yield from Broadcast(value, label)`"
    )


def array_kind(found: object) -> str:
    """What something is, for an error: ``an array of complex128``, ``a list``."""
    return f"an array of {found.dtype}" if isinstance(found, np.ndarray) else f"a {type(found).__name__}"


def require_parts(request: Progress) -> None:
    """Raise ContractError where the metrics or the estimate are no dict."""
    for which, found in (("metrics", request.metrics), ("estimate", request.estimate)):
        if not isinstance(found, Mapping):
            raise ContractError(
                f"Progress has {which} of type {type(found).__name__}; it takes a dict, {{}} for none"
            )


class RequestCheck:
    """Checks the requests of one program, in their order.

    Parameters
    ----------
    peers : int
        In the program's block.

    Attributes
    ----------
    iteration : int
        What the newest Progress has told; 0 before the first.
    """

    def __init__(self, peers: int) -> None:
        self.iteration = 0
        self._peers = peers

    def check(self, request: Request[Any] | None) -> None:
        """Take a program's next request, None at its end.

        Raises
        ------
        ContractError
            If no driver can do what it asks for; the text names the author's mistake.
        """
        match request:
            case Broadcast() | Scatter() | FloodMax():
                _check_label(type(request).__name__, request.label)
            case Progress():
                self._check_progress(request)
            case None | Checkpoint():
                pass
            case _:
                raise not_a_request("the program", request)

    def _check_progress(self, request: Progress) -> None:
        iteration = _whole(request.iteration)
        if iteration is None or not 0 <= iteration <= MAX_COUNT:
            found = f"{request.iteration} " if isinstance(request.iteration, int | float) else ""
            raise ContractError(
                f"Progress has the iteration {found}of type {type(request.iteration).__name__}; it is a whole number "
                "of iterations done, 0 at the start"
            )
        if iteration < self.iteration:
            raise ContractError(
                f"Progress has the iteration {iteration} after {self.iteration}; iterations never fall"
            )
        require_parts(request)
        _check_metrics(request.metrics, self._peers)
        _check_estimate(request.estimate, self._peers)
        self.iteration = iteration


def _check_label(kind: str, label: object) -> None:
    if not isinstance(label, str) or not is_label(label):
        raise ContractError(
            f"{kind} has the label {_found(label)}; a label is a str of at most {MAX_LABEL_CHARS} printable characters"
        )


def _whole(number: Any) -> int | None:  # noqa: ANN401 - whatever an author may have yielded
    try:
        return int(operator.index(number))
    except TypeError:
        return None


def _check_metrics(metrics: Mapping[Any, Any], peers: int) -> None:
    if len(metrics) > MAX_METRICS:
        raise ContractError(f"Progress has {len(metrics)} metrics; it takes at most {MAX_METRICS}")
    for name, value in metrics.items():
        if not isinstance(name, str) or not name or not is_label(name):
            raise ContractError(
                f"Progress has a metric of the name {_found(name)}; a name is a str of 1 to {MAX_LABEL_CHARS} "
                "printable characters"
            )
        if not isinstance(value, np.ndarray) or value.dtype.kind not in _REAL:
            raise ContractError(
                f"the metric {name!r} of Progress is {array_kind(value)}; it has to be one real number"
            )
        _check_peers(f"the metric {name!r} of Progress", value, peers)
        if value.ndim != 1:
            raise ContractError(
                f"the metric {name!r} of Progress has the shape {value.shape[1:]} at each peer; "
                "it has to be one real number"
            )


def _check_estimate(estimate: Mapping[Any, Any], peers: int) -> None:
    for name, value in estimate.items():
        if not isinstance(value, np.ndarray):
            raise ContractError(
                f"the estimate {_found(name)} of Progress is {array_kind(value)}, not an array"
            )
        _check_peers(f"the estimate {_found(name)} of Progress", value, peers)


def _check_peers(what: str, value: np.ndarray, peers: int) -> None:
    if value.ndim == 0 or len(value) != peers:
        raise ContractError(
            f"rule 1: {what} has no axis of the peers: its shape is {value.shape}, its first length has to be {peers}"
        )


def _found(value: object) -> str:
    return shown(value) if isinstance(value, str) else f"of type {type(value).__name__}"
