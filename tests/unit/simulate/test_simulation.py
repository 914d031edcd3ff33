"""A whole simulated run: what is measured of it."""

import numpy as np
import pytest

from peer.algorithms.subspace import subspace_distance
from peer.data.synthetic import synthesize
from peer.registry import parse_spec
from peer.simulate.simulation import simulate
from tests.support.problems import network_of

NETWORK = network_of([("p0", "p1"), ("p1", "p2"), ("p2", "p3")])
SPEC = parse_spec({"algorithm": "dif-altgdmin", "rank": 2, "iterations": 4, "agreement": {"rounds": 2}})


@pytest.mark.parametrize("exact", [False, True])
def test_every_peer_is_measured_against_its_own_truth(exact):
    made = synthesize(NETWORK.names, num_tasks=12, dim=6, num_samples=8, rank=2)
    data = {name: local for name, (local, _) in made.items()}
    truth = made["p0"][1]
    other = np.linalg.qr(np.random.default_rng(5).standard_normal((6, 2)))[0]
    truths = {"p0": truth, "p2": other, "p3": truth}
    done = simulate(SPEC, NETWORK, data, truths, exact=exact)
    assert set(done.figures.distances) == {"p0", "p2", "p3"}
    for name, by_iteration in done.figures.distances.items():
        assert list(by_iteration) == [0, 1, 2, 3, 4]
        last = subspace_distance(done.bases[name], truths[name])
        np.testing.assert_allclose(by_iteration[4], last, rtol=1e-12)


@pytest.mark.parametrize("exact", [False, True])
def test_how_far_the_bases_moved_is_known_of_every_iteration(exact):
    made = synthesize(NETWORK.names, num_tasks=12, dim=6, num_samples=8, rank=2)
    data = {name: local for name, (local, _) in made.items()}
    figures = simulate(SPEC, NETWORK, data, {}, exact=exact).figures
    assert list(figures.moved) == [1, 2, 3, 4]
    assert figures.moved[1] > figures.moved[4]
