"""What a run needs of the data."""

import pytest

from peer.algorithms.requirements import requirements
from peer.config import RunSpec
from tests.support.problems import dif_spec


@pytest.mark.parametrize(
    ("dim", "num_tasks", "min_samples", "ridge", "reason"),
    [
        (4, 4, 4, 0.0, None),
        (4, 4, 1, 0.1, None),
        (3, 9, 9, 0.0, "rank: 4 is above the dimension 3 of the data; use a rank of at most 3"),
        (9, 3, 9, 0.1, "rank: 4 is above the number of tasks in the network, 3; use a rank of at most 3"),
        (
            9,
            9,
            3,
            0.0,
            "rank: 4 is above the rows of the smallest task, 3, without a ridge; "
            "use a rank of at most 3, or set coefficients.ridge above 0",
        ),
    ],
)
def test_reasons(dim, num_tasks, min_samples, ridge, reason):
    spec = dif_spec(rank=4, iterations=1, coefficients={"ridge": ridge})
    assert requirements(spec, dim, num_tasks, min_samples) == reason


def test_other_algorithms_have_no_rank():
    assert requirements(RunSpec(algorithm="example"), 1, 1, 1) is None
