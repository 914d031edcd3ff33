"""The oracle's numbers of initialisation and Dif-AltGDmin, through the block simulator."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from peer.algorithms.subspace import consensus_error, subspace_distance
from peer.program import Array, State
from peer.registry import algorithm
from peer.simulate.fast import BlockResult, run_block
from tests.support.problems import ORACLE_SEEDS, OracleCase, oracle_case
from topology.mixing import gamma, mixing_matrix

RTOL = 1e-9


@dataclass
class Run:
    case: OracleCase
    states: list[State] = field(default_factory=list)
    bases: list[Array] = field(default_factory=list)
    outcome: BlockResult | None = None


@pytest.fixture(scope="module", params=sorted(ORACLE_SEEDS))
def run(request) -> Run:
    case = oracle_case(request.param)
    run = Run(case)
    run.outcome = run_block(
        algorithm("dif-altgdmin").program,
        case.tasks.all(),
        case.spec,
        case.network,
        on_progress=lambda progress: run.bases.append(progress.estimate["U"]),
        on_checkpoint=lambda checkpoint: run.states.append(checkpoint.state),
    )
    return run


def test_mixing_matrix(run):
    W = mixing_matrix(run.case.network)
    np.testing.assert_allclose(W, run.case.arrays["W"], rtol=RTOL)
    np.testing.assert_allclose(gamma(W), run.case.arrays["gamma"], rtol=RTOL)


def test_threshold_and_common_start(run):
    np.testing.assert_allclose(run.states[0]["threshold"], run.case.arrays["alpha"], rtol=RTOL)
    for U in run.states[0]["U"]:
        np.testing.assert_allclose(U, run.case.arrays["U_start"], rtol=RTOL)


def test_every_power_iteration(run):
    expected = run.case.arrays["power_trace"]
    power = [state for state in run.states if "sigma2" in state and "iteration" not in state]
    assert len(power) == len(expected)
    for state, U in zip(power, expected, strict=True):
        np.testing.assert_allclose(state["U"], U, rtol=RTOL)
    np.testing.assert_allclose(power[-1]["sigma2"][:, 0, 0], run.case.arrays["sigma2"], rtol=RTOL)
    np.testing.assert_allclose(run.bases[0], run.case.arrays["U0"], rtol=RTOL)


def test_coefficients_and_gradient_at_the_start(run):
    arrays, problem = run.case.arrays, run.case.tasks.all()
    B, residual = problem.fit(arrays["U0"])
    for p, expected in enumerate(arrays["B_at_U0"]):
        own = arrays["task"][arrays["peer"] == p]
        as_they_appear = own[np.sort(np.unique(own, return_index=True)[1])]
        first, last = run.case.tasks.peer_tasks[p : p + 2]
        ours = B[first:last][np.argsort(np.argsort(as_they_appear))]  # ours are ascending
        np.testing.assert_allclose(ours, expected[: last - first], rtol=RTOL)
        assert not expected[last - first :].any()
    np.testing.assert_allclose(problem.gradient(B, residual), arrays["gradient_at_U0"], rtol=RTOL)


def test_bases_after_some_iterations(run):
    saved = {key: U for key, U in run.case.arrays.items() if key.startswith("U_dif_")}
    assert len(saved) == 4
    for key, U in saved.items():
        np.testing.assert_allclose(run.bases[int(key.removeprefix("U_dif_"))], U, rtol=RTOL)


def test_distance_and_disagreement_curves(run):
    arrays = run.case.arrays
    distances = [subspace_distance(U, arrays["U_true"]).max() for U in run.bases]
    np.testing.assert_allclose(distances, arrays["sd_dif"], rtol=RTOL)
    disagreement = [consensus_error(U) for U in run.bases]
    np.testing.assert_allclose(disagreement, arrays["disagreement_dif"], rtol=RTOL)


def test_result_is_the_last_basis(run):
    assert run.outcome is not None
    np.testing.assert_array_equal(run.outcome.result["U"], run.bases[-1])
