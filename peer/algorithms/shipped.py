"""The algorithms that come with difpeer, with what drivers need to know of them."""

from collections.abc import Mapping

from peer.algorithms.dif_altgdmin import dif_altgdmin
from peer.config import DifAltgdminSpec
from peer.program import Algorithm, Facts
from topology.network import Network

__all__ = ["SHIPPED"]


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


SHIPPED: Mapping[str, Algorithm] = {
    "dif-altgdmin": Algorithm(dif_altgdmin, DifAltgdminSpec, _dif_interval, _dif_schedule),
}
"""By name, as in the run specification."""
