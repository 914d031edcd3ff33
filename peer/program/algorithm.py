"""An algorithm: its program, with what drivers need to know of it beforehand."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from reprlib import repr as short_repr
from typing import Any

from peer.config import RunSpec
from peer.program.bounds import is_label
from peer.program.errors import ContractError
from peer.program.facts import Facts
from peer.program.neighbours import Neighbours
from peer.program.requests import Rounds
from peer.program.streams import Streams
from peer.program.values import Array, State
from topology.network import Network

__all__ = ["Algorithm", "Program"]

Program = Callable[[Any, Any, Neighbours, Streams, State], Rounds[dict[str, Array]]]
"""``program(problem, spec, neighbours, streams, state)``; a result is, for example, ``{"U": (P, d, r)}``."""


@dataclass(frozen=True)
class Algorithm:
    """One algorithm: what an entry point of the group ``difpeer.algorithms`` names.

    Parameters
    ----------
    program : Program
        The algorithm itself.
    spec_type : type
        The model of its specification, derived from :class:`peer.config.RunSpec`. A field ``iterations`` is shown
        with the progress.
    interval_rounds : callable
        ``(spec, network) -> int``: most rounds between two checkpoints; a FloodMax counts as many as the
        network's diameter. What a peer keeps for its neighbours is bounded by it, so a program that makes more
        is stopped.
    schedule : callable, optional
        ``(spec, network, facts) -> [(label, rounds, payload bytes of one message)]`` of a run that uses all
        its iterations; every round sends one message in each direction of every edge. Without it nothing is
        predicted, and a message that is too long for a stream is refused when it is to be sent.
    """

    program: Program
    spec_type: type[RunSpec]
    interval_rounds: Callable[[Any, Network], int]
    schedule: Callable[[Any, Network, Facts], list[tuple[str, int, int]]] | None = None

    def predicted(self, spec: RunSpec, network: Network, facts: Facts) -> list[tuple[str, int, int]] | None:
        """Return the schedule of a run; None where the algorithm predicts nothing.

        Raises
        ------
        ContractError
            If the algorithm's schedule fails, or is none.
        """
        if self.schedule is None:
            return None
        try:
            return [_checked(entry) for entry in self.schedule(spec, network, facts)]
        except (Exception, SystemExit) as error:  # an author's code may raise anything
            raise ContractError(
                f"the schedule of {spec.algorithm} fails: {type(error).__name__}: {error}"
            ) from error


def _checked(entry: Any) -> tuple[str, int, int]:  # noqa: ANN401 - whatever an author may have written
    """One entry of a schedule, its numbers as int: what is predicted is compared, multiplied and written."""
    try:
        label, rounds, size = entry
        rounds, size = int(operator.index(rounds)), int(operator.index(size))
        if isinstance(label, str) and is_label(label) and rounds >= 0 and size >= 0:
            return label, rounds, size
    except (TypeError, ValueError):
        pass  # told as any other entry that is none
    raise ValueError(
        f"{short_repr(entry)} is not (label, rounds, payload bytes of one message), two whole numbers from 0 on"
    )
