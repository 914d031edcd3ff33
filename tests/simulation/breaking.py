"""Looking for a seed that shows that a rule is missing."""

import re
from collections import Counter

import pytest

from peer.simulate.faults.campaign import SeedFailure, run_seed
from peer.simulate.faults.checks import Checks
from peer.simulate.faults.world import FaultWorld


def breaks(
    within: int,
    text: str,
    world: type[FaultWorld] = FaultWorld,
    checks: type[Checks] = Checks,
) -> None:
    """Some seed below ``within`` fails, with this text."""
    for seed in range(within):
        try:
            run_seed(seed, world, checks)
        except SeedFailure as failure:
            told = str(failure).splitlines()[-2]
            assert re.search(text, told), told
            return
    pytest.fail(f"none of {within} seeds shows it: the rule is not needed, or the faults are too mild")


def count(within: int, world: type[FaultWorld], checks: type[Checks] = Checks) -> Counter[str]:
    """Counts of seeds that all pass."""
    total: Counter[str] = Counter()
    for seed in range(within):
        total += run_seed(seed, world, checks)
    return total
