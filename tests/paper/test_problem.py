"""Section 1 of the method: the problem."""

import numpy as np

from peer.algorithms.subspace import orthonormality_defect
from tests.paper.record import run
from tests.support.problems import KITE, dif_spec, make_tasks, network_of


def test_only_numbers_and_subspace_estimates_travel(record):
    """Section 1: only d x r subspace estimates travel (and the scalars of the threshold); data and b_t stay."""
    d, r = record.tasks.X.shape[1], record.spec.rank
    shapes = {
        label: {value.shape[1:] for at, value in record.sent if at == label} for label, _ in record.sent
    }
    assert shapes == {"init.threshold": {(1,)}, "init.power": {(d, r)}, "descent": {(d, r)}}


def test_each_peer_uses_its_own_tasks_only():
    """Section 1: S_1..S_L is a partition of the tasks; node g holds (X_t, y_t) for t in S_g only."""
    network = network_of(KITE)
    spec = dif_spec(rank=2, iterations=1, init={"power_iterations": 1, "agreement_rounds": 1})
    tasks = make_tasks(network.names, [3] * 5, 8)
    before = run(tasks, spec, network)
    tasks.X[tasks.task_ptr[tasks.peer_tasks[4]] :] += 1.0  # p4's rows; nothing else
    after = run(tasks, spec, network)
    # what is sent first in the power method comes from own data only
    changed = [
        not np.array_equal(a, b)
        for a, b in zip(before.values("init.power")[0], after.values("init.power")[0], strict=True)
    ]
    assert changed == [False, False, False, False, True]


def test_theta_is_low_rank_and_the_basis_orthonormal(record):
    """Section 1: Theta* = U* B*, U* in R^{d x r} orthonormal; every estimate of it is orthonormal too."""
    for U in record.bases:
        assert orthonormality_defect(U).max() < 1e-13


def test_noise_free_the_objective_is_zero_at_the_truth():
    """Section 1: y_t = X_t theta_t*; f = sum_g sum_t ||y_t - X_t U b_t||^2 has its minimum 0 at U*."""
    network = network_of(KITE)
    tasks = make_tasks(network.names, [3, 5, 4, 2, 4], (6, 12), noise=0.0)
    problem = tasks.all()
    B, residual = problem.fit(np.broadcast_to(tasks.U_true, (5, *tasks.U_true.shape)))
    assert residual @ residual < 1e-24
    # section 6 rests on it: at U* every node's own gradient vanishes
    assert np.abs(problem.gradient(B, residual)).max() < 1e-11


def test_gradient_has_no_factor_two(record):
    """Section 1: grad f_g(U) = sum_t X_t^T (X_t U b_t - y_t) b_t^T."""
    U = record.bases[0]
    problem = record.tasks.all()
    B, residual = problem.fit(U)
    gradient = problem.gradient(B, residual)
    first = 0
    for p in range(5):
        own = record.own(p)
        expected = sum(
            np.outer(X.T @ (X @ U[p] @ b - y), b)
            for (X, y), b in zip(own, B[first : first + len(own)], strict=True)
        )
        first += len(own)
        np.testing.assert_allclose(gradient[p], expected, rtol=1e-10, atol=1e-11)
