"""The initialisation's refusals and its place in a resumed run; its numbers are tested in tests/paper."""

import numpy as np
import pytest

from peer.algorithms.dif_altgdmin import dif_altgdmin
from peer.config import RunFailed
from peer.program import Broadcast, Checkpoint, Streams
from peer.simulate.block import exchange, whole_network
from peer.simulate.fast import run_block
from tests.support.problems import KITE, dif_spec, make_tasks, network_of

NETWORK = network_of(KITE)


def test_a_threshold_below_all_responses_is_named():
    tasks = make_tasks(NETWORK.names, [3] * 5, 6)
    spec = dif_spec(rank=2, iterations=2, init={"truncation": 1e-12})
    with pytest.raises(RunFailed, match=r"nothing is left of the responses.*raise init\.truncation"):
        run_block(dif_altgdmin, tasks.all(), spec, NETWORK)


def test_a_task_that_cannot_be_fitted_ends_the_run_before_the_descent():
    tasks = make_tasks(NETWORK.names, [3] * 5, 6)
    tasks.X[:6] = tasks.X[0]
    tasks.y[:6] = tasks.y[0]
    spec = dif_spec(rank=2, iterations=2)
    with pytest.raises(RunFailed, match=r"^the least squares of the peer's task 1 .*set coefficients\.ridge"):
        run_block(dif_altgdmin, tasks.all(), spec, NETWORK)
    ridged = dif_spec(rank=2, iterations=2, coefficients={"ridge": 0.1})
    assert np.isfinite(run_block(dif_altgdmin, tasks.all(), ridged, NETWORK).result["U"]).all()


def test_a_resumed_run_does_not_start_again():
    tasks = make_tasks(NETWORK.names, [3] * 5, 6)
    spec = dif_spec(rank=2, iterations=2, init={"power_iterations": 3, "agreement_rounds": 2})
    states = []
    run_block(dif_altgdmin, tasks.all(), spec, NETWORK, on_checkpoint=lambda c: states.append(c.state))
    assert [state.get("power_iteration") for state in states] == [0, 1, 2, 3, 3, 3]
    labels = []
    for state in (states[0], states[2], states[3], states[4]):
        generator = dif_altgdmin(
            tasks.all(), spec, whole_network(NETWORK), Streams(0, np.arange(5)), dict(state)
        )
        labels.append(_labels(generator))
    power, descent = ["init.power"] * 2, ["descent"] * 5
    assert labels == [power * 3 + descent * 2, power + descent * 2, descent * 2, descent]


def _labels(generator):
    labels, reply = [], None
    while True:
        try:
            request = generator.send(reply)
        except StopIteration:
            return labels
        reply = None
        if isinstance(request, Broadcast):
            labels.append(request.label)
            reply, _ = exchange(whole_network(NETWORK), request)
        elif isinstance(request, Checkpoint):
            assert set(request.state) <= {"threshold", "U", "power_iteration", "sigma2", "iteration", "done"}
