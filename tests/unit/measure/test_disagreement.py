import numpy as np
import pytest

from peer.measure.disagreement import disagreement


def test_the_largest_frobenius_difference():
    rng = np.random.default_rng(0)
    own, *others = rng.standard_normal((4, 6, 2))
    expected = max(np.linalg.norm(other - own) for other in others)
    assert disagreement(own, others) == pytest.approx(expected, rel=1e-14)
    assert disagreement(own, [own.copy()]) == 0.0
    assert disagreement(own.astype(np.float32), [others[0].astype(np.float32)]) > 0


@pytest.mark.parametrize(
    ("own", "others"),
    [
        (np.ones(3), []),
        (np.ones(3), [np.ones(4)]),
        (np.ones(3), [np.ones((3, 1))]),
        (np.ones(3, np.int64), [np.ones(3, np.int64)]),
        (np.ones(3), [np.ones(3), np.ones(3, np.int64)]),
        ((np.ones(3),), [(np.ones(3),)]),
        (np.zeros(3, np.uint8), [np.zeros(5, np.uint8)]),
        (np.array([1e308]), [np.array([-1e308])]),
    ],
)
def test_there_is_none_where_nothing_can_be_compared(own, others):
    assert disagreement(own, others) is None
