"""What an agreement will cost, told before anything runs."""

from dataclasses import dataclass
from math import ceil, log

from topology.network import Network

__all__ = ["ACCURACIES", "NEVER", "AgreementCost", "agreement_costs", "payload_bytes", "rounds_to"]

ACCURACIES = (1e-2, 1e-4, 1e-6, 1e-8)
"""Fractions of the disagreement that may be left."""

NEVER = 1 - 1e-12
"""From this contraction on it is rounding of LAPACK's eigenvalues, and peers never agree."""

_FLOAT64_BYTES = 8


@dataclass(frozen=True)
class AgreementCost:
    """What it takes to shrink the disagreement to a fraction.

    Attributes
    ----------
    accuracy : float
        The fraction.
    rounds : int or None
        Rounds with the neighbours; None where the peers never agree.
    payload_bytes : int or None
        Sent by all peers together; None where no shape of a basis is given, or the peers never agree.
    worst_peer_payload_bytes : int or None
        Likewise, sent by a peer with the most neighbours.
    """

    accuracy: float
    rounds: int | None
    payload_bytes: int | None
    worst_peer_payload_bytes: int | None


def rounds_to(fraction: float, contraction: float) -> int | None:
    """Rounds after which the disagreement has shrunk to a fraction: ``⌈log(1/ε) / log(1/gamma)⌉``.

    Parameters
    ----------
    fraction : float
        ε, between 0 and 1.
    contraction : float
        gamma, from `topology.mixing.gamma`.

    Returns
    -------
    int or None
        At least 1; None where it never shrinks.
    """
    if contraction >= NEVER:
        return None
    if contraction <= 1 - NEVER:
        return 1
    return ceil(log(1 / fraction) / log(1 / contraction))


def payload_bytes(network: Network, dim: int, rank: int) -> tuple[int, int]:
    """Bytes of one round in which every peer sends a float64 basis to each neighbour.

    Parameters
    ----------
    network : Network
        The network.
    dim, rank : int
        Shape of the basis.

    Returns
    -------
    total : int
        Sent by all peers: 2 · edges · dim · rank · 8.
    worst : int
        Sent by a peer with the most neighbours.
    """
    basis = dim * rank * _FLOAT64_BYTES
    return 2 * len(network.edges) * basis, max(map(len, map(network.neighbours, network.names))) * basis


def agreement_costs(contraction: float, per_round: tuple[int, int] | None) -> tuple[AgreementCost, ...]:
    """Predict rounds and bytes for each of `ACCURACIES`.

    Parameters
    ----------
    contraction : float
        gamma of the network.
    per_round : (int, int), optional
        From `payload_bytes`.

    Returns
    -------
    tuple of AgreementCost
        One for each accuracy.
    """
    costs = []
    for accuracy in ACCURACIES:
        rounds = rounds_to(accuracy, contraction)
        total, worst = (None, None)
        if per_round is not None and rounds is not None:
            total, worst = rounds * per_round[0], rounds * per_round[1]
        costs.append(AgreementCost(accuracy, rounds, total, worst))
    return tuple(costs)
