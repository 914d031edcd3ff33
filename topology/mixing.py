"""Weights with which neighbours' values are combined, and how fast they bring agreement.

scipy is imported only for large networks and only here: a peer process needs `peer_weights` alone.
"""

import numpy as np
from numpy.typing import NDArray

from topology.network import Network

__all__ = ["gamma", "mixing_matrix", "peer_weights", "spectral_gap"]

# Up to here LAPACK's dense solver takes a fraction of a second; Lanczos pays only beyond.
_DENSE_LIMIT = 1000


def peer_weights(network: Network, name: str) -> tuple[float, dict[str, float]]:
    """The weights of one peer: its row of the mixing matrix.

    With degrees d, peer g gives neighbour j the weight

    - ``metropolis``: 1 / (1 + max(d_g, d_j));
    - ``lazy-metropolis``: half of that;
    - ``max-degree``: 1 / (1 + d_max);
    - ``uniform``: 1 / d_g, and itself nothing (not doubly stochastic unless all degrees are equal).

    Parameters
    ----------
    network : Network
        The network with its rule.
    name : str
        The peer.

    Returns
    -------
    own : float
        The own weight: one minus the neighbours' weights, summed in the order of names from 0.0,
        so that every driver gets the same bits.
    weights : dict of str to float
        The neighbours' weights, in the order of names.

    Raises
    ------
    InputError
        If there is no such peer.
    """
    neighbours = network.neighbours(name)
    degree = len(neighbours)
    match network.mixing:
        case "metropolis":
            weights = {other: 1 / (1 + max(degree, len(network.neighbours(other)))) for other in neighbours}
        case "lazy-metropolis":
            weights = {other: 0.5 / (1 + max(degree, len(network.neighbours(other)))) for other in neighbours}
        case "max-degree":
            weight = 1 / (1 + max(len(network.neighbours(other)) for other in network.names))
            weights = dict.fromkeys(neighbours, weight)
        case "uniform":
            return 0.0, dict.fromkeys(neighbours, 1 / degree)
    total = 0.0
    for weight in weights.values():
        total += weight
    return 1 - total, weights


def mixing_matrix(network: Network) -> NDArray[np.float64]:
    """The mixing matrix W: one round of agreement takes the peers' values Z to W Z.

    Parameters
    ----------
    network : Network
        The network with its rule.

    Returns
    -------
    ndarray
        Shape (L, L), float64, peers in the order of their names; row g has the bits of
        ``peer_weights(network, g)``.
    """
    matrix = np.zeros((len(network.names), len(network.names)))
    for row, name in enumerate(network.names):
        matrix[row, row], weights = peer_weights(network, name)
        for other, weight in weights.items():
            matrix[row, network.index(other)] = weight
    return matrix


def gamma(W: NDArray[np.float64]) -> float:
    """Contraction per round of agreement: max(|λ₂|, |λ_L|) of the mixing matrix.

    Parameters
    ----------
    W : ndarray
        Shape (L, L), from `mixing_matrix`: rows sum to one; symmetric, or D⁻¹A as ``uniform``
        makes it.

    Returns
    -------
    float
        From 0 (agreement in one round) to 1 (never: a bipartite network without self weights).
    """
    # D⁻¹A is similar to D^-½ A D^-½, whose entries are √(W_ij W_ji); its first eigenvector is √d.
    S = W if np.array_equal(W, W.T) else np.sqrt(W * W.T)
    # In both cases S has the eigenvalue 1, for a positive eigenvector; all others lie in [-1, 1].
    if len(S) <= _DENSE_LIMIT:
        values = np.linalg.eigvalsh(S)
        return float(max(abs(values[0]), abs(values[-2])))
    return _gamma_large(S, W)


def _gamma_large(S: NDArray[np.float64], W: NDArray[np.float64]) -> float:
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import LinearOperator, eigsh

    # Take the known eigenvalue 1 out, then the largest in size is what is asked for.
    degrees = np.count_nonzero(W, axis=1) if S is not W else np.ones(len(S))
    top = np.sqrt(degrees / degrees.sum())
    sparse = csr_array(S)
    deflated = LinearOperator(
        S.shape, matvec=lambda v: sparse @ v.ravel() - top * (top @ v.ravel()), dtype=np.float64
    )
    start = np.random.default_rng(0).standard_normal(len(S))  # else ARPACK starts from its own state
    values = eigsh(deflated, k=1, which="LM", v0=start, ncv=60, tol=1e-12, return_eigenvectors=False)
    return float(abs(values[0]))


def spectral_gap(W: NDArray[np.float64]) -> float:
    """One minus `gamma`: larger is faster.

    Parameters
    ----------
    W : ndarray
        Shape (L, L), from `mixing_matrix`.

    Returns
    -------
    float
        From 0 to 1.
    """
    return 1 - gamma(W)
