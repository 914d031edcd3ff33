import numpy as np
import pytest

from peer.config import RunFailed
from peer.data.local import Task, from_tasks
from peer.data.new_rows import Rows
from peer.data.prediction import errors_of, predict, predict_alone, predict_by_mean
from tests.unit.data.samples import small


@pytest.mark.parametrize("ridge", [0.0, 0.7])
def test_coefficients_are_fitted_to_the_own_rows(ridge):
    local, rng = small(task_ids=("1", "2", "3")), np.random.default_rng(3)
    U = np.linalg.qr(rng.standard_normal((3, 2)))[0]
    rows = Rows(np.array([2, 0, 2]), rng.standard_normal((3, 3)), None)
    expected = []
    for x, task in zip(rows.X, rows.task, strict=True):
        own = list(local.tasks())[task]
        A = np.vstack([own.X @ U, np.sqrt(ridge) * np.eye(2)])
        b, *_ = np.linalg.lstsq(A, np.append(own.y, [0, 0]))
        expected.append(x @ U @ b)
    np.testing.assert_allclose(predict(local, U, ridge, rows), expected, rtol=1e-12)


def test_errors_over_all_rows_and_by_task():
    rows = Rows(np.array([2, 0, 2]), np.zeros((3, 3)), np.array([1.0, 2.0, 3.0]))
    errors = errors_of(rows, np.array([2.0, 2.0, 6.0]))
    assert errors.rmse == pytest.approx(np.sqrt(10 / 3))
    assert errors.tasks == {0: (1, 0.0), 2: (2, pytest.approx(np.sqrt(5)))}
    unknown = errors_of(Rows(rows.task, rows.X, None), np.zeros(3))
    assert (unknown.rmse, unknown.tasks) == (None, {0: (1, None), 2: (2, None)})


def test_what_a_task_by_itself_would_say():
    local, rng = small(task_ids=("1", "2", "3")), np.random.default_rng(3)
    rows = Rows(np.array([2, 0, 2]), rng.standard_normal((3, 3)), None)
    first, _, last = local.tasks()
    expected = []
    for x, task in zip(rows.X, (last, first, last), strict=True):
        expected.append(x @ np.linalg.solve(task.X.T @ task.X, task.X.T @ task.y))
    np.testing.assert_allclose(predict_alone(local, rows), expected, rtol=1e-9)
    means = [last.y.mean(), first.y.mean(), last.y.mean()]
    np.testing.assert_allclose(predict_by_mean(local, rows), means, rtol=1e-12)


def test_tasks_whose_rows_do_not_suffice_are_named():
    good, U = next(small().tasks()), np.eye(3)[:, :2]
    lone = [Task(name, np.eye(3)[:1], np.ones(1)) for name in ("bread", "cake")]
    local = from_tasks([good, *lone], ("a", "b", "c"))
    rows = Rows(np.array([0]), np.ones((1, 3)), None)
    with pytest.raises(RunFailed, match=r"the peer's task 2 .*\(tasks of this kind: bread, cake\)$"):
        predict(local, U, 0.0, rows)
    assert np.isfinite(predict(local, U, 0.1, rows)).all()
