"""What theory says of a run's agreements and what was measured, out of its ledger."""

import sqlite3
from dataclasses import dataclass

from peer.measure.theory import AgreementKind, Agreements, Cost, agreement_kinds, costs, find_agreements
from peer.report.learning import Learning
from peer.report.reading import Recorded
from peer.report.sent import Sent
from peer.report.traffic import Traffic

__all__ = ["Theory", "read_theory"]

# The first round of an agreement is the one before which a program has computed; few rounds have either mark.
_MARKS = """
SELECT round, label, max(adapt_ns > 0), max(disagreement) FROM rounds
WHERE adapt_ns > 0 OR disagreement IS NOT NULL GROUP BY round ORDER BY round
"""


@dataclass(frozen=True)
class Theory:
    """Theory beside measurement.

    Attributes
    ----------
    kinds : tuple of AgreementKind
        By label.
    costs : tuple of Cost
        What each accuracy has cost; of the number that the progress is shown by.
    metric : str or None
        That number, as the ledger has it.
    agreements : Agreements
        One by one.
    """

    kinds: tuple[AgreementKind, ...]
    costs: tuple[Cost, ...]
    metric: str | None
    agreements: Agreements


def read_theory(
    books: sqlite3.Connection, run: Recorded, sent: Sent, traffic: Traffic, learning: Learning | None
) -> Theory:
    """Read it out of a ledger.

    Parameters
    ----------
    books : sqlite3.Connection
        The ledger.
    run : Recorded
        Its summary has the schedule.
    sent : Sent
        Of `peer.report.sent.first_sendings`.
    traffic : Traffic
        Of `peer.report.traffic.read_traffic`.
    learning : Learning or None
        How far the peers had learnt.

    Returns
    -------
    Theory
        Of the whole run.
    """
    marks = [(number, label, bool(opens), apart) for number, label, opens, apart in books.execute(_MARKS)]
    agreements = find_agreements(marks, sent.rounds["payload"])
    summary = run.summary
    schedule = (
        None if summary.schedule is None else [(e.label, e.rounds, e.payload_bytes) for e in summary.schedule]
    )
    assert run.network is not None  # there is a ledger
    # Values of peers without a ledger are in no sum.
    directions = sum(
        len(run.network.neighbours(name)) for name in run.network.names if name not in run.unheard
    )
    reached: tuple[Cost, ...] = ()
    if learning is not None and learning.rounds is not None:
        reached = costs(
            learning.iterations, learning.values, learning.rounds, traffic.sent_before, learning.seconds
        )
    return Theory(
        agreement_kinds(agreements, schedule, directions, summary.gamma),
        reached,
        None if learning is None else learning.metric,
        agreements,
    )
