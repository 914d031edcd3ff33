"""In what the machines of a network differ: clocks, versions, and what the bits of results depend on."""

import json
from collections.abc import Iterator, Mapping

from peer.runtime.checkup import Finding, Grade
from peer.runtime.reaching import Answer
from peer.runtime.telling import About, about

__all__ = ["compare"]

LATE_S = 60.0
"""Certificates are valid from five minutes before they were made: a clock that is wrong by more refuses new ones."""
TOO_LATE_S = 300.0


def compare(answers: Mapping[str, Answer]) -> Iterator[Finding]:
    """Compare this machine with peers that have answered.

    Parameters
    ----------
    answers : mapping of str to Answer
        By peer.

    Yields
    ------
    Finding
        Of the clock, the versions and the profile; of nothing where nobody has said anything.
    """
    told = {name: answer for name, answer in answers.items() if answer.about is not None}
    if not told:
        if answers:
            yield Finding(
                "clock",
                Grade.LIMITED,
                "compared with nobody's",
                "no peer tells of itself: update difpeer there",
            )
        return
    own = about()
    yield _clock(told)
    abouts = {name: answer.about for name, answer in told.items() if answer.about is not None}
    yield _versions(own, abouts)
    yield _profiles(own, abouts)


def _clock(told: Mapping[str, Answer]) -> Finding:
    """Against each peer; the worst counts, and the uncertainty is told."""
    worst = max(told, key=lambda name: abs(told[name].ahead_s) - told[name].within_s)
    answer = told[worst]
    off_s = max(0.0, abs(answer.ahead_s) - answer.within_s)
    way = "ahead of" if answer.ahead_s > 0 else "behind"
    found = f"{worst}'s is {abs(answer.ahead_s):.3f} s {way} this one, to within {answer.within_s:.3f} s"
    if off_s < LATE_S:
        return Finding("clock", Grade.GOOD, found)
    grade = Grade.BAD if off_s >= TOO_LATE_S else Grade.LIMITED
    mend = f"certificates are valid by the clock: set the one that is wrong, this machine's or {worst}'s (timedatectl)"
    return Finding("clock", grade, found, mend)


def _versions(own: About, others: Mapping[str, About]) -> Finding:
    protocols = {name: one.protocol for name, one in others.items() if one.protocol != own.protocol}
    if protocols:
        listed = ", ".join(f"{name} {others[name].software} (protocol {p})" for name, p in protocols.items())
        found = f"here {own.software} (protocol {own.protocol}); {listed}"
        return Finding("versions", Grade.BAD, found, "install the same version of difpeer at all peers")
    different = {name: one.software for name, one in others.items() if one.software != own.software}
    if different:
        listed = ", ".join(f"{name} {software}" for name, software in different.items())
        mend = "they understand each other; results may differ between versions, so install the same one"
        return Finding("versions", Grade.LIMITED, f"here {own.software}; {listed}", mend)
    return Finding("versions", Grade.GOOD, f"{own.software} here and at {', '.join(others)}")


def _profiles(own: About, others: Mapping[str, About]) -> Finding:
    different = {name: _difference(own.profile, one.profile) for name, one in others.items()}
    different = {name: what for name, what in different.items() if what}
    if not different:
        return Finding("profile", Grade.GOOD, f"the same here and at {', '.join(others)}: the same bits")
    found = "; ".join(f"{name}: {what}" for name, what in different.items())
    mend = (
        "runs work, and results are not bit for bit those of `simulate --exact` or of other machines, but agree to "
        "rounding; for equal bits use equal processors and versions"
    )
    return Finding("profile", Grade.LIMITED, found, mend)


def _difference(here: str, there: str) -> str:
    """What differs between two profiles."""
    try:
        mine, theirs = json.loads(here), json.loads(there)
        parts = [key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key)]
        return ", ".join(f"{key} {theirs.get(key)}, here {mine.get(key)}" for key in sorted(parts))
    except (ValueError, AttributeError, RecursionError):
        return "one that cannot be read"
