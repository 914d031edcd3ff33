"""A run as a trace in Chrome's Trace Event format, which Perfetto and ``chrome://tracing`` show.

Every peer is a process with four tracks: ``program`` (adapt), ``rounds`` (each with encode, send, wait and decode
inside), ``sent`` and ``received`` (a mark for each message). An arrow leads from a value's first sending to its first
arrival. TCP's bytes are counters, events of the ledger are marks. Times are in µs since the first of all these.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, pairwise
from typing import Any, TextIO

__all__ = ["time_axis", "trace_events", "write_trace"]

Json = dict[str, Any]
Axis = Callable[[str, int], float]
Row = tuple[Any, ...]

PROGRAM, ROUNDS, SENT, RECEIVED = 1, 2, 3, 4
"""Numbers of the tracks; 0 is the process itself."""

_TRACKS = {PROGRAM: "program", ROUNDS: "rounds", SENT: "sent", RECEIVED: "received"}
_PARTS = ("encode", "send", "wait", "decode")
MARK_US = 1.0
"""An arrow begins and ends in a slice, so a message has this length; less where the next one comes sooner."""

_PEERS = "SELECT DISTINCT peer FROM rounds ORDER BY peer"
# With the first round comes what was before it, and with the last what was after.
_FIRST = """
SELECT peer, min(at_ns) FROM (
  SELECT peer, started_ns - coalesce(adapt_ns, 0) AS at_ns FROM rounds WHERE round >= :first AND round < :end
  UNION ALL SELECT peer, at_ns FROM messages WHERE round >= :first AND round < :end
  UNION ALL SELECT peer, at_ns FROM events WHERE :first = 0)
WHERE at_ns IS NOT NULL GROUP BY peer
"""
_LAST = """
SELECT peer, max(at_ns) FROM (
  SELECT peer, started_ns + latency_ns AS at_ns FROM rounds WHERE round >= :first AND round < :end
  UNION ALL SELECT peer, at_ns FROM events WHERE :end > (SELECT max(round) FROM rounds))
WHERE at_ns IS NOT NULL GROUP BY peer
"""
# Both ends of each value, the first time at each of them: what only one end has gets no arrow.
_ARROWS = """
CREATE TEMP TABLE arrows AS
WITH ends AS MATERIALIZED (
  SELECT peer, neighbour, direction, seq, min(at_ns) AS at_ns FROM messages
  WHERE kind = 'value' AND at_ns IS NOT NULL AND round >= :first AND round < :end
  GROUP BY peer, neighbour, direction, seq),
pairs AS MATERIALIZED (
  SELECT row_number() OVER () AS id, sent.peer AS source, sent.neighbour AS target, sent.seq AS seq,
    sent.at_ns AS sent_ns, received.at_ns AS received_ns
  FROM ends AS sent JOIN ends AS received
    ON received.peer = sent.neighbour AND received.neighbour = sent.peer AND received.seq = sent.seq
  WHERE sent.direction = 'sent' AND received.direction = 'received')
SELECT id, source AS peer, target AS neighbour, 'sent' AS direction, seq, sent_ns AS at_ns FROM pairs
UNION ALL SELECT id, target, source, 'received', seq, received_ns FROM pairs
"""
_ROUNDS = """
SELECT round, label, iteration, incarnation, started_ns, latency_ns, encode_ns, send_ns, wait_ns, decode_ns, adapt_ns,
  gated_by, slack_ns
FROM rounds WHERE peer = :peer AND round >= :first AND round < :end AND started_ns IS NOT NULL ORDER BY started_ns
"""
_MESSAGES = """
SELECT one.at_ns, one.neighbour, one.round, one.kind, one.payload_bytes, one.message_bytes, one.resent, arrows.id
FROM messages AS one LEFT JOIN arrows ON arrows.peer = one.peer AND arrows.neighbour = one.neighbour
  AND arrows.direction = one.direction AND arrows.seq = one.seq AND arrows.at_ns = one.at_ns AND one.kind = 'value'
WHERE one.peer = :peer AND one.direction = :direction AND one.at_ns IS NOT NULL AND (
  one.round >= :first AND one.round < :end OR one.round IS NULL AND one.at_ns BETWEEN :since AND :until)
ORDER BY one.at_ns
"""
_SOCKETS = """
SELECT at_ns, incarnation, neighbour, connection, bytes_sent - bytes_retrans, bytes_received FROM sockets
WHERE peer = :peer AND bytes_sent IS NOT NULL AND at_ns BETWEEN :since AND :until ORDER BY at_ns
"""
_EVENTS = "SELECT at_ns, kind, text FROM events WHERE peer = :peer AND at_ns BETWEEN :since AND :until ORDER BY at_ns"


def time_axis(begins: Mapping[str, int], offsets: Mapping[str, int | None]) -> Axis:
    """Put the clocks of all peers on one axis.

    Parameters
    ----------
    begins : mapping of str to int
        By peer, the first moment that is shown, in ns of its own clock.
    offsets : mapping of str to int or None
        How far a peer's clock is ahead of the common one, in ns; 0 where a peer is not in it. None where nobody knows:
        such a peer begins with the first of the others.

    Returns
    -------
    callable
        Takes a peer and a moment of its clock, in ns, and gives µs since the first moment of any peer.
    """
    ahead = {peer: offsets.get(peer, 0) for peer in begins}
    firsts = {peer: begins[peer] - offset for peer, offset in ahead.items() if offset is not None}
    origin = min(firsts.values(), default=0)
    zeros = {peer: begins[peer] if offset is None else offset + origin for peer, offset in ahead.items()}

    def at_us(peer: str, at_ns: int) -> float:
        return (at_ns - zeros[peer]) / 1000

    return at_us


def write_trace(
    books: sqlite3.Connection, file: TextIO, offsets: Mapping[str, int | None], rounds: range
) -> int:
    """Write the trace of a run; its events pass through, and are never in memory together.

    Parameters
    ----------
    books : sqlite3.Connection
        The ledger; it gets a temporary table.
    file : text file
        To write to.
    offsets : mapping of str to int or None
        Of `time_axis`.
    rounds : range
        Those that are shown, one after the other.

    Returns
    -------
    int
        Events.
    """
    count = 0
    file.write('{"displayTimeUnit":"ms","traceEvents":[')
    for count, event in enumerate(trace_events(books, offsets, rounds), start=1):
        file.write(("\n" if count == 1 else ",\n") + json.dumps(event, separators=(",", ":")))
    file.write("\n]}\n")
    return count


def trace_events(
    books: sqlite3.Connection, offsets: Mapping[str, int | None], rounds: range
) -> Iterator[Json]:
    """Make the events of a trace, those of a track in the order of their times.

    Parameters
    ----------
    books : sqlite3.Connection
        The ledger; it gets a temporary table.
    offsets : mapping of str to int or None
        Of `time_axis`.
    rounds : range
        Those that are shown, one after the other.

    Yields
    ------
    dict
        One event of the Trace Event format.
    """
    chosen = {"first": rounds.start, "end": rounds.stop}
    begins: dict[str, int] = dict(books.execute(_FIRST, chosen).fetchall())
    ends: dict[str, int] = dict(books.execute(_LAST, chosen).fetchall())
    axis = time_axis(begins, offsets)
    books.execute("DROP TABLE IF EXISTS temp.arrows")
    books.execute(_ARROWS, chosen)
    books.execute("CREATE INDEX temp.arrow ON arrows (peer, neighbour, direction, seq)")
    for pid, (peer,) in enumerate(books.execute(_PEERS).fetchall(), start=1):
        yield from _names(pid, peer)
        if peer not in begins:
            continue
        window = {"peer": peer, "since": begins[peer], "until": ends.get(peer, begins[peer])}
        own = chain(
            _rounds(books.execute(_ROUNDS, {**chosen, **window})),
            *(
                _messages(books.execute(_MESSAGES, {**chosen, **window, "direction": direction}), direction)
                for direction in ("sent", "received")
            ),
            _sockets(books.execute(_SOCKETS, window)),
            _events(books.execute(_EVENTS, window)),
        )
        for event, at_ns in own:
            yield {**event, "pid": pid, "ts": axis(peer, at_ns)}


def _names(pid: int, peer: str) -> Iterator[Json]:
    yield {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": peer}}
    for tid, name in _TRACKS.items():
        yield {"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": name}}


def _rounds(rows: Iterable[Row]) -> Iterator[tuple[Json, int]]:
    for number, label, iteration, incarnation, started, latency, *parts, adapt, gated_by, slack in rows:
        where = {"round": number, "iteration": iteration, "incarnation": incarnation}
        if adapt:
            yield _slice("adapt", PROGRAM, adapt, where), started - adapt
        waited = {"gated_by": gated_by, "slack_us": None if slack is None else slack / 1000}
        yield _slice(label, ROUNDS, latency, {**where, **waited}), started
        at = started
        for name, length in zip(_PARTS, parts, strict=True):
            if length:
                yield _slice(name, ROUNDS, length, {}), at
            at += length


def _messages(rows: Iterable[Row], direction: str) -> Iterator[tuple[Json, int]]:
    track, towards = (SENT, "to") if direction == "sent" else (RECEIVED, "from")
    for row, after in pairwise(chain(rows, [None])):
        assert row is not None
        at, neighbour, number, kind, payload_bytes, message_bytes, resent, arrow = row
        length = int(MARK_US * 1000) if after is None else min(int(MARK_US * 1000), after[0] - at)
        told = {"round": number, "payload_bytes": payload_bytes, "message_bytes": message_bytes}
        if resent:
            told["resent"] = True
        yield _slice(f"{kind} {towards} {neighbour}", track, length, told), at
        if arrow is not None:
            end: Json = {"ph": "s"} if direction == "sent" else {"ph": "f", "bp": "e"}
            yield {**end, "name": "value", "cat": "value", "id": arrow, "tid": track}, at


def _sockets(rows: Iterable[Row]) -> Iterator[tuple[Json, int]]:
    """What TCP carried since the first reading, over all connections."""
    last: dict[tuple[int, str, int], tuple[int, int]] = {}
    sent = received = 0
    for at, incarnation, neighbour, connection, sent_now, received_now in rows:
        sent_before, received_before = last.get(
            (incarnation, neighbour, connection), (sent_now, received_now)
        )
        last[incarnation, neighbour, connection] = (sent_now, received_now)
        sent += sent_now - sent_before
        received += received_now - received_before
        yield {"ph": "C", "name": "TCP bytes", "tid": 0, "args": {"sent": sent, "received": received}}, at


def _events(rows: Iterable[Row]) -> Iterator[tuple[Json, int]]:
    for at, kind, text in rows:
        yield {"ph": "i", "s": "p", "name": kind, "cat": "event", "tid": 0, "args": {"text": text}}, at


def _slice(name: str, track: int, length_ns: int, args: Json) -> Json:
    return {
        "ph": "X",
        "name": name,
        "cat": _TRACKS[track],
        "tid": track,
        "dur": length_ns / 1000,
        "args": args,
    }
