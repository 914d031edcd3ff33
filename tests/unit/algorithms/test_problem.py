"""The problem on a block: least squares, gradient, moments; the same bits alone and in a block."""

import numpy as np
import pytest

from peer.algorithms.problem import Problem
from peer.algorithms.subspace import orthonormalize
from peer.config import RunFailed
from peer.program import Facts
from tests.support.problems import KITE, make_tasks, network_of

NAMES = network_of(KITE).names
SHAPES = {
    "equal": ([3, 3, 3, 3, 3], 6),
    "uneven-peers": ([1, 4, 2, 3, 2], 6),
    "ragged": ([3, 3, 3, 3, 3], (2, 9)),
    "ragged-uneven-peers": ([1, 4, 2, 3, 2], (2, 9)),
}


@pytest.fixture(params=SHAPES)
def tasks(request):
    return make_tasks(NAMES, *SHAPES[request.param], noise=0.3)


def bases(count, dim=12, rank=2, seed=4):
    return orthonormalize(np.random.default_rng(seed).standard_normal((count, dim, rank)))[0]


def each_task(tasks):
    """Peer, rows of X and y of every task."""
    for p in range(len(tasks.names)):
        for t in range(*tasks.peer_tasks[p : p + 2]):
            rows = slice(*tasks.task_ptr[t : t + 2])
            yield p, tasks.X[rows], tasks.y[rows]


@pytest.mark.parametrize("ridge", [0.0, 0.7])
def test_fit_is_the_least_squares_of_every_task(tasks, ridge):
    U = bases(5)
    B, residual = tasks.all().fit(U, ridge)
    start = 0
    for b, (p, X, y) in zip(B, each_task(tasks), strict=True):
        A = np.vstack([X @ U[p], np.sqrt(ridge) * np.eye(2)])
        expected = np.linalg.lstsq(A, np.concatenate([y, np.zeros(2)]), rcond=None)[0]
        np.testing.assert_allclose(b, expected, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(residual[start : start + len(y)], X @ U[p] @ b - y, atol=1e-12)
        start += len(y)


def test_gradient_is_the_sum_over_own_tasks_without_the_factor_two(tasks):
    U = bases(5)
    problem = tasks.all()
    B, residual = problem.fit(U)
    expected = np.zeros_like(U)
    for b, (p, X, y) in zip(B, each_task(tasks), strict=True):
        expected[p] += np.outer(X.T @ (X @ U[p] @ b - y), b)
    np.testing.assert_allclose(problem.gradient(B, residual), expected, rtol=1e-10, atol=1e-11)


def test_gradient_is_half_the_derivative_of_the_objective(tasks):
    U, step = bases(5), 1e-6
    problem = tasks.all()
    B, residual = problem.fit(U)
    direction = np.random.default_rng(8).standard_normal(U.shape)
    rows = np.diff(tasks.task_ptr)[:]
    fitted = np.repeat(B, rows, axis=0)

    def objective(basis):
        peers = np.repeat(np.arange(5), np.diff(tasks.task_ptr[tasks.peer_tasks]))
        return sum((np.einsum("nd,ndr,nr->n", tasks.X, basis[peers], fitted) - tasks.y) ** 2)

    slope = (objective(U + step * direction) - objective(U - step * direction)) / (2 * step)
    assert slope == pytest.approx(2 * (problem.gradient(B, residual) * direction).sum(), rel=1e-6)


def test_energy_and_moments(tasks):
    problem = tasks.all()
    threshold = np.array([0.5, 1.0, 2.0, 4.0, np.inf])
    energy, theta = problem.energy(), problem.moments(threshold)
    expected_energy, rows = np.zeros(5), []
    for p, X, y in each_task(tasks):
        expected_energy[p] += y @ y
        rows.append(X.T @ np.where(y**2 <= threshold[p], y, 0) / len(y))
    np.testing.assert_allclose(energy, expected_energy, rtol=1e-13)
    U = bases(5)
    for p in range(5):
        own = np.array(rows[slice(*tasks.peer_tasks[p : p + 2])])
        np.testing.assert_allclose(
            theta.transposed_times(theta.times(U))[p], own.T @ own @ U[p], rtol=1e-11, atol=1e-13
        )


@pytest.mark.parametrize("rank", [1, 2, 5])
@pytest.mark.parametrize("dim", [5, 12, 200])
def test_a_peer_has_the_same_bits_alone_and_in_a_block(rank, dim):
    for tasks_per_peer, samples in (
        [[1, 4, 2, 3, 2], 7],
        [[3] * 5, 7],
        [[1, 4, 2, 3, 2], (5, 9)],
        [[3] * 5, (5, 9)],
    ):
        tasks = make_tasks(NAMES, tasks_per_peer, samples, dim=dim, rank=rank, noise=0.1)
        U, block = bases(5, dim, rank), tasks.all()
        B, residual = block.fit(U)
        gradient = block.gradient(B, residual)
        energy = block.energy()
        theta = block.moments(energy)
        power = theta.transposed_times(theta.times(U))
        for p, name in enumerate(NAMES):
            alone, own = tasks.block((name,)), U[p : p + 1].copy()
            b, rest = alone.fit(own)
            first, last = tasks.peer_tasks[p : p + 2]
            assert b.tobytes() == B[first:last].tobytes()
            assert rest.tobytes() == residual[slice(*tasks.task_ptr[[first, last]])].tobytes()
            assert alone.gradient(b, rest).tobytes() == gradient[p].tobytes()
            assert alone.energy().tobytes() == energy[p : p + 1].tobytes()
            moments = alone.moments(energy[p : p + 1])
            assert moments.transposed_times(moments.times(own)).tobytes() == power[p].tobytes()


def test_the_facts_choose_the_way_not_the_block():
    """A peer whose tasks are of one size, in a network where they are not."""
    tasks = make_tasks(NAMES, [1, 2, 2, 3, 2], (4, 9), noise=0.1, seed=1)
    counts = [np.unique(np.diff(tasks.task_ptr)[slice(*tasks.peer_tasks[p : p + 2])]) for p in range(5)]
    assert len(counts[0]) == 1
    assert not tasks.facts.equal_samples
    U = bases(5)
    B, _ = tasks.all().fit(U)
    assert tasks.block(("p0",)).fit(U[:1])[0].tobytes() == B[:1].tobytes()


def test_near_to_collinear_tasks_are_still_fitted():
    rng = np.random.default_rng(0)
    tasks = make_tasks(NAMES, [2] * 5, 6)
    tasks.X[:, 1] = tasks.X[:, 0] + 1e-4 * rng.standard_normal(len(tasks.X))
    U = np.broadcast_to(np.eye(12)[:, :2], (5, 12, 2))
    B, _ = tasks.all().fit(U)
    for b, (_, X, y) in zip(B, each_task(tasks), strict=True):
        expected = np.linalg.lstsq(X[:, :2], y, rcond=None)[0]
        np.testing.assert_allclose(b, expected, rtol=1e-6)


def deficient(rows):
    """Two tasks of one peer; the second has only ``rows`` different rows."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((12, 5))
    X[6:] = X[6 : 6 + rows][np.arange(6) % rows]
    facts = Facts(1, 2, 12, 6.0, True, 5)
    return Problem(X, rng.standard_normal(12), np.array([0, 6, 12]), np.array([0, 2]), facts)


def test_a_task_without_a_unique_solution_is_named():
    U = bases(1, 5, 2)
    deficient(2).require_unique_fit(U)
    with pytest.raises(RunFailed, match=r"the peer's task 2 .*set coefficients.ridge above 0, or lower rank"):
        deficient(1).require_unique_fit(U)


def test_exactly_singular_equations_end_the_run_by_name():
    X = np.ones((4, 3))
    facts = Facts(1, 2, 4, 2.0, True, 3)
    X[:2] = np.eye(3)[:2]
    problem = Problem(X, np.ones(4), np.array([0, 2, 4]), np.array([0, 2]), facts)
    U = np.eye(3)[np.newaxis, :, :2]
    with pytest.raises(RunFailed, match=r"the peer's task 2 "):
        problem.fit(U)
    assert np.isfinite(problem.fit(U, ridge=0.1)[0]).all()
