"""What a network file promises: connection, weights, speed of agreement, bytes per round."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topology.errors import InputError
from topology.mixing import gamma, mixing_matrix
from topology.network import MixingRule, Network
from topology.prediction import AgreementCost, agreement_costs, payload_bytes, rounds_to
from topology.weakness import find_weaknesses

__all__ = ["LintReport", "lint_network"]

# Sums of at most a few thousand weights.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class LintReport:
    """Properties of a network and its mixing matrix W.

    Parameters
    ----------
    name : str
        The network's name.
    mixing : str
        The mixing rule.
    num_peers, num_edges : int
        Size.
    connected : bool
        Always true: a disconnected network is refused when it is read.
    bipartite : bool
        Whether the peers fall into two groups with edges between the groups only.
    diameter : int
        Most hops between two peers.
    degrees : dict of str to int
        Number of neighbours by peer.
    symmetric, doubly_stochastic : bool
        Whether W equals its transpose; whether its rows and columns sum to one.
    gamma, spectral_gap : float
        Contraction per agreement round, max(|λ₂|, |λ_L|) of W, and one minus it.
    rounds_to_1e_2, rounds_to_1e_6 : int or None
        Agreement rounds that shrink the disagreement to this fraction,
        ⌈log(1/ε) / log(1/gamma)⌉; None where it never shrinks.
    payload_bytes_per_round : int or None
        All peers together, for a (dim, rank) float64 basis: 2 · edges · dim · rank · 8.
    worst_peer_payload_bytes_per_round : int or None
        Sent by a peer with the most neighbours.
    agreement_costs : tuple of AgreementCost
        Rounds and bytes to shrink the disagreement to 1e-2, 1e-4, 1e-6, 1e-8.
    warnings : tuple of str
        What may go wrong, with the mend.
    """

    name: str
    mixing: MixingRule
    num_peers: int
    num_edges: int
    connected: bool
    bipartite: bool
    diameter: int
    degrees: dict[str, int]
    symmetric: bool
    doubly_stochastic: bool
    gamma: float
    spectral_gap: float
    rounds_to_1e_2: int | None
    rounds_to_1e_6: int | None
    payload_bytes_per_round: int | None
    worst_peer_payload_bytes_per_round: int | None
    agreement_costs: tuple[AgreementCost, ...]
    warnings: tuple[str, ...]


def lint_network(network: Network, dim: int | None = None, rank: int | None = None) -> LintReport:
    """Examine a network.

    Parameters
    ----------
    network : Network
        The network.
    dim, rank : int, optional
        Shape of the basis that travels, both or neither; only for the predicted bytes.

    Returns
    -------
    LintReport
        The findings.

    Raises
    ------
    InputError
        If only one of dim and rank is given, or 1 ≤ rank ≤ dim does not hold.
    """
    per_round = _payload_bytes(network, dim, rank)
    total, worst = (None, None) if per_round is None else per_round
    W = mixing_matrix(network)
    contraction = gamma(W)
    ones = np.ones(len(W))
    doubly_stochastic = bool(
        (W >= 0).all() and np.allclose([W.sum(axis=0), W.sum(axis=1)], [ones, ones], rtol=0, atol=_ROUNDING)
    )
    bipartite = _is_bipartite(network.adjacency)
    return LintReport(
        name=network.name,
        mixing=network.mixing,
        num_peers=len(network.names),
        num_edges=len(network.edges),
        connected=True,
        bipartite=bipartite,
        diameter=network.diameter,
        degrees={name: len(network.neighbours(name)) for name in network.names},
        symmetric=bool(np.array_equal(W, W.T)),
        doubly_stochastic=doubly_stochastic,
        gamma=contraction,
        spectral_gap=1 - contraction,
        rounds_to_1e_2=rounds_to(1e-2, contraction),
        rounds_to_1e_6=rounds_to(1e-6, contraction),
        payload_bytes_per_round=total,
        worst_peer_payload_bytes_per_round=worst,
        agreement_costs=agreement_costs(contraction, per_round),
        warnings=tuple(
            find_weaknesses(
                network, contraction=contraction, doubly_stochastic=doubly_stochastic, bipartite=bipartite
            )
        ),
    )


def _payload_bytes(network: Network, dim: int | None, rank: int | None) -> tuple[int, int] | None:
    if dim is None and rank is None:
        return None
    if dim is None or rank is None:
        missing = "dim" if dim is None else "rank"
        raise InputError("bytes need dim and rank", field=missing, mend="give both or neither")
    if not 1 <= rank <= dim:
        raise InputError(f"found {rank} with dim {dim}", field="rank", mend="give 1 ≤ rank ≤ dim")
    return payload_bytes(network, dim, rank)


def _is_bipartite(adjacency: NDArray[np.bool_]) -> bool:
    side = np.zeros(len(adjacency), dtype=np.int8)  # 1 and -1; 0 where the search has not been
    side[0], frontier = 1, np.array([0])
    while frontier.size:
        reached = adjacency[frontier].any(axis=0)
        if (side[reached] == side[frontier[0]]).any():
            return False
        fresh = reached & (side == 0)
        side[fresh] = -side[frontier[0]]
        frontier = np.flatnonzero(fresh)
    return True
