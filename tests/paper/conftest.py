"""The runs that the statements are tested on."""

import pytest

from tests.paper.record import Run, run
from tests.support.problems import KITE, dif_spec, make_tasks, network_of


@pytest.fixture(scope="session", params=["equal", "ragged"])
def record(request) -> Run:
    network = network_of(KITE)
    samples = 8 if request.param == "equal" else (6, 12)
    tasks = make_tasks(network.names, [3, 5, 4, 2, 4], samples, dim=20, rank=2, noise=0.05, seed=2)
    spec = dif_spec(
        rank=2,
        seed=11,
        iterations=4,
        agreement={"rounds": 3},
        init={"power_iterations": 5, "agreement_rounds": 6},
    )
    return run(tasks, spec, network)
