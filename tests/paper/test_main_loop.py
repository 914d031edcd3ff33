"""Section 4 of the method: adapt, combine, project."""

import numpy as np

from peer.algorithms.dif_altgdmin import dif_altgdmin
from peer.algorithms.subspace import orthonormality_defect
from peer.program import Progress
from peer.simulate.fast import run_block
from tests.support.problems import KITE, dif_spec, make_tasks, network_of
from topology.mixing import mixing_matrix

L = 5


def least_squares(record, p, U):
    return [np.linalg.lstsq(X @ U, y, rcond=None)[0] for X, y in record.own(p)]


def own_gradient(record, p, U):
    pairs = zip(record.own(p), least_squares(record, p, U), strict=True)
    return sum(np.outer(X.T @ (X @ U @ b - y), b) for (X, y), b in pairs)


def step_size(record, p):
    """c_eta / (n sigma^2), n the network's mean of rows per task."""
    sigma2 = next(s for s in record.states if "iteration" in s)["sigma2"][p, 0, 0]
    num_samples = len(record.tasks.y) / (len(record.tasks.task_ptr) - 1)
    return record.spec.step.c_eta / (num_samples * sigma2)


def test_step_1_coefficients_are_least_squares(record):
    """Section 4, step 1: b_t = argmin ||y_t - X_t U_g b||, t in S_g; once more at the end."""
    U, B = record.outcome.result["U"], record.outcome.result["B"]
    expected = [b for p in range(L) for b in least_squares(record, p, U[p])]
    np.testing.assert_allclose(B, expected, rtol=1e-9, atol=1e-11)


def test_steps_2_and_3_adapt(record):
    """Section 4, steps 2 and 3: Z_g = U_g - eta_g L G_g, from own tasks, with eta_g = c_eta/(n sigma_g^2)."""
    first_rounds = record.values("descent")[:: record.spec.agreement.rounds]
    for U, Z in zip(record.bases[:-1], first_rounds, strict=True):
        for p in range(L):
            expected = U[p] - step_size(record, p) * L * own_gradient(record, p, U[p])
            np.testing.assert_allclose(Z[p], expected, rtol=1e-9, atol=1e-12)


def test_steps_4_and_5_combine_and_project(record):
    """Section 4, steps 4 and 5: Z_g <- agree(Z, T_con,GD), then QR with a positive diagonal."""
    rounds = record.spec.agreement.rounds
    W = np.linalg.matrix_power(mixing_matrix(record.network), rounds)
    for Z, U in zip(record.values("descent")[::rounds], record.bases[1:], strict=True):
        for averaged, new in zip(np.tensordot(W, Z, axes=1), U, strict=True):
            Q, R = np.linalg.qr(averaged)
            np.testing.assert_allclose(new, Q * np.sign(np.diag(R)), rtol=1e-10, atol=1e-12)
        assert orthonormality_defect(U).max() < 1e-13


def test_the_order_is_adapt_then_combine(record):
    """Section 4: one agreement of T_con rounds in each of T_GD iterations, on the adapted estimate."""
    assert len(record.values("descent")) == record.spec.iterations * record.spec.agreement.rounds
    labels = [label for label, _ in record.sent]
    assert labels == sorted(labels, key=["init.threshold", "init.power", "descent"].index)


def test_the_usual_constant(record):
    """Section 4: c_eta = 0.4 by default."""
    assert record.spec.step.c_eta == 0.4


def test_each_node_has_its_own_step(record):
    """Section 4: eta_g comes from each node's own sigma_g; they agree to the agreement's error."""
    steps = np.array([step_size(record, p) for p in range(L)])
    assert np.ptp(steps) > 0
    assert np.ptp(steps) / steps.mean() < 0.5


def test_all_samples_are_used_in_every_step():
    """Section 4: no sample-splitting; a change of any row of a peer changes its gradient."""
    tasks = make_tasks(network_of(KITE).names, [3] * L, 8)
    U = np.broadcast_to(np.eye(12)[:, :2], (L, 12, 2))
    problem = tasks.all()
    before = problem.gradient(*problem.fit(U))
    for row in range(tasks.task_ptr[tasks.peer_tasks[1]]):
        changed = tasks.all()
        changed.y[row] += 1.0
        after = changed.gradient(*changed.fit(U))
        assert [np.array_equal(a, b) for a, b in zip(after, before, strict=True)] == [False] + [True] * 4


def test_stopping_without_the_truth():
    """Section 4: stop by how far the bases move; without a tolerance T_GD is fixed."""
    network = network_of(KITE)
    tasks = make_tasks(network.names, [12] * L, 15, dim=20, rank=2)
    fields = {"rank": 2, "iterations": 60, "agreement": {"rounds": 20}}
    for tolerance, ends in ((None, range(60, 61)), (1e-2, range(2, 60))):
        seen: list[Progress] = []
        spec = dif_spec(**fields, tolerance=tolerance)
        run_block(dif_altgdmin, tasks.all(), spec, network, on_progress=seen.append)
        assert seen[-1].iteration in ends
