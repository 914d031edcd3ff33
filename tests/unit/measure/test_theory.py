import numpy as np
import pytest

from peer.measure.theory import agreement_kinds, costs, find_agreements

# Three rounds, one round, three rounds; a maximum of two rounds without disagreement.
MARKS = [
    (0, "init", True, 8.0),
    (2, "init", False, 2.0),
    (3, "once", True, 5.0),
    (4, "init", True, 4.0),
    (6, "init", False, 2.0),
    (7, "stop", True, None),
]
PAYLOAD = np.array([10, 10, 10, 7, 10, 10, 10, 1, 1])


def test_rounds_are_cut_into_agreements():
    found = find_agreements(MARKS, PAYLOAD)
    assert found.labels == ("init", "once", "init", "stop")
    assert found.starts.tolist() == [0, 3, 4, 7]
    assert found.rounds.tolist() == [3, 1, 3, 2]
    assert found.payload_bytes.tolist() == [30, 7, 30, 2]
    np.testing.assert_array_equal(found.contraction, [0.25, np.nan, 0.5, np.nan])


def test_kinds_of_agreements_beside_theory():
    schedule = [("init", 6, 5), ("stop", 2, 1), ("never", 0, 9)]
    init, once, stop = agreement_kinds(find_agreements(MARKS, PAYLOAD), schedule, directions=2, gamma=0.5)
    assert (init.label, init.agreements, init.rounds) == ("init", 2, 3)
    assert (init.predicted_payload, init.measured_payload) == (2 * 3 * 5, 30)
    assert (init.predicted_contraction, init.measured_contraction) == (0.25, pytest.approx(0.375))
    assert (once.rounds, once.predicted_payload, once.measured_contraction, once.predicted_contraction) == (
        1,
        None,
        None,
        None,
    )
    assert (stop.predicted_payload, stop.measured_payload, stop.predicted_contraction) == (4, 2, None)
    assert agreement_kinds(find_agreements(MARKS, PAYLOAD), None, 2, 0.5)[0].predicted_payload is None


def test_a_run_without_marks_has_no_agreements():
    found = find_agreements([], np.zeros(4, np.int64))
    assert (found.labels, found.rounds.tolist(), agreement_kinds(found, None, 2, 0.5)) == ((), [], ())


def test_what_each_power_of_ten_has_cost():
    values = np.array([0.5, 0.09, 0.2, 0.004, 0.0005])
    rounds = np.array([2, 4, 6, 8, 10])
    sent = {"payload": 100.0 * np.arange(11)}
    found = costs(np.arange(5), values, rounds, sent, rounds / 10)
    assert [
        (cost.accuracy, cost.iteration, cost.rounds, cost.sent_bytes, cost.seconds) for cost in found
    ] == [
        (0.1, 1, 4, {"payload": 400}, 0.4),
        (0.01, 3, 8, {"payload": 800}, 0.8),
        (0.001, 4, 10, {"payload": 1000}, 1.0),
    ]
    assert costs(np.arange(5), values, rounds, sent, None)[0].seconds is None


@pytest.mark.parametrize("values", [[0.0, 0.0], [3.0, 2.0], []])
def test_what_was_not_reached_costs_nothing(values):
    values = np.array(values)
    places = np.arange(len(values))
    assert costs(places, values, places, {"payload": np.zeros(3)}, None) == ()
