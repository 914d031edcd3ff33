"""Round machines on a virtual wire: the oracle's numbers, and the block simulator's bits."""

import numpy as np
import pytest

from peer.algorithms.subspace import consensus_error, subspace_distance
from peer.config import RunFailed
from peer.registry import algorithm
from peer.simulate.exact import run_exact
from peer.simulate.fast import run_block
from peer.simulate.simulation import simulate
from tests.support.problems import (
    KITE,
    ORACLE_SEEDS,
    dif_spec,
    local_data,
    make_tasks,
    network_of,
    oracle_case,
)
from topology.errors import InputError

RTOL = 1e-9


@pytest.mark.parametrize("name", sorted(ORACLE_SEEDS))
def test_oracle(name):
    case = oracle_case(name)
    arrays = case.arrays
    bases = {}
    run_exact(
        case.spec,
        case.network,
        local_data(case.tasks),
        lambda peer, progress: bases.setdefault(progress.iteration, {}).__setitem__(
            peer, progress.estimate["U"]
        ),
    )
    trace = [np.stack([by_peer[n] for n in case.network.names]) for _, by_peer in sorted(bases.items())]
    np.testing.assert_allclose(trace[0], arrays["U0"], rtol=RTOL)
    for key, U in arrays.items():
        if key.startswith("U_dif_"):
            np.testing.assert_allclose(trace[int(key.removeprefix("U_dif_"))], U, rtol=RTOL)
    distances = [subspace_distance(U, arrays["U_true"]).max() for U in trace]
    np.testing.assert_allclose(distances, arrays["sd_dif"], rtol=RTOL)
    np.testing.assert_allclose([consensus_error(U) for U in trace], arrays["disagreement_dif"], rtol=RTOL)


CASES = {
    "equal samples": ((10, 10), {}),
    "ragged": ((4, 19), {}),
    "ridge": ((2, 9), {"coefficients": {"ridge": 0.1}}),
    "stops early": ((12, 12), {"tolerance": 1e-4, "iterations": 200}),
    "few checkpoints": ((12, 12), {"checkpoint_every": 7}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_bits_of_the_block(case):
    samples, fields = CASES[case]
    network = network_of(KITE)
    tasks = make_tasks(network.names, (3, 1, 4, 2, 2), samples, seed=5, noise=0.01)
    spec = dif_spec(rank=2, **{"iterations": 30, **fields})
    exact = run_exact(spec, network, local_data(tasks))
    block = run_block(algorithm(spec.algorithm).program, tasks.all(), spec, network)
    ours = np.concatenate([exact.results[name]["U"] for name in network.names])
    np.testing.assert_array_equal(ours, block.result["U"])
    np.testing.assert_array_equal(
        np.concatenate([exact.results[name]["B"] for name in network.names]), block.result["B"]
    )
    assert exact.rounds == {label: phase.rounds for label, phase in block.phases.items()}
    assert exact.payload_bytes == {label: phase.payload_bytes for label, phase in block.phases.items()}


def test_diverged_run_names_the_peer_and_the_mend():
    network = network_of(KITE)
    tasks = make_tasks(network.names, (2, 2, 2, 2, 2), 10, seed=1)
    tasks.X[3] *= 1e200
    with pytest.raises(RunFailed, match=r"p0: .*not finite|p0: the program cannot go on"):
        run_exact(dif_spec(rank=2, iterations=5), network, local_data(tasks))


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"rank": 13}, "dimension 12"), ({"rank": 11}, "number of tasks"), ({"rank": 4}, "smallest task")],
)
@pytest.mark.parametrize("exact", [True, False])
def test_data_that_do_not_fit_are_refused_before_the_start(fields, message, exact):
    network = network_of(KITE)
    tasks = make_tasks(network.names, (2, 2, 2, 2, 2), 3, seed=1)
    with pytest.raises(InputError, match=message):
        simulate(dif_spec(iterations=5, **fields), network, local_data(tasks), {}, exact=exact)


def test_measures_the_distance_where_the_truth_is_known():
    network = network_of(KITE)
    tasks = make_tasks(network.names, (3, 3, 3, 3, 3), 12, seed=2)
    truths = dict.fromkeys(network.names, tasks.U_true)
    seen = []
    done = simulate(
        dif_spec(rank=2, iterations=40),
        network,
        local_data(tasks),
        truths,
        exact=True,
        on_iteration=seen.append,
    )
    assert seen == list(range(41))
    trace = done.figures.distances["p0"]
    assert len(trace) == 41
    assert trace[40] < trace[0] / 10
    predicted = sum(rounds * size for _, rounds, size in done.schedule) * 2 * len(network.edges)
    assert done.figures.bytes.payload == predicted
