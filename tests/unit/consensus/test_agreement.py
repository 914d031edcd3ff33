"""Plain agreement."""

import numpy as np
import pytest

from peer.consensus import Agreement
from peer.program import Broadcast
from peer.simulate.fast import run_block
from tests.support.problems import KITE, network_of
from tests.unit.testing.programs import SPEC
from topology.mixing import mixing_matrix

NETWORK = network_of(KITE)


def agreed(x, rounds, network=NETWORK):
    def program(problem, spec, neighbours, streams, state):
        return {"x": (yield from Agreement(rounds, "mean").average(problem))}

    return run_block(program, x, SPEC, network)


@pytest.mark.parametrize("rounds", [1, 2, 7])
def test_each_round_applies_the_mixing_matrix(rounds):
    x = np.random.default_rng(0).standard_normal((5, 3))
    W = mixing_matrix(NETWORK)
    outcome = agreed(x, rounds)
    np.testing.assert_allclose(
        outcome.result["x"], np.linalg.matrix_power(W, rounds) @ x, rtol=1e-13, atol=1e-14
    )
    assert outcome.rounds == rounds
    assert outcome.payload_bytes == rounds * 2 * len(KITE) * 3 * 8


def test_only_the_last_round_is_followed_by_work():
    requests = []
    generator = Agreement(3, "mean").average(np.zeros((1, 2)))
    request = next(generator)
    while True:
        requests.append(request)
        try:
            request = generator.send(_Same())
        except StopIteration:
            break
    assert [request.light for request in requests] == [True, True, False]
    assert all(isinstance(request, Broadcast) and request.label == "mean" for request in requests)


class _Same:
    """A reply that leaves the value as it is."""

    def combine(self, own):
        return own
