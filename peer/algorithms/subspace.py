"""Orthonormal bases and the distances between the subspaces that they span."""

from typing import Literal

import numpy as np

from peer.program import Array

__all__ = ["comparable", "consensus_error", "orthonormality_defect", "orthonormalize", "subspace_distance"]


def orthonormalize(Z: Array) -> tuple[Array, Array]:
    """Return the QR decomposition with a positive diagonal of R.

    With the sign fixed the basis is a continuous function of Z: peers whose Z are close get bases that are
    close, column by column.

    Parameters
    ----------
    Z : array, shape (..., d, r)
        Float64, r <= d.

    Returns
    -------
    Q : array, shape (..., d, r)
        Orthonormal columns.
    R : array, shape (..., r, r)
        Upper triangular, ``Z = Q R``.
    """
    Q, R = np.linalg.qr(Z)
    sign = np.where(np.diagonal(R, axis1=-2, axis2=-1) < 0, -1.0, 1.0)
    return Q * sign[..., np.newaxis, :], R * sign[..., :, np.newaxis]


def subspace_distance(U: Array, U_true: Array, norm: Literal[2, "fro"] = 2) -> Array:
    """Return the norm of ``(I - U U^T) U_true``: 0 for equal subspaces, in the spectral norm at most 1.

    Parameters
    ----------
    U : array, shape (..., d, r)
        Orthonormal columns.
    U_true : array, shape (d, r)
        Orthonormal columns.
    norm : {2, "fro"}, optional
        Spectral or Frobenius.

    Returns
    -------
    array, shape (...)
        One distance for each basis.
    """
    rest = U_true - U @ (np.swapaxes(U, -1, -2) @ U_true)
    return np.asarray(np.linalg.norm(rest, norm, axis=(-2, -1)))


def comparable(U: Array, U_true: Array) -> bool:
    """Whether an estimate, shape (d, r), is one of the truth's features: of the same d."""
    return U.ndim == 2 and len(U) == len(U_true)


def consensus_error(U: Array) -> float:
    """Return ``max_g ||U_g - mean||_F`` over the bases of all peers, shape (L, d, r)."""
    return float(np.linalg.norm(U - U.mean(axis=0), axis=(-2, -1)).max())


def orthonormality_defect(U: Array) -> Array:
    """Return ``||U^T U - I||_F`` of each basis, shape (..., d, r) to (...)."""
    gram = np.swapaxes(U, -1, -2) @ U
    return np.asarray(np.linalg.norm(gram - np.eye(U.shape[-1]), axis=(-2, -1)))
