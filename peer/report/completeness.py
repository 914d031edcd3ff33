"""What a ledger lacks, and what happened beside the rounds."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Completeness", "Event", "read_completeness"]

MOST_EVENTS = 100

_ROWS = "SELECT peer, count(DISTINCT round) FROM rounds GROUP BY peer"
_STARTS = "SELECT peer, count(DISTINCT incarnation) FROM rounds GROUP BY peer HAVING count(DISTINCT incarnation) > 1"
# The opening of the links and the states that every run goes through are no news.
_EVENTS = """
SELECT peer, at_utc, kind, text FROM events AS happened
WHERE kind NOT IN ('run-accepted', 'run-running', 'run-done', 'run-closed')
  AND (kind <> 'link-up' OR EXISTS (
    SELECT 1 FROM events WHERE kind = 'link-down' AND peer = happened.peer AND at_utc <= happened.at_utc))
ORDER BY at_utc
"""
_BEGUN = "SELECT min(at_utc) FROM events"


@dataclass(frozen=True)
class Event:
    """Something worth knowing that happened at a peer."""

    peer: str
    at_utc: str
    kind: str
    text: str


@dataclass(frozen=True)
class Completeness:
    """How far a ledger can be trusted to be whole.

    Attributes
    ----------
    begun_utc : str or None
        When the first peer took the run, ISO 8601.
    missing_rounds : mapping of str to int
        Rounds without a row, by peer; only peers that lack some.
    starts : mapping of str to int
        How often a peer was started in the run; only peers with more than one.
    events : tuple of Event
        Links lost and found, warnings; at most `MOST_EVENTS`.
    more_events : int
        How many there were beyond those.
    """

    begun_utc: str | None
    missing_rounds: Mapping[str, int]
    starts: Mapping[str, int]
    events: tuple[Event, ...]
    more_events: int


def read_completeness(books: sqlite3.Connection, peers: tuple[str, ...], rounds: int) -> Completeness:
    """Read it out of a ledger.

    Parameters
    ----------
    books : sqlite3.Connection
        The ledger.
    peers : tuple of str
        All peers of the network.
    rounds : int
        Rounds of the run.

    Returns
    -------
    Completeness
        Of all peers.
    """
    found = dict(books.execute(_ROWS).fetchall())
    events = [Event(*row) for row in books.execute(_EVENTS)]
    return Completeness(
        begun_utc=books.execute(_BEGUN).fetchone()[0],
        missing_rounds={peer: rounds - found.get(peer, 0) for peer in peers if found.get(peer, 0) < rounds},
        starts=dict(books.execute(_STARTS).fetchall()),
        events=tuple(events[:MOST_EVENTS]),
        more_events=max(len(events) - MOST_EVENTS, 0),
    )
