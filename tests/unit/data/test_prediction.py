import numpy as np
import pytest

from peer.data.new_rows import Rows
from peer.data.prediction import errors_of, predict
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
