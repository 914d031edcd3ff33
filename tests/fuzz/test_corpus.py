"""All that fuzzing has ever reached is gone through again, and a little more is fuzzed."""

from pathlib import Path

import pytest

from tests.fuzz.campaign import CORPUS, Campaign
from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import DECODERS

SHORT_S = 20
"""For all decoders together: `make fuzz` is the long one."""

MOST_BYTES = 1_000_000


@pytest.mark.parametrize("name", DECODERS)
def test_what_was_reached_before(name):
    inputs = [*SEEDS[name], *(path.read_bytes() for path in sorted((CORPUS / name).iterdir()))]
    assert len(inputs) > len(SEEDS[name])
    for data in inputs:
        DECODERS[name](data)


def test_the_corpus_stays_small():
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < MOST_BYTES


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    pytest.importorskip("atheris", reason="has no build for this system", exc_type=ImportError)
    return Campaign(tmp_path)


def test_a_short_campaign(campaign):
    done = campaign.run("any", 10_000_000, f"-max_total_time={SHORT_S}")
    assert done.status == 0, done.said
    assert not list(campaign.found.iterdir())
    assert done.inputs > len(SEEDS["any"])


def test_a_fault_is_found_and_kept(campaign):
    """Three letters, one after the other: random inputs would need millions."""
    done = campaign.run("canary", 1_000_000, "-seed=1")
    assert done.status != 0
    assert "KeyError" in done.said
    (found,) = campaign.found.iterdir()
    assert found.name.startswith("canary-crash-")
    assert found.read_bytes().startswith(b"fuz")


def test_a_campaign_goes_on_where_it_stopped(campaign):
    campaign.run("fact", 500)
    again = Campaign(campaign.folder)
    inputs, _ = again.done["fact"]
    assert inputs >= 500
    assert f"{int(inputs)} inputs" in again.table()
