"""Synthetic tasks: what the model says, and nothing that depends on the peers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.data.local import check
from peer.data.synthetic import synthesize
from tests.unit.data.samples import assert_same
from topology.errors import InputError

SIZE = {"num_tasks": 12, "dim": 8, "num_samples": 6, "rank": 2, "seed": 3}


def tasks_of(peers):
    return {task.task_id: task for local, _ in peers.values() for task in local.tasks()}


def coefficients(peers):
    """B* found from data without noise, in the order of tasks."""
    U = next(iter(peers.values()))[1]
    tasks = tasks_of(peers)
    return np.stack([np.linalg.lstsq(tasks[t].X @ U, tasks[t].y)[0] for t in sorted(tasks)], axis=1)


@settings(deadline=None, max_examples=40)
@given(
    num_peers=st.integers(1, 6),
    num_tasks=st.integers(6, 15),
    dim=st.integers(3, 9),
    rank=st.integers(1, 3),
    low=st.integers(3, 6),
    more=st.integers(0, 5),
    holdout=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 2**40),
)
def test_the_data_follow_the_model(num_peers, num_tasks, dim, rank, low, more, holdout, seed):
    names = [f"p{i}" for i in range(num_peers)]
    peers = synthesize(
        names,
        num_tasks=num_tasks,
        dim=dim,
        num_samples=(low, low + more),
        rank=rank,
        holdout=holdout,
        seed=seed,
    )
    assert list(peers) == names
    for local, U in peers.values():
        check(local)
        assert local.dim == dim
        np.testing.assert_allclose(U.T @ U, np.eye(rank), atol=1e-12)
        for task in local.tasks():
            held = 0 if task.y_holdout is None else len(task.y_holdout)
            assert low <= len(task.y) + held <= low + more
            assert held == (round(holdout * (len(task.y) + held)) if holdout else 0)
            # Without noise all rows, held out or not, follow one b of r numbers.
            X = task.X if task.X_holdout is None else np.vstack([task.X, task.X_holdout])
            y = task.y if task.y_holdout is None else np.append(task.y, task.y_holdout)
            b = np.linalg.lstsq(X @ U, y)[0]
            np.testing.assert_allclose(X @ (U @ b), y, atol=1e-9)


def test_a_task_does_not_depend_on_the_peers():
    one = tasks_of(synthesize(["only"], **SIZE, noise=0.2, holdout=0.5))
    many = tasks_of(synthesize([f"q{i}" for i in range(5)], **SIZE, noise=0.2, holdout=0.5))
    assert one.keys() == many.keys()
    for task_id, task in one.items():
        for name in ("X", "y", "X_holdout", "y_holdout"):
            assert getattr(task, name).tobytes() == getattr(many[task_id], name).tobytes()


def test_more_tasks_leave_the_first_ones_as_they_are():
    few, more = synthesize(["p"], **SIZE), synthesize(["p"], **SIZE | {"num_tasks": 19})
    few_tasks, more_tasks = few["p"][0], more["p"][0]
    assert more_tasks.task_ids[:12] == few_tasks.task_ids
    assert more_tasks.X[: len(few_tasks.y)].tobytes() == few_tasks.X.tobytes()
    assert more_tasks.y[: len(few_tasks.y)].tobytes() == few_tasks.y.tobytes()


def test_the_same_seed_gives_the_same_data_and_another_seed_others():
    a, b, c = (synthesize(["p", "q"], **SIZE | {"seed": seed}) for seed in (3, 3, 4))
    for name in ("p", "q"):
        assert_same(a[name][0], b[name][0])
        assert a[name][0].y.tobytes() != c[name][0].y.tobytes()
    assert not np.array_equal(a["p"][1], c["p"][1])


@pytest.mark.parametrize("condition", [1.0, 7.5, 1000.0])
def test_the_condition_number_is_exact_and_the_values_are_geometric(condition):
    B = coefficients(synthesize(["p"], **SIZE | {"rank": 4}, condition=condition))
    values = np.linalg.svd(B, compute_uv=False)
    assert values[0] / values[-1] == pytest.approx(condition, rel=1e-9)
    np.testing.assert_allclose(values[:-1] / values[1:], condition ** (1 / 3), rtol=1e-9)
    assert np.linalg.norm(B) == pytest.approx(np.sqrt(4 * 12))


def test_noise_has_the_asked_for_deviation_and_leaves_the_rows_alone():
    size = SIZE | {"num_samples": 400}
    clean, noisy = synthesize(["p"], **size)["p"][0], synthesize(["p"], **size, noise=0.3)["p"][0]
    assert clean.X.tobytes() == noisy.X.tobytes()
    assert np.std(noisy.y - clean.y) == pytest.approx(0.3, rel=0.05)


def test_rows_and_coefficients_are_standard_gaussian():
    peers = synthesize(["p"], num_tasks=400, dim=5, num_samples=20, rank=2, seed=0)
    X, B = peers["p"][0].X, coefficients(peers)
    for values in (X, B):
        assert np.mean(values) == pytest.approx(0, abs=5 / np.sqrt(values.size))
        assert np.var(values) == pytest.approx(1, abs=8 / np.sqrt(values.size))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rank": 0}, "rank"),
        ({"rank": 9}, "rank"),
        ({"rank": 5, "num_tasks": 4}, "rank"),
        ({"num_tasks": 0}, "tasks"),
        ({"dim": 0}, "dim"),
        ({"num_samples": 0}, "samples"),
        ({"num_samples": (5, 4)}, "samples"),
        ({"condition": 0.5}, "condition"),
        ({"condition": float("nan")}, "condition"),
        ({"condition": 2.0, "rank": 1}, "condition"),
        ({"noise": -1.0}, "noise"),
        ({"noise": float("inf")}, "noise"),
        ({"holdout": 1.0}, "holdout"),
        ({"holdout": float("nan")}, "holdout"),
        ({"seed": -1}, "seed"),
        ({"num_tasks": 1, "rank": 1}, "peers"),
    ],
)
def test_what_cannot_be_drawn_is_refused(change, field):
    with pytest.raises(InputError) as caught:
        synthesize(["p", "q"], **SIZE | change)
    assert caught.value.field == field
    assert caught.value.mend
