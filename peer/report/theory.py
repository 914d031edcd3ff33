"""Theory beside measurement, in words and as tables."""

from peer.measure.theory import AgreementKind, Cost
from peer.report.agreements import Theory
from peer.report.html import card, paragraphs, table
from peer.report.traffic import LEVELS
from peer.report.wording import amount, count, listed, percent, plural, power, seconds

__all__ = ["cost_card", "theory_card", "theory_sentences"]

_CARRIED = {"socket": "over TCP", "message": "of messages", "payload": "of values"}
"""What an accuracy has cost is told at the outermost level that is counted."""

_EQUAL = 0.0005
"""Payload that differs by less is told as equal: one round's rounding, no round too many."""


def theory_sentences(theory: Theory, metric: str) -> list[str]:
    """Say how the agreements compare with theory, and what the accuracy has cost.

    Parameters
    ----------
    theory : Theory
        Of `peer.report.agreements.read_theory`.
    metric : str
        What its number is called: where no truth is known, it tells of no distance to it.

    Returns
    -------
    list of str
        Paragraphs; empty where there is nothing to compare.
    """
    told = []
    planned = [kind for kind in theory.kinds if kind.predicted_payload is not None]
    off = [kind.label for kind in planned if _off(kind)]
    if planned:
        told.append(
            f"The values of an agreement are not as many bytes as predicted in {listed(off)}."
            if off
            else "Every agreement sent as many bytes of values as its algorithm predicts."
        )
    contracting = [
        kind for kind in theory.kinds if kind.measured_contraction is not None and kind.predicted_contraction
    ]
    if contracting:
        last = contracting[-1]
        assert last.measured_contraction is not None
        assert last.predicted_contraction is not None
        told.append(
            f"An agreement of {plural(last.rounds, 'round')} ({last.label}) left "
            f"{percent(last.measured_contraction)} of the largest difference between neighbours, from the first values "
            f"exchanged to the last ones, {plural(last.rounds - 1, 'combination')} later; the network's contraction "
            f"predicts {percent(last.predicted_contraction)}."
        )
    if theory.costs:
        told.append(_cost_sentence(theory.costs[-1], metric))
    return [" ".join(told)] if told else []


def _off(kind: AgreementKind) -> bool:
    predicted = kind.predicted_payload
    return predicted is not None and abs(kind.measured_payload - predicted) > _EQUAL * predicted


def _cost_sentence(cost: Cost, metric: str) -> str:
    level = next(level for level in _CARRIED if level in cost.sent_bytes)
    spent = [
        plural(cost.iteration, "iteration"),
        plural(cost.rounds, "round"),
        f"{amount(cost.sent_bytes[level])} {_CARRIED[level]}",
    ]
    if cost.seconds is not None:
        spent.append(seconds(cost.seconds))
    return f"To come down to {_decade(cost.accuracy)} ({metric}) took {listed(spent)}."


def _decade(accuracy: float) -> str:
    return power(accuracy, 1).removeprefix("1 × ")


def theory_card(theory: Theory) -> str:
    """Make the table of the agreements: predicted beside measured.

    Parameters
    ----------
    theory : Theory
        Of `peer.report.agreements.read_theory`.

    Returns
    -------
    str
        HTML.
    """
    rows = [
        (
            kind.label,
            count(kind.agreements),
            count(kind.rounds),
            "not predicted" if kind.predicted_payload is None else amount(kind.predicted_payload),
            amount(kind.measured_payload),
            "" if kind.predicted_contraction is None else power(kind.predicted_contraction),
            "" if kind.measured_contraction is None else power(kind.measured_contraction),
        )
        for kind in theory.kinds
    ]
    head = (
        "agreement",
        "number",
        "rounds",
        "bytes, theory",
        "bytes, counted",
        "left, theory",
        "left, measured",
    )
    note = (
        "Bytes are of the values of all peers, in one agreement. What is left is the part of the largest difference "
        "between neighbours (Frobenius norm) that remains from the first values exchanged in an agreement to the last "
        "ones, which lie one combination less than rounds apart: in theory gamma to that power; measured of the peers "
        "with the largest difference, the median over the agreements. A maximum over the network is no average and has "
        "none."
    )
    return table(head, rows, numbers=True) + paragraphs([note])


def cost_card(theory: Theory, metric: str) -> str:
    """Make the card that tells what each accuracy has cost.

    Parameters
    ----------
    theory : Theory
        With costs.
    metric : str
        What the number is called.

    Returns
    -------
    str
        HTML.
    """
    levels = [level for level in ("payload", "message", "socket") if level in theory.costs[0].sent_bytes]
    rows = [
        (
            _decade(cost.accuracy),
            count(cost.iteration),
            count(cost.rounds),
            *(amount(cost.sent_bytes[level]) for level in levels),
            "" if cost.seconds is None else seconds(cost.seconds),
        )
        for cost in theory.costs
    ]
    head = ("down to", "iterations", "rounds", *(LEVELS[level] for level in levels), "time")
    note = f"The {metric}, the largest of any peer, when it was first so small; bytes sent by all peers until then."
    return card("What an accuracy costs", paragraphs([note]) + table(head, rows, numbers=True), "costs")
