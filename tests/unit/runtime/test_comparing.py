"""In what machines differ, and how bad that is."""

import json
from dataclasses import replace

import pytest

from peer.runtime.checkup import Grade
from peer.runtime.comparing import compare
from peer.runtime.reaching import Answer
from peer.runtime.telling import about, read_about


def found(**answers):
    return {finding.check: finding for finding in compare(answers)}


def answer(ahead_s=0.0, within_s=0.01, **told):
    return Answer(replace(about(), **told), ahead_s, within_s)


@pytest.mark.parametrize(
    ("ahead_s", "grade"),
    [
        (0.0, Grade.GOOD),
        (-59.0, Grade.GOOD),
        (61.0, Grade.LIMITED),
        (-290.0, Grade.LIMITED),
        (301.0, Grade.BAD),
        (-3600.0, Grade.BAD),
    ],
)
def test_a_clock_is_as_bad_as_certificates_take_it(ahead_s, grade):
    finding = found(p1=answer(), p2=answer(ahead_s))["clock"]
    assert finding.grade is grade
    if ahead_s:
        assert "p2's is" in finding.found
        assert ("ahead of" in finding.found) == (ahead_s > 0)
    assert bool(finding.mend) == (grade is not Grade.GOOD)


def test_what_may_be_the_way_s_fault_is_not_the_clock_s():
    assert found(p1=answer(65.0, within_s=10.0))["clock"].grade is Grade.GOOD


def test_another_protocol_is_bad_and_another_version_is_told():
    assert found(p1=answer())["versions"].grade is Grade.GOOD
    other = found(p1=answer(software="difpeer 9.9.9"), p2=answer())["versions"]
    assert other.grade is Grade.LIMITED
    assert "p1 difpeer 9.9.9" in other.found
    foreign = found(p1=answer(protocol="9", software="difpeer 9.9.9"))["versions"]
    assert foreign.grade is Grade.BAD
    assert "protocol 9" in foreign.found


def test_another_processor_means_other_last_bits():
    profile = json.loads(about().profile) | {"blas": "OpenBLAS Haswell"}
    finding = found(p1=answer(profile=json.dumps(profile)), p2=answer())["profile"]
    assert finding.grade is Grade.LIMITED
    assert finding.found.startswith("p1: blas OpenBLAS Haswell, here ")
    assert "p2" not in finding.found
    assert "bit for bit" in finding.mend


@pytest.mark.parametrize("profile", ["", "[]", "null", "{", "[" * 8000])
def test_a_profile_that_cannot_be_read(profile):
    assert found(p1=answer(profile=profile))["profile"].grade is Grade.LIMITED


def test_peers_that_tell_nothing_are_told():
    (finding,) = found(p1=Answer(None, 0.0, 0.1)).values()
    assert finding.grade is Grade.LIMITED
    assert found() == {}


@pytest.mark.parametrize("clock", ["nan", "inf", "soon", "", None])
def test_a_clock_that_shows_no_time(clock):
    told = {"difpeer-software": "s", "difpeer-protocol": "1", "difpeer-profile": "{}", "difpeer-clock": clock}
    metadata = [(key, value) for key, value in told.items() if value is not None]
    assert read_about(metadata) is None
    assert read_about([*metadata[:3], ("difpeer-clock", "12.5")]).clock_s == 12.5
