"""What a driver takes of a program's requests, told as the author's mistake where it does not."""

import numpy as np
import pytest

from peer.program import Broadcast, Checkpoint, ContractError, FloodMax, Progress, RequestCheck
from peer.program.bounds import MAX_LABEL_CHARS, MAX_METRICS

ONE = np.ones(1)
VALUE = np.ones((1, 3))


def refused(request, text, peers=1):
    with pytest.raises(ContractError, match=text):
        RequestCheck(peers).check(request)


def test_what_keeps_the_bounds_is_taken():
    check = RequestCheck(1)
    check.check(Broadcast(VALUE, ""))
    check.check(FloodMax(ONE, "ö" * MAX_LABEL_CHARS))
    check.check(Checkpoint({}))
    check.check(Progress(0, {f"m{i}": ONE for i in range(MAX_METRICS)}, {"U": VALUE}))
    check.check(None)


@pytest.mark.parametrize("label", [3, None, b"mean", ["mean"], "x" * 65, "x\udc80", "two\nlines"])
@pytest.mark.parametrize(
    "request_of", [lambda label: Broadcast(VALUE, label), lambda label: FloodMax(ONE, label)]
)
def test_labels_are_short_printable_texts(label, request_of):
    refused(
        request_of(label), r"(Broadcast|FloodMax) has the label .*; a label is a str of at most 64 printable"
    )


@pytest.mark.parametrize("number", [np.int64(7), np.uint8(7), np.array(7), 7])
def test_iterations_of_any_kind_of_int_become_an_int(number):
    check = RequestCheck(1)
    check.check(Progress(number, {}, {}))
    assert (type(check.iteration), check.iteration) == (int, 7)


@pytest.mark.parametrize("number", [1.0, "a", None, -1, 2**63, np.float64(2), np.ones(2, int)])
def test_other_iterations_are_refused(number):
    refused(Progress(number, {}, {}), "Progress has the iteration .* it is a whole number")


def test_iterations_stay_or_rise():
    check = RequestCheck(1)
    for number in (0, 2, 2, 5):
        check.check(Progress(number, {}, {}))
    with pytest.raises(ContractError, match="Progress has the iteration 4 after 5; iterations never fall"):
        check.check(Progress(4, {}, {}))


@pytest.mark.parametrize(
    ("metrics", "text"),
    [
        ({f"m{i}": ONE for i in range(256)}, "256 metrics; it takes at most 255"),
        ({3: ONE}, "a metric of the name of type int"),
        ({"": ONE}, "a metric of the name ''"),
        ({"x" * 65: ONE}, "a metric of the name 'xxx"),
        ({"a\tb": ONE}, r"a metric of the name 'a\\tb'"),
        ({"a": 1.0}, "'a' of Progress is a float"),
        ({"a": np.array(["x"])}, "'a' of Progress is an array of <U1"),
        ({"a": np.array([1j])}, "'a' of Progress is an array of complex128"),
        ({"a": np.array(1.0)}, "^rule 1: the metric 'a' of Progress has no axis of the peers"),
        ({"a": np.ones(2)}, "^rule 1: the metric 'a' of Progress has no axis of the peers"),
        ({"a": np.ones((1, 2))}, r"'a' of Progress has the shape \(2,\) at each peer"),
        (None, "metrics of type NoneType"),
    ],
)
def test_metrics_are_few_named_real_numbers_of_each_peer(metrics, text):
    refused(Progress(1, metrics, {}), text)


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (None, "estimate of type NoneType"),
        ({"U": 1.0}, "the estimate 'U' of Progress is a float, not an array"),
        ({"U": np.ones((2, 3))}, "^rule 1: the estimate 'U' of Progress has no axis of the peers"),
    ],
)
def test_estimates_are_arrays_of_each_peer(estimate, text):
    refused(Progress(1, {}, estimate), text)


def test_what_is_no_request_is_told_so():
    refused(VALUE, "the program yields a ndarray, not a request")
