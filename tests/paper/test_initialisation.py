"""Section 3 of the method: truncated spectral initialisation by the decentralised power method."""

from itertools import pairwise

import numpy as np
import pytest

from peer.algorithms.subspace import consensus_error, subspace_distance
from tests.paper.record import run
from tests.support.problems import KITE, dif_spec, make_tasks, network_of
from topology.mixing import mixing_matrix

L = 5


def agree(record, Z):
    """The agreement of the initialisation, by the dense mixing matrix."""
    W = np.linalg.matrix_power(mixing_matrix(record.network), record.spec.init.agreement_rounds)
    return np.tensordot(W, Z, axes=1)


def theta(record, p):
    """Theta0 of peer p, d x |S_p|, with its responses truncated."""
    alpha = record.states[0]["threshold"][p]
    return np.column_stack([X.T @ np.where(y**2 <= alpha, y, 0.0) / len(y) for X, y in record.own(p)])


def power_states(record):
    return [record.states[0], *(s for s in record.states if "sigma2" in s and "iteration" not in s)]


def test_step_1_threshold(record):
    """Section 3, step 1: a_g = C/(nT) sum_t sum_i y_ti^2, and alpha_g = L agree(a)_g.

    With tasks of unequal n, n T is the number of all rows.
    """
    own = np.array([sum(y @ y for _, y in record.own(p)) for p in range(L)])
    share = record.spec.init.truncation / len(record.tasks.y) * own
    np.testing.assert_allclose(record.values("init.threshold")[0][:, 0], share, rtol=1e-12)
    np.testing.assert_allclose(record.states[0]["threshold"], L * agree(record, share), rtol=1e-12)


def test_step_1_the_constant_is_nine_by_default():
    """Section 3, step 1: practice C = 9."""
    assert dif_spec(rank=1, iterations=1).init.truncation == 9.0


def test_steps_2_and_3_truncated_moments():
    """Section 3, steps 2 and 3: y above the threshold is set to 0, not clipped; Theta0_g = X_t^T y_trunc / n_t."""
    network = network_of(KITE)
    tasks = make_tasks(network.names, [3] * L, (6, 12))
    spec = dif_spec(
        rank=2, iterations=1, init={"power_iterations": 1, "agreement_rounds": 3, "truncation": 1.5}
    )
    record = run(tasks, spec, network)
    cut = [(y**2 > record.states[0]["threshold"][p]).sum() for p in range(L) for _, y in record.own(p)]
    assert sum(cut) > 10  # the truncation matters here
    U = record.states[0]["U"]
    for p, Z in enumerate(record.values("init.power")[0]):
        np.testing.assert_allclose(Z, theta(record, p) @ (theta(record, p).T @ U[p]), rtol=1e-10, atol=1e-13)


def test_step_4_common_start(record):
    """Section 3, step 4: an orthonormalised d x r Gaussian from a seed common to all nodes."""
    gaussian = np.random.default_rng([record.spec.seed, 33]).standard_normal((record.tasks.X.shape[1], 2))
    Q, R = np.linalg.qr(gaussian)
    for U in record.states[0]["U"]:
        np.testing.assert_allclose(U, Q * np.sign(np.diag(R)), rtol=1e-13)


def test_step_5_power_iterations(record):
    """Section 3, step 5: Z_g = Theta0_g (Theta0_g^T U_g), agree, QR with a positive diagonal; T_pm times."""
    states = power_states(record)
    assert len(states) == 1 + record.spec.init.power_iterations
    for before, after in pairwise(states):
        Z = np.stack([theta(record, p) @ (theta(record, p).T @ before["U"][p]) for p in range(L)])
        for p, averaged in enumerate(agree(record, Z)):
            Q, R = np.linalg.qr(averaged)
            np.testing.assert_allclose(after["U"][p], Q * np.sign(np.diag(R)), rtol=1e-9, atol=1e-11)


def test_step_5_one_agreement_in_each_iteration(record):
    """Section 3, step 5: one agreement per iteration, no second one for a common Q."""
    init = record.spec.init
    assert len(record.values("init.threshold")) == init.agreement_rounds
    assert len(record.values("init.power")) == init.power_iterations * init.agreement_rounds


def test_step_5_disagreement_is_of_the_order_of_the_agreement_error():
    """Section 3, step 5: QR with positive diagonal is continuous, so more rounds bring the nodes' bases together."""
    network = network_of(KITE)
    tasks = make_tasks(network.names, [8] * L, 10, dim=20, rank=2)
    errors = []
    for rounds in (10, 20, 40):
        spec = dif_spec(rank=2, iterations=1, init={"agreement_rounds": rounds})
        errors.append(consensus_error(run(tasks, spec, network).bases[0]))
    rate = np.linalg.eigvalsh(mixing_matrix(network))[-2]
    assert errors[1] / errors[0] == pytest.approx(rate**10, rel=0.3)
    assert errors[2] / errors[1] == pytest.approx(rate**20, rel=0.3)


def test_step_6_sigma_from_the_last_averaged_product(record):
    """Section 3, step 6: sigma_g^2 = L R_g[1,1] of the last step; without L the steps would be L times too long."""
    before, last = power_states(record)[-2:]
    Z = np.stack([theta(record, p) @ (theta(record, p).T @ before["U"][p]) for p in range(L)])
    for p, averaged in enumerate(agree(record, Z)):
        R = np.linalg.qr(averaged)[1]
        np.testing.assert_allclose(last["sigma2"][p], [[L * abs(R[0, 0])]], rtol=1e-11)


def test_the_start_is_the_centralised_spectral_estimate():
    """Section 3: with enough rounds, the leading left singular vectors of all moments; sigma^2 likewise."""
    network = network_of(KITE)
    tasks = make_tasks(network.names, [8] * L, 10, dim=20, rank=2)
    spec = dif_spec(rank=2, iterations=1, init={"agreement_rounds": 200, "power_iterations": 200})
    record = run(tasks, spec, network)
    moments = np.column_stack([theta(record, p) for p in range(L)])
    left, singular, _ = np.linalg.svd(moments)
    assert subspace_distance(record.bases[0], left[:, :2]).max() < 1e-8
    sigma2 = power_states(record)[-1]["sigma2"]
    np.testing.assert_allclose(sigma2[:, 0, 0], singular[0] ** 2, rtol=1e-6)
