"""Bases and distances."""

import numpy as np
import pytest

from peer.algorithms.subspace import consensus_error, orthonormality_defect, orthonormalize, subspace_distance


def basis(seed, dim=9, rank=3):
    return orthonormalize(np.random.default_rng(seed).standard_normal((dim, rank)))[0]


def test_orthonormalize_is_qr_with_a_positive_diagonal():
    Z = np.random.default_rng(0).standard_normal((4, 9, 3))
    Q, R = orthonormalize(Z)
    np.testing.assert_allclose(Q @ R, Z, rtol=1e-13, atol=1e-13)
    assert (np.diagonal(R, axis1=1, axis2=2) > 0).all()
    np.testing.assert_allclose(R, np.triu(R))
    assert orthonormality_defect(Q).max() < 1e-14
    assert Q.flags.c_contiguous


def test_a_basis_is_a_fixed_point():
    U = basis(1)
    np.testing.assert_allclose(orthonormalize(U)[0], U, atol=1e-15)
    np.testing.assert_allclose(orthonormalize(3 * U)[0], U, atol=1e-15)


def test_one_matrix_has_the_same_bits_alone_and_in_a_batch():
    Z = np.random.default_rng(0).standard_normal((6, 40, 4))
    Q, R = orthonormalize(Z)
    for p in range(6):
        alone = orthonormalize(Z[p : p + 1].copy())
        assert alone[0].tobytes() == Q[p].tobytes()
        assert alone[1].tobytes() == R[p].tobytes()


def test_distance_does_not_depend_on_the_basis_of_a_subspace():
    U, V = basis(1), basis(2)
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))[0]
    assert subspace_distance(U @ turn, U) < 1e-14
    np.testing.assert_allclose(subspace_distance(U @ turn, V @ turn.T), subspace_distance(U, V), rtol=1e-12)


@pytest.mark.parametrize("norm", [2, "fro"])
def test_distance_is_the_norm_of_what_the_projection_leaves(norm):
    U, V = basis(1), basis(2)
    expected = np.linalg.norm((np.eye(9) - U @ U.T) @ V, norm)
    np.testing.assert_allclose(subspace_distance(U, V, norm), expected, rtol=1e-13)
    np.testing.assert_allclose(subspace_distance(np.stack([U, V]), V, norm), [expected, 0], atol=1e-14)


def test_orthogonal_subspaces_are_at_distance_one():
    eye = np.eye(6)
    np.testing.assert_allclose(subspace_distance(eye[:, :3], eye[:, 3:]), 1)
    np.testing.assert_allclose(subspace_distance(eye[:, :3], eye[:, 3:], "fro"), np.sqrt(3))


def test_consensus_error_is_the_largest_distance_to_the_mean():
    U = np.stack([np.zeros((2, 1)), np.zeros((2, 1)), np.full((2, 1), 3.0)])
    assert consensus_error(U) == pytest.approx(np.sqrt(8))


def test_defect_of_a_stretched_basis():
    np.testing.assert_allclose(orthonormality_defect(2 * np.eye(5)[:, :2]), 3 * np.sqrt(2))
