import json

import numpy as np
import pytest
from typer.testing import CliRunner

from peer.algorithms.dif_altgdmin import dif_altgdmin
from peer.cli.topology import app
from peer.consensus import Agreement
from peer.registry import read_spec
from peer.simulate.fast import run_block
from tests.support.problems import make_tasks
from tests.unit.testing.programs import SPEC as ANY_SPEC
from topology.errors import InputError
from topology.shipped import shipped_network

WIDE = {"COLUMNS": "160", "TERM": "dumb"}


def call(*words):
    result = CliRunner().invoke(app, [str(word) for word in words], env=WIDE)
    if isinstance(result.exception, InputError):
        raise result.exception
    return result.stdout


def document(*words):
    return json.loads(call(*words, "--json"))


def agree(start, network, rounds):
    def program(problem, spec, neighbours, streams, state):
        return {"x": (yield from Agreement(rounds, "mean").average(problem))}

    return run_block(program, start, ANY_SPEC, network)


@pytest.mark.parametrize("name", ["er8", "er20", "ring8", "star6"])
def test_the_predicted_agreement_is_enough_and_sends_what_was_predicted(name):
    network = shipped_network(name)
    start = np.random.default_rng(1).standard_normal((len(network.names), 12, 2))
    apart = np.linalg.norm(start - start.mean(axis=0))
    for cost in document("lint", name, "--dim", 12, "--rank", 2)["agreement_costs"]:
        done = agree(start, network, cost["rounds"])
        left = np.linalg.norm(done.result["x"] - start.mean(axis=0)) / apart
        assert left <= cost["accuracy"]
        assert done.payload_bytes == cost["payload_bytes"]


SPEC = "algorithm: dif-altgdmin\nrank: 2\niterations: 6\ninit: {power_iterations: 3, agreement_rounds: 4}\n"


@pytest.mark.parametrize("extra", ["", "tolerance: 1.0e-300\n"])
def test_the_predicted_run_is_what_a_run_sends(tmp_path, extra):
    (tmp_path / "run.yaml").write_text(SPEC + extra)
    network = shipped_network("er8")
    predicted = document("lint", "er8", "--spec", tmp_path / "run.yaml", "--dim", 12)["run"]
    tasks = make_tasks(network.names, [3] * 8, 20, dim=12, rank=2)
    counted = run_block(dif_altgdmin, tasks.all(), read_spec(tmp_path / "run.yaml"), network)
    assert {phase["label"]: (phase["rounds"], phase["payload_bytes"]) for phase in predicted["phases"]} == {
        label: (phase.rounds, phase.payload_bytes) for label, phase in counted.phases.items()
    }
    assert (predicted["rounds"], predicted["payload_bytes"]) == (counted.rounds, counted.payload_bytes)
    share = max(network.adjacency.sum(axis=0)) / network.adjacency.sum()
    assert predicted["worst_peer_payload_bytes"] == round(share * counted.payload_bytes)


def test_the_predicted_run_in_words(tmp_path):
    (tmp_path / "run.yaml").write_text(SPEC)
    text = call("lint", "er8", "--spec", tmp_path / "run.yaml", "--dim", 600)
    for part in (
        "A run of dif-altgdmin that uses all its iterations",
        "init.threshold",
        "init.power",
        "descent",
        "46",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("words", "message"), [([], "--dim: the bytes of a run"), (["--rank", 2], "--rank: found 2")]
)
def test_a_specification_needs_dim_and_brings_rank(tmp_path, words, message):
    (tmp_path / "run.yaml").write_text(SPEC)
    with pytest.raises(InputError, match=message):
        call("lint", "er8", "--spec", tmp_path / "run.yaml", *words)
