"""What an algorithm predicts, checked where it leaves the author's code."""

import sys

import numpy as np
import pytest

from peer.config import RunSpec
from peer.program import Algorithm, ContractError

SPEC = RunSpec(algorithm="odd")


def predicted(schedule):
    return Algorithm(None, RunSpec, lambda spec, network: 1, schedule).predicted(SPEC, None, None)


def test_a_schedule_is_a_list_of_plain_numbers():
    assert predicted(None) is None
    assert predicted(lambda spec, network, facts: []) == []
    found = predicted(lambda spec, network, facts: (["a", np.int64(3), np.uint8(8)],))
    assert found == [("a", 3, 8)]
    assert {type(number) for number in found[0][1:]} == {int}


@pytest.mark.parametrize(
    "made",
    [
        [("a", 3)],
        [("a", 3, None)],
        [("a", 3.0, 8)],
        [("a", 3, -1)],
        [("a", -1, 8)],
        [(3, 3, 8)],
        [("x" * 65, 3, 8)],
        [("x\udc80", 3, 8)],
        ["abc"],
        [None],
        np.ones((2, 3)),
    ],
)
def test_other_entries_are_a_fault_of_the_algorithm(made):
    with pytest.raises(
        ContractError, match=r"^the schedule of odd fails: ValueError: .* is not \(label, rounds, "
    ):
        predicted(lambda spec, network, facts: made)


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (lambda spec, network, facts: None, "TypeError: "),
        (lambda spec, network, facts: spec.rank, "AttributeError: "),
        (lambda spec, network, facts: sys.exit(3), "SystemExit: 3"),
    ],
)
def test_whatever_a_schedule_raises_has_the_algorithms_name(schedule, text):
    with pytest.raises(ContractError, match=f"^the schedule of odd fails: {text}"):
        predicted(schedule)
