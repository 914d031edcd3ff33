"""Budgets: what holds, what is exceeded and by how much, and what cannot be told."""

import re
from pathlib import Path

import numpy as np
import pytest

from peer.measure.comparison import Interval, Mean
from peer.report.budget import Budget, Limit, hold, read_budget
from peer.report.budget_words import held_line, outcome
from peer.report.measured import Measured
from peer.report.versus import Compared
from topology.errors import InputError

DOCUMENT = Path(__file__).parents[3] / "docs" / "compare.md"
P95 = "round_latency_ms.p95"


EXAMPLE = Path(__file__).parents[3] / "examples" / "budget.yaml"


class Beside:
    """What a budget is held against."""

    def __init__(self, **figures):
        self.figures = {name.replace("__", "."): one for name, one in figures.items()}


def figure(name, base, run, interval=None, sampled=None):
    ratio = run / base if base and run is not None else None
    measured = Measured(run, sampled, "" if run is not None else "not measured at every peer")
    return Compared(name, Measured(base, why="" if base is not None else "gone"), measured, ratio, interval)


def lines(budget, figures, distance=None):
    held = hold(Budget.model_validate(budget), Beside(**figures))
    return [held_line(one, distance) for one in held], [one.verdict for one in held]


def test_within():
    text, verdicts = lines(
        {"bytes_per_round": {"socket": {"times_base": 1.02}}},
        {"bytes_per_round__socket": figure("bytes_per_round.socket", 1000, 1010)},
    )
    assert text == ["ok        bytes a round, socket (TCP): 1.01 times BASE, limit 1.02 times BASE"]
    assert verdicts == ["ok"]


def test_a_limit_is_within_the_budget():
    _, verdicts = lines(
        {"bytes_per_round": {"payload": {"times_base": 1.0, "at_most": 1000}}},
        {"bytes_per_round__payload": figure("bytes_per_round.payload", 1000, 1000)},
    )
    assert verdicts == ["ok", "ok"]


@pytest.mark.parametrize(("low", "said"), [(1.3, "beyond"), (1.2, "within")])
def test_an_excess_beyond_and_within_its_interval(low, said):
    text, verdicts = lines(
        {"round_latency_ms": {"p95": {"times_base": 1.25}}},
        {"round_latency_ms__p95": figure(P95, 10.0, 14.0, Interval(low, 1.6))},
    )
    assert text == [
        f"exceeded  latency of a round, p95: 1.4 times BASE ({low:g} to 1.6), 12 % above the limit 1.25 times BASE; "
        f"the excess is {said} the interval"
    ]
    assert verdicts == ["exceeded"]


def test_an_absolute_limit_with_the_interval_of_the_run_alone():
    sampled = Mean(np.random.default_rng(0).uniform(9, 11, 120))
    (text,), verdicts = lines(
        {"round_latency_ms": {"p95": {"at_most": 5}}},
        {"round_latency_ms__p95": figure(P95, 10.0, 10.0, None, sampled)},
    )
    assert verdicts == ["exceeded"]
    assert re.fullmatch(
        r"exceeded  latency of a round, p95: 10.0 ms \(.* ms to .* ms\), 100 % above the limit 5.00 ms; "
        "the excess is beyond the interval",
        text,
    )


def test_an_excess_of_what_is_counted_has_no_interval():
    (text,), _ = lines(
        {"bytes_per_round": {"payload": {"times_base": 1.0}}},
        {"bytes_per_round__payload": figure("bytes_per_round.payload", 10_000, 10_001)},
    )
    assert text == (
        "exceeded  bytes a round, values: 1 times BASE, less than 0.1 % above the limit 1 times BASE"
    )


@pytest.mark.parametrize(
    ("base", "run", "said"),
    [(10.0, None, "RUN: not measured at every peer"), (None, 10.0, "BASE: gone"), (0.0, 10.0, "BASE has 0")],
)
def test_what_cannot_be_told(base, run, said):
    (text,), verdicts = lines(
        {"to_distance": {"distance": 1e-3, "seconds": {"times_base": 1.2}}},
        {"to_distance__seconds": figure("to_distance.seconds", base, run)},
        1e-3,
    )
    assert verdicts == ["unknown"]
    assert text.startswith("unknown   seconds to a distance of 1.0 × 10⁻³: cannot be told, " + said)
    assert text.endswith("(limit 1.2 times BASE)")


def test_nothing_is_within_a_multiple_of_nothing():
    text, verdicts = lines(
        {"bytes_per_round": {"payload": {"times_base": 1.0}}},
        {"bytes_per_round__payload": figure("bytes_per_round.payload", 0, 0)},
    )
    assert verdicts == ["ok"]
    assert text == ["ok        bytes a round, values: 1 times BASE, limit 1 times BASE"]


def test_the_outcome_in_a_line():
    budget = Budget.model_validate(
        {"bytes_per_round": {"payload": {"times_base": 1.0, "at_most": 5}, "socket": {"at_most": 1}}}
    )
    beside = Beside(
        bytes_per_round__payload=figure("bytes_per_round.payload", 10, 9),
        bytes_per_round__socket=figure("bytes_per_round.socket", 10, None),
    )
    held = hold(budget, beside)
    assert outcome(held) == "1 limit exceeded, 1 limit cannot be told"
    assert outcome(held[:1]) == "within the budget (1 limit)"


BAD = {
    "an unknown section": (
        "bytes_per_rond: {socket: {times_base: 1}}\n",
        "bytes_per_rond",
        "'bytes_per_round'",
    ),
    "an unknown level": (
        "bytes_per_round: {sockets: {times_base: 1}}\n",
        "bytes_per_round.sockets",
        "'socket'",
    ),
    "an unknown limit": (
        "round_latency_ms: {p95: {at_mst: 1}}\n",
        "round_latency_ms.p95.at_mst",
        "'at_most'",
    ),
    "no limit": ("round_latency_ms: {p95: {}}\n", "round_latency_ms.p95", "give times_base or at_most"),
    "a limit of 0": ("round_latency_ms: {p95: {at_most: 0}}\n", "round_latency_ms.p95.at_most", "0"),
    "a text": ("round_latency_ms: {p95: {at_most: many}}\n", "round_latency_ms.p95.at_most", "many"),
    "no distance": ("to_distance: {seconds: {at_most: 3}}\n", "to_distance.distance", ""),
    "nothing": ("version: 1\n", "has no limit", "times_base"),
    "only a distance": ("to_distance: {distance: 0.1}\n", "has no limit", "times_base"),
    "another version": ("version: 2\nbytes_per_round: {payload: {at_most: 1}}\n", "version", "1"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_budgets(tmp_path, kind):
    text, field, mend = BAD[kind]
    path = tmp_path / "budget.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        read_budget(path)
    assert str(path) in str(refused.value)
    assert field in str(refused.value)
    assert mend in str(refused.value)


def test_the_document_has_every_field_and_its_example_is_a_budget(tmp_path):
    text = DOCUMENT.read_text(encoding="utf-8")
    example = re.search(r"```yaml\n# budget.yaml\n(.*?)```", text, re.DOTALL)
    assert example[1] == EXAMPLE.read_text(encoding="utf-8")
    (tmp_path / "budget.yaml").write_text(example[1])
    assert len(list(read_budget(tmp_path / "budget.yaml").limits())) >= 3
    for part in ("bytes_per_round", "round_latency_ms", "to_distance"):
        section = Budget.model_fields[part].annotation.__args__[0]
        for field in section.model_fields:
            assert f"| `{part}.{field}` |" in text
    for field in Limit.model_fields:
        assert f"`{field}`" in text
