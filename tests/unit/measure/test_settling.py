"""How far a run's bases would still go, by how far they went in each iteration."""

import pytest

from peer.measure.settling import movement, unsettled


def steps(first, factor, count):
    return {iteration: first * factor ** (iteration - 1) for iteration in range(1, count + 1)}


@pytest.mark.parametrize(("factor", "count"), [(0.5, 20), (0.9, 60), (0.99, 40)])
def test_ahead_is_the_sum_of_as_many_iterations_again(factor, count):
    found = movement(steps(0.1, factor, count))
    later = [0.1 * factor ** (iteration - 1) for iteration in range(count + 1, 2 * count + 1)]
    assert found == {
        "first": 0.1,
        "last": pytest.approx(0.1 * factor ** (count - 1), rel=1e-12),
        "ahead": pytest.approx(sum(later), rel=1e-9),
    }


def test_the_last_quarter_counts_and_not_a_quick_beginning():
    slow = {**steps(0.2, 0.5, 7), **dict.fromkeys(range(8, 101), 0.002)}
    assert movement(slow)["ahead"] == pytest.approx(0.2)


def test_iterations_whose_rows_were_lost_are_passed_over():
    whole = steps(0.1, 0.9, 60)
    gaps = {iteration: value for iteration, value in whole.items() if iteration % 7}
    assert movement(gaps)["ahead"] == pytest.approx(movement(whole)["ahead"], rel=1e-9)


def test_steps_that_grow_are_taken_to_stay_as_they_are():
    assert movement(steps(1e-4, 1.1, 10))["ahead"] == pytest.approx(10 * 1e-4 * 1.1**9)


def test_one_iteration_tells_no_rate():
    assert movement({1: 0.3}) == {"first": 0.3, "last": 0.3, "ahead": 0.3}


def test_nothing_moves_any_more():
    assert movement({1: 0.1, 2: 0.0, 3: 0.0}) == {"first": 0.1, "last": 0.0, "ahead": 0.0}
    assert movement({1: 0.1, 2: 0.05, 3: 0.0})["ahead"] == 0.0


def test_an_algorithm_that_does_not_tell():
    assert movement({}) is None
    assert unsettled(None) == ""


def test_small_steps_that_hardly_become_smaller_are_not_settled():
    # As of a run that was stopped at 100 of the 1041 iterations that it needed.
    stopped = movement({iteration: 0.08 / iteration**0.8 for iteration in range(1, 101)})
    assert stopped["last"] < 2.1e-3
    remark = unsettled(stopped)
    assert remark.startswith(
        "This is not settled: the bases moved by 2.0e-03 in the last iteration, by 8.0e-02"
    )
    assert "would go another 0.1; " in remark
    # As of the tutorial's: the step is a quarter of that one's, and becomes smaller twenty times as fast.
    assert unsettled(movement(steps(0.04, 0.93, 60))) == ""


def test_steps_that_stay_but_lead_nowhere_are_settled():
    assert unsettled(movement(dict.fromkeys(range(1, 5001), 3.3e-8))) == ""
