"""The campaign: 2,000 networks under faults, each seed replayable, none with a wrong bit or a deadlock."""

import hashlib
import os
import subprocess
import sys
from collections import Counter

import pytest

from peer.simulate.faults import __main__ as command
from peer.simulate.faults.campaign import SeedFailure, run_seed
from peer.simulate.faults.checks import Broken, Checks
from peer.simulate.faults.world import FaultWorld

CHUNK = 100


@pytest.mark.parametrize("first", range(0, 2000, CHUNK))
def test_seeds(first):
    counts: Counter[str] = Counter()
    for seed in range(first, first + CHUNK):
        counts += run_seed(seed)
    # The faults are really there, also at the moments that are the hardest to survive.
    assert counts["kills"] > 500
    assert counts["kills_before_checkpoint"] > 100
    assert counts["kills_between_effects"] > 100
    assert counts["kills_after_done"] > 10
    assert counts["cuts"] > 100
    assert counts["duplicates"] > 200
    assert counts["damaged"] > 5
    assert counts["full_at_start"] > 50
    assert counts["stops_at_full_disks"] > 5


class LoggedWorld(FaultWorld):
    """Keeps the whole log of events, for a digest of it."""

    log_length = None
    last: "LoggedWorld"

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        LoggedWorld.last = self


def log_digest(seed: int) -> str:
    run_seed(seed, LoggedWorld)
    return hashlib.sha256("\n".join(LoggedWorld.last.log()).encode()).hexdigest()


def test_a_seed_gives_the_same_events_again():
    assert [log_digest(seed) for seed in range(20)] == [log_digest(seed) for seed in range(20)]
    assert len({log_digest(seed) for seed in range(20)}) == 20


def test_a_seed_gives_the_same_events_in_another_process():
    """Nothing depends on the order of a set, which another process hashes otherwise."""
    code = "from tests.simulation.test_seeds import log_digest; print(*map(log_digest, range(10)))"
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert told[0] == told[1]


def test_a_failing_seed_tells_its_last_events_and_how_to_replay_it():
    class Never(Checks):
        def at_the_end(self, expected_to_close: bool) -> None:
            raise Broken("shown for a test")

    with pytest.raises(SeedFailure) as failure:
        run_seed(3, checks_type=Never)
    lines = str(failure.value).splitlines()
    assert lines[-2:] == [
        "seed 3: Broken: shown for a test",
        "replay: python -m peer.simulate.faults --seed 3",
    ]
    assert len(lines) == 2 + FaultWorld.log_length
    assert "MessageReceived" in lines[-3]


def test_the_replay_command_runs_one_seed():
    line = [sys.executable, "-m", "peer.simulate.faults", "--seed", "3"]
    told = subprocess.run(line, check=True, capture_output=True, text=True)
    assert told.stderr.startswith("1 seeds: ")
    assert "no wrong bit, no deadlock" in " ".join(told.stderr.split())


def test_a_campaign_ends_with_the_first_seed_that_fails(monkeypatch, capsys):
    def fails_at_5(seed: int) -> Counter[str]:
        if seed == 5:
            raise SeedFailure("seed 5: shown for a test")
        return Counter(events=1)

    monkeypatch.setattr(command, "run_seed", fails_at_5)
    command.main(seeds="0:5")
    assert "5 seeds: 5 events" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        command.main(seeds="0:9")
    assert end.value.code == 1
    assert "seed 5: shown for a test" in capsys.readouterr().err
