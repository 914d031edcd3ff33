"""What theory says of a run's agreements, beside what was measured of them; and what an accuracy has cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["AgreementKind", "Agreements", "Cost", "agreement_kinds", "costs", "find_agreements"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LEAST_POWER = -300


@dataclass(frozen=True)
class Agreements:
    """The agreements of a run, one after the other; arrays have shape (k,).

    Attributes
    ----------
    labels : tuple of str
        What each was for.
    starts, rounds : ndarray
        int64: its first round, and how many it has.
    contraction : ndarray
        float64: the largest difference between neighbours in its last round, as a part of that in its first one;
        NaN where it has one round only, or was not measured.
    payload_bytes : ndarray
        int64: values of all its rounds, sent by all peers.
    """

    labels: tuple[str, ...]
    starts: Ints
    rounds: Ints
    contraction: Floats
    payload_bytes: Ints


@dataclass(frozen=True)
class AgreementKind:
    """All agreements with one label.

    Attributes
    ----------
    label : str
        What they were for.
    agreements : int
        How many there were.
    rounds : int
        Rounds of one of them, the median.
    predicted_payload, measured_payload : float or None, float
        Bytes of values that all measured peers send in one of them: by the algorithm's own schedule, None where it
        has none for this label; and as counted, the mean.
    predicted_contraction, measured_contraction : float or None
        By what part the values' differences shrink from the first values exchanged to the last ones, which lie
        ``rounds - 1`` combinations apart: ``gamma ^ (rounds - 1)``, and the median of what was measured. None with
        one round, and where nothing was measured.
    """

    label: str
    agreements: int
    rounds: int
    predicted_payload: float | None
    measured_payload: float
    predicted_contraction: float | None
    measured_contraction: float | None


@dataclass(frozen=True)
class Cost:
    """What it took until the number of the iterations was first at or below an accuracy.

    Attributes
    ----------
    accuracy : float
        A power of ten.
    iteration, rounds : int
        Of the main loop, and with the neighbours.
    sent_bytes : mapping of str to int
        By level, sent by all peers; levels that were measured.
    seconds : float or None
        Since the first round; None where there were no clocks.
    """

    accuracy: float
    iteration: int
    rounds: int
    sent_bytes: Mapping[str, int]
    seconds: float | None


def find_agreements(marks: Sequence[tuple[int, str, bool, float | None]], payload_bytes: Ints) -> Agreements:
    """Cut a run's rounds into agreements.

    Parameters
    ----------
    marks : sequence of (round, label, opens, disagreement)
        Ascending: rounds before which a program has computed, and rounds with a disagreement, the largest of any
        peer; None where it is not known.
    payload_bytes : ndarray
        Shape (rounds,), int64: by round.

    Returns
    -------
    Agreements
        Each from a round that a program's computing comes before, up to the next one.
    """
    apart = {number: value for number, _, _, value in marks if value is not None}
    opening = [(number, label) for number, label, opens, _ in marks if opens]
    starts = np.array([number for number, _ in opening], np.int64)
    ends = np.append(starts[1:], len(payload_bytes))[: len(starts)]
    until = np.concatenate([[0], np.cumsum(payload_bytes)])
    contraction = np.full(len(starts), np.nan)
    for i, (first, last) in enumerate(zip(starts.tolist(), (ends - 1).tolist(), strict=True)):
        if last > first and apart.get(first) and last in apart:
            contraction[i] = apart[last] / apart[first]
    return Agreements(
        tuple(label for _, label in opening), starts, ends - starts, contraction, until[ends] - until[starts]
    )


def agreement_kinds(
    agreements: Agreements, schedule: Sequence[tuple[str, int, int]] | None, directions: int, gamma: float
) -> tuple[AgreementKind, ...]:
    """Put theory beside measurement, label by label.

    Parameters
    ----------
    agreements : Agreements
        Of `find_agreements`.
    schedule : sequence of (str, int, int), or None
        The algorithm's own: label, rounds, payload bytes of one message.
    directions : int
        Of edges, whose sender was measured; each carries a message in every round.
    gamma : float
        The network's contraction in one round, from `topology.mixing.gamma`.

    Returns
    -------
    tuple of AgreementKind
        In the order in which the labels came first.
    """
    labels = np.array(agreements.labels)
    return tuple(
        _kind(label, agreements, labels == label, schedule or (), directions, gamma)
        for label in dict.fromkeys(agreements.labels)
    )


def _kind(
    label: str,
    agreements: Agreements,
    own: NDArray[np.bool_],
    schedule: Sequence[tuple[str, int, int]],
    directions: int,
    gamma: float,
) -> AgreementKind:
    rounds = int(np.median(agreements.rounds[own]))
    planned = [(count, size) for name, count, size in schedule if name == label and count]
    per_round = None
    if planned:
        per_round = (
            directions * sum(count * size for count, size in planned) / sum(count for count, _ in planned)
        )
    contraction = agreements.contraction[own]
    known = contraction[~np.isnan(contraction)]
    return AgreementKind(
        label=label,
        agreements=int(own.sum()),
        rounds=rounds,
        predicted_payload=None if per_round is None else per_round * rounds,
        measured_payload=float(agreements.payload_bytes[own].mean()),
        predicted_contraction=gamma ** (rounds - 1) if known.size else None,
        measured_contraction=float(np.median(known)) if known.size else None,
    )


def costs(
    iterations: Ints, values: Floats, rounds: Ints, sent: Mapping[str, Floats], seconds: Floats | None
) -> tuple[Cost, ...]:
    """Tell what each power of ten has cost, down to the least one that was reached.

    Parameters
    ----------
    iterations, values, rounds : ndarray
        Shape (k,): iterations, ascending; their numbers; rounds done by then.
    sent : mapping of str to ndarray
        By level, each of shape (rounds + 1,): bytes that all peers sent before a round.
    seconds : ndarray or None
        Shape (k,).

    Returns
    -------
    tuple of Cost
        For 0.1, 0.01, …; without those that the first number was below, for they cost nothing here.
    """
    found = []
    positive = values[values > 0]
    if not positive.size:
        return ()
    least = max(int(np.floor(np.log10(positive.min()))), _LEAST_POWER)
    for power in range(-1, least - 1, -1):
        accuracy = float(f"1e{power}")
        reached = np.flatnonzero(values <= accuracy)
        if not reached.size or reached[0] == 0:
            continue
        at = int(reached[0])
        found.append(
            Cost(
                accuracy,
                int(iterations[at]),
                int(rounds[at]),
                {level: round(float(before[rounds[at]])) for level, before in sent.items()},
                None if seconds is None else float(seconds[at]),
            )
        )
    return tuple(found)
