"""What the documents' test takes for the same output, and what not."""

import pytest

from tests.support.documents import Command, expect


def shown(*lines):
    return Command("difpeer run run.yaml", 1, list(lines))


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        (
            "wire (with headers, an estimate) 993.9 kB, 1.4 kB a round",
            "wire (with headers, an estimate) 1.0 MB, 998 B a round",
        ),
        ("round latency p50 1.48 ms, p95 7.33 ms", "round latency p50 0.97 ms, p95 1.02 s"),
        ("720 rounds in 2.4 s", "720 rounds in 11.3 s"),
        ("digest 0123456789ab", "digest ba9876543210"),
        ("distance 4.96e-04", "distance 5.10e-04"),
    ],
)
def test_traffic_times_and_digests_may_differ(written, printed):
    expect(shown(written), [printed])


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("distance 4.96e-04", "distance 9.96e-04"),
        ("wire 993.9 kB", "wire 993.9 ms"),
        ("socket 993.9 kB", "wire 993.9 kB"),
        ("3 peers", "3 edges"),
        ("3 peers", "3 peers, 2 edges"),
    ],
)
def test_other_words_and_other_results_may_not(written, printed):
    with pytest.raises(AssertionError, match="line 1: difpeer run"):
        expect(shown(written), [printed])


def test_dots_stand_for_any_lines():
    expect(shown("first", "...", "last"), ["first", "second", "third", "last"])
    with pytest.raises(AssertionError):
        expect(shown("first", "...", "last"), ["first", "second"])
