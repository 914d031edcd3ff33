import sys

import numpy as np
import pytest

from peer.config import RunSpec, canonical_spec
from peer.program import Algorithm
from peer.protocol.facts import PeerFact
from peer.registry import plugins
from peer.runtime import examiner as module
from peer.runtime.access import Loopback
from peer.runtime.examiner import BoundedExaminer
from tests.support.problems import KITE, dif_spec, network_of


def table(network, **fields):
    fact = PeerFact(dim=600, num_tasks=4, num_samples=120, min_samples=30, max_samples=30, **fields)
    return {name: fact.to_bytes() for name in network.names}, fact


def test_values_that_fit_are_taken():
    network = network_of(KITE)
    facts, own = table(network)
    spec = canonical_spec(dif_spec(rank=4, iterations=2))
    assert BoundedExaminer(network, own, Loopback()).verdict(spec, facts) is None


def test_values_longer_than_a_stream_carries_are_refused_with_the_mend(monkeypatch):
    network = network_of(KITE)
    facts, own = table(network)
    spec = canonical_spec(dif_spec(rank=4, iterations=2))
    monkeypatch.setattr(module, "MAX_MESSAGE_BYTES", 600 * 4 * 8)
    assert BoundedExaminer(network, own, Loopback()).verdict(spec, facts) is None
    monkeypatch.setattr(module, "MAX_MESSAGE_BYTES", 600 * 4 * 8 - 1)
    text = BoundedExaminer(network, own, Loopback()).verdict(spec, facts)
    assert text is not None
    assert "19200 bytes" in text
    assert "lower rank" in text


def test_what_the_protocol_refuses_stays_refused():
    network = network_of(KITE)
    facts, own = table(network)
    spec = canonical_spec(dif_spec(rank=21, iterations=2))
    text = BoundedExaminer(network, own, Loopback()).verdict(spec, facts)
    assert text is not None
    assert "21" in text


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (None, None),
        (lambda spec, network, facts: [], None),
        (lambda spec, network, facts: [("a", 1, spec.rank)], "the schedule of odd fails: AttributeError: "),
        (lambda spec, network, facts: sys.exit("bye"), "the schedule of odd fails: SystemExit: bye"),
        (lambda spec, network, facts: None, "the schedule of odd fails: TypeError: "),
        (lambda spec, network, facts: [("a", 3)], "the schedule of odd fails: ValueError: ('a', 3) is not "),
        (lambda spec, network, facts: [("a", 3, None)], "the schedule of odd fails: ValueError: "),
        (lambda spec, network, facts: np.ones((2, 3)), "the schedule of odd fails: ValueError: "),
    ],
)
def test_what_a_package_predicts_refuses_the_run_at_most(schedule, text, monkeypatch):
    odd = Algorithm(None, RunSpec, lambda spec, network: 1, schedule)
    monkeypatch.setattr(plugins, "_loaded", {"odd": plugins.Plugin(odd, "odd-package 1.0")})
    network = network_of(KITE)
    facts, own = table(network)
    told = BoundedExaminer(network, own, Loopback()).verdict(canonical_spec(RunSpec(algorithm="odd")), facts)
    assert told is None if text is None else told.startswith(text)
