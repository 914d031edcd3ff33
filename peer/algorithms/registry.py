"""The algorithms by name, with what drivers need to know of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from peer.algorithms.dif_altgdmin import dif_altgdmin
from peer.config import DifAltgdminSpec, RunSpec
from peer.program import Facts, Program
from topology.errors import InputError, name_hint
from topology.network import Network

__all__ = ["Algorithm", "algorithm"]


@dataclass(frozen=True)
class Algorithm:
    """One algorithm.

    Attributes
    ----------
    name : str
        As in the run specification.
    spec_type : type
        The model of its specification.
    program : Program
        The algorithm itself.
    interval_rounds : callable
        ``(spec, network) -> int``: most rounds between two checkpoints; a FloodMax counts as many as the
        network's diameter.
    schedule : callable
        ``(spec, network, facts) -> [(label, rounds, payload bytes of one message)]`` of a run that uses all
        its iterations; every round sends one message in each direction of every edge.
    """

    name: str
    spec_type: type[RunSpec]
    program: Program
    interval_rounds: Callable[[Any, Network], int]
    schedule: Callable[[Any, Network, Facts], list[tuple[str, int, int]]]


def _dif_interval(spec: DifAltgdminSpec, network: Network) -> int:
    flood = 0 if spec.tolerance is None else network.diameter
    return max(spec.init.agreement_rounds, spec.checkpoint_every * (spec.agreement.rounds + flood))


def _dif_schedule(spec: DifAltgdminSpec, network: Network, facts: Facts) -> list[tuple[str, int, int]]:
    basis = facts.dim * spec.rank * 8
    init = spec.init
    phases = [
        ("init.threshold", init.agreement_rounds, 8),
        ("init.power", init.power_iterations * init.agreement_rounds, basis),
        ("descent", spec.iterations * spec.agreement.rounds, basis),
    ]
    if spec.tolerance is not None:
        phases.append(("stop", spec.iterations * network.diameter, 8))
    return phases


_ALGORITHMS = {
    entry.name: entry
    for entry in (Algorithm("dif-altgdmin", DifAltgdminSpec, dif_altgdmin, _dif_interval, _dif_schedule),)
}


def algorithm(name: str) -> Algorithm:
    """Return the algorithm of a name; raises InputError with the known names."""
    if name not in _ALGORITHMS:
        raise InputError(
            f"there is no algorithm {name!r}", field="algorithm", mend=name_hint(name, _ALGORITHMS)
        )
    return _ALGORITHMS[name]
