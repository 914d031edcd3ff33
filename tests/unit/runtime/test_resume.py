import json
from dataclasses import replace
from pathlib import Path

import pytest

from peer.config import RunSpec, canonical_spec
from peer.data.store import write_peer
from peer.program import Algorithm
from peer.protocol.facts import PeerFact
from peer.protocol.records import RunState
from peer.registry import plugins
from peer.runtime.resume import refuse_changes, rests_on, resumes_from
from peer.state.resuming import HeldRun
from tests.support.problems import local_data, make_tasks, network_of
from tests.unit.state.samples import RUN, checkpoint, failed, kept
from topology.errors import InputError

PROFILE = {"blas": "OpenBLAS 0.3 Haswell", "numpy": "2.2.0"}
STATE = Path("state/p0")


def fact(**fields):
    profile = json.dumps({**PROFILE, **fields.pop("profile", {})})
    told = {
        "dim": 3,
        "num_tasks": 1,
        "num_samples": 5,
        "min_samples": 5,
        "max_samples": 5,
        "software": "0.1.0",
    }
    return PeerFact(**{**told, "profile": profile, **fields})


def held(state=RunState.RUNNING, **fields):
    found = kept(state, fact=fact().to_bytes(), **fields)
    return HeldRun(found.record, found.rests_on, Path("record"), [checkpoint(4)])


def changes(run, own=None, **resting):
    refuse_changes([run], own or fact(), {**kept().rests_on, **resting}, STATE)


@pytest.mark.parametrize("state", RunState)
def test_what_has_not_changed_is_resumed(state):
    changes(held(state))


@pytest.mark.parametrize(
    ("own", "resting", "text"),
    [
        (fact(software="0.2.0"), {}, "difpeer 0.1.0 (now 0.2.0)"),
        (fact(profile={"numpy": "2.3.1"}), {}, "numpy 2.2.0 (now 2.3.1)"),
        (fact(profile={"blas_threads": 4}), {}, "blas_threads None (now 4)"),
        (fact(), {"data": "x"}, "other data than are in the data folder now"),
        (fact(), {"network": "x"}, "another network file (peers, edges or mixing rule)"),
        (
            fact(profile={"blas": "OpenBLAS 0.3 Zen", "numpy": "2.3.1"}),
            {},
            "blas OpenBLAS 0.3 Haswell (now OpenBLAS 0.3 Zen) and numpy 2.2.0 (now 2.3.1)",
        ),
    ],
)
@pytest.mark.parametrize("state", [RunState.ACCEPTED, RunState.RUNNING])
def test_what_has_changed_is_named_with_the_mend(own, resting, text, state):
    with pytest.raises(InputError) as caught:
        changes(held(state), own, **resting)
    assert caught.value.problem == f"run {RUN} is {state} and was begun with {text}"
    assert caught.value.file == "record"
    assert caught.value.mend.startswith("start with what it was begun with, or `difpeer runs delete ")


def test_a_fact_of_another_version_cannot_be_compared():
    run = held()
    run = replace(run, record=replace(run.record, fact=b'{"dim":3,"colour":"red"}'))
    with pytest.raises(InputError, match="begun with another version of difpeer"):
        changes(run)


def test_a_run_that_is_done_here_serves_its_neighbours_on_the_same_network():
    changes(held(RunState.DONE), fact(software="0.2.0"), data="x")
    with pytest.raises(InputError, match="another network file"):
        changes(held(RunState.DONE), network="x")


@pytest.mark.parametrize(
    ("state", "reason"), [(RunState.CLOSED, None), (RunState.TOMB, failed()), (RunState.DONE, failed())]
)
def test_runs_that_are_over_rest_on_nothing(state, reason):
    changes(held(state, reason=reason), fact(software="0.2.0"), data="x", network="x")


def test_the_network_is_its_graph_and_the_data_are_their_numbers(tmp_path):
    network = network_of([("p0", "p1"), ("p1", "p2")])
    tasks = make_tasks(network.names, (1, 1, 1), 5)
    noisy = make_tasks(network.names, (1, 1, 1), 5, noise=1e-12)
    write_peer(tmp_path / "a", local_data(tasks)["p0"])
    write_peer(tmp_path / "b", local_data(noisy)["p0"])
    first = rests_on(tmp_path / "a", network)
    moved = network.with_addresses({"p0": "127.0.0.1:7100"})
    assert rests_on(tmp_path / "a", moved) == first
    assert rests_on(tmp_path / "b", network)["data"] != first["data"]
    for other in (
        network_of([("p0", "p1"), ("p0", "p2")]),
        network_of([("p0", "p1"), ("p1", "p2")], "lazy-metropolis"),
    ):
        assert rests_on(tmp_path / "a", other)["network"] != first["network"]


def test_where_a_run_goes_on_is_said():
    assert resumes_from(held()) == f"run {RUN} resumes from round 12 (checkpoint 4)"
    assert "from its start" in resumes_from(replace(held(), checkpoints=[]))
    assert "before its first round" in resumes_from(held(RunState.ACCEPTED))


@pytest.mark.parametrize("state", [RunState.ACCEPTED, RunState.RUNNING, RunState.DONE])
def test_the_package_of_an_algorithm_must_not_change(state, monkeypatch):
    spec = canonical_spec(RunSpec(algorithm="odd"))
    known = kept(state, fact=fact(algorithm="odd-package 1.0").to_bytes())
    run = HeldRun(replace(known.record, spec=spec), known.rests_on, Path("record"), [checkpoint(4)])
    monkeypatch.setattr(plugins, "_loaded", {})
    with pytest.raises(
        InputError, match=r"the algorithm of odd-package 1\.0 \(now none: there is no algorithm"
    ):
        changes(run)
    brought = Algorithm(None, RunSpec, lambda spec, network: 1)
    monkeypatch.setattr(plugins, "_loaded", {"odd": plugins.Plugin(brought, "odd-package 1.1")})
    with pytest.raises(InputError, match=r"the algorithm of odd-package 1\.0 \(now odd-package 1\.1\)"):
        changes(run)
    monkeypatch.setattr(plugins, "_loaded", {"odd": plugins.Plugin(brought, "odd-package 1.0")})
    changes(run)
