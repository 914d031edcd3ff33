"""The two ends of every edge, compared; and totals recomputed another way from the raw rows."""

import sqlite3
from collections import Counter, defaultdict
from contextlib import closing

import numpy as np
import pytest

from peer.measure.collect import merge
from peer.measure.double_entry import MOST_OPEN, balance
from peer.measure.entries import read_entries, read_restarted
from peer.measure.figures import ledger_figures
from peer.measure.ledger import Ledger
from peer.measure.schema import open_ledger

RUN = "r1"
NOBODY = frozenset()


class Pair:
    """Two peers that exchange a value in every round; rows are left out as a kill would."""

    def __init__(self, folder):
        self.folder = folder
        self.ledgers = {peer: Ledger(folder / f"{peer}.sqlite") for peer in ("a", "b")}

    def row(self, peer, direction, seq, *, incarnation=1, size=60, payload=40, resent=False, kind="value"):
        other = {"a": "b", "b": "a"}[peer]
        self.ledgers[peer].recorder(peer, RUN, incarnation).message(
            direction,
            other,
            payload,
            size,
            10,
            kind=kind,
            # Not every round uses the edge: numbers of values are none of rounds.
            round_number=2 * seq,
            seq=seq,
            resent=resent,
        )

    def both(self, *seqs):
        for seq in seqs:
            for sender, receiver in (("a", "b"), ("b", "a")):
                self.row(sender, "sent", seq)
                self.row(receiver, "received", seq)

    def round(self, peer, number, incarnation=1):
        self.ledgers[peer].recorder(peer, RUN, incarnation).round(number, "descent", 1, None, None)

    def read(self):
        """Entries and balance of the merged ledger."""
        for ledger in self.ledgers.values():
            ledger.close()
        path = self.folder / "all.sqlite"
        merge([ledger.path for ledger in self.ledgers.values()], path)
        with closing(open_ledger(path)) as books:
            entries = read_entries(books)
            return entries, balance(entries, read_restarted(books), ())

    def bytes(self):
        return ledger_figures(self.folder / "all.sqlite").bytes


@pytest.fixture
def pair(tmp_path):
    return Pair(tmp_path)


def places(found):
    return [
        (one.sender, one.receiver, one.first_round, one.last_round, one.messages, one.lacks)
        for one in found.open
    ]


def test_books_that_close(pair):
    pair.both(0, 1, 2)
    pair.row("a", "sent", 1, size=25, payload=0, kind="confirm")
    pair.row("b", "received", 1, size=25, payload=0, kind="confirm")
    entries, found = pair.read()
    assert found.closes
    assert (found.values, found.confirmations, found.resent, found.open) == (6, 1, 1, ())
    assert [
        (edge.sender, edge.receiver, edge.values_sent, edge.payload_received) for edge in found.edges
    ] == [
        ("a", "b", 3, 120),
        ("b", "a", 3, 120),
    ]
    assert entries.peers == ("a", "b")
    assert (pair.bytes().message, pair.bytes().resent, pair.bytes().told_by_receiver) == (360, 25, 0)


def test_what_the_sender_lost_is_named_and_counted_as_the_receiver_has_it(pair):
    pair.both(0, 1, 4)
    for seq in (2, 3):
        pair.row("b", "received", seq)
        pair.row("b", "sent", seq)
        pair.row("a", "received", seq)
    pair.round("a", 0)
    pair.round("a", 8, incarnation=2)
    _, found = pair.read()
    assert not found.closes
    assert places(found) == [("a", "b", 4, 6, 2, "sender")]
    assert found.open[0].why == "a was killed or stopped, and started again"
    assert (found.one_end, found.no_end, found.unequal) == (2, 0, 0)
    assert [edge.closes for edge in found.edges] == [False, True]
    sizes = pair.bytes()
    assert (sizes.payload, sizes.message, sizes.resent, sizes.told_by_receiver) == (400, 600, 0, 2)


def test_what_the_receiver_lost_is_named(pair):
    pair.both(0, 1)
    pair.row("a", "sent", 2)
    _, found = pair.read()
    assert places(found) == [("a", "b", 4, 4, 1, "receiver")]
    assert found.open[0].why == ""
    assert pair.bytes().payload == 5 * 40


def test_a_value_of_two_starts_and_two_connections_counts_once(pair):
    pair.both(0, 1)
    pair.row("a", "sent", 1, size=61, resent=True)
    pair.row("b", "received", 1, size=61)
    # Sent anew after a start, and never told from the first sending by the receiver: the connection broke.
    pair.row("a", "sent", 1, incarnation=2)
    _, found = pair.read()
    assert found.closes
    assert (found.values, found.resent, found.not_arrived) == (4, 2, 1)
    assert (pair.bytes().message, pair.bytes().resent) == (4 * 60, 61 + 60)


def test_the_first_sending_is_the_one_that_counts(pair):
    pair.row("a", "sent", 0, size=61)
    pair.row("a", "sent", 0, size=62, resent=True)
    for size in (61, 62):
        pair.row("b", "received", 0, size=size)
    entries, _ = pair.read()
    assert entries.message_bytes.tolist() == [61]
    assert pair.bytes().resent == 62


def test_a_second_sending_that_only_the_receiver_has_is_the_sender_s_loss(pair):
    pair.both(0, 1)
    pair.row("b", "received", 1, size=61)
    _, found = pair.read()
    assert places(found) == [("a", "b", 2, 2, 1, "sender")]
    sizes = pair.bytes()
    assert (sizes.message, sizes.resent, sizes.told_by_receiver) == (4 * 60, 61, 1)


def test_different_sizes_are_named(pair):
    pair.both(0)
    pair.row("a", "sent", 1, size=60)
    pair.row("b", "received", 1, size=59)
    pair.row("b", "sent", 1, payload=40)
    pair.row("a", "received", 1, payload=39)
    _, found = pair.read()
    assert places(found) == [("a", "b", 2, 2, 1, "neither"), ("b", "a", 2, 2, 1, "neither")]
    assert (found.unequal, found.one_end) == (2, 0)
    assert not found.closes
    # Each as its sender has it.
    assert (pair.bytes().payload, pair.bytes().message) == (4 * 40, 4 * 60)


def test_sizes_of_different_copies_are_not_compared(pair):
    pair.both(0)
    # Of three sendings the first was lost with the sender's row, and the last on its way.
    for size in (61, 62):
        pair.row("a", "sent", 1, incarnation=2, size=size)
    for size in (60, 61):
        pair.row("b", "received", 1, size=size)
    _, found = pair.read()
    assert (found.closes, found.unequal) == (True, 0)


def test_what_neither_end_has_is_told_by_the_numbers_around_it(pair):
    pair.both(1, 5)
    _, found = pair.read()
    assert [place for place in places(found) if place[:2] == ("a", "b")] == [
        ("a", "b", 0, 1, 1, "both"),
        ("a", "b", 3, 9, 3, "both"),
    ]
    assert found.no_end == 8
    assert [edge.closes for edge in found.edges] == [False, False]


def test_of_a_peer_without_a_ledger_its_neighbours_tell(tmp_path):
    pair = Pair(tmp_path)
    pair.both(0, 1, 2)
    for ledger in pair.ledgers.values():
        ledger.close()
    with closing(open_ledger(pair.ledgers["a"].path)) as books:
        entries = read_entries(books)
        found = balance(entries, NOBODY, ())
    assert entries.told == {"a"}
    assert {one.why for one in found.open} == {"nothing of b is here"}
    assert places(found) == [("a", "b", 0, 4, 3, "receiver"), ("b", "a", 0, 4, 3, "sender")]
    sizes = ledger_figures(pair.ledgers["a"].path).bytes
    assert (sizes.payload, sizes.known_of_missing, sizes.told_by_receiver) == (120, 120, 0)


def test_a_peer_that_lost_its_first_rows_was_killed(pair):
    pair.round("a", 3)
    pair.round("b", 0)
    for ledger in pair.ledgers.values():
        ledger.flush()
    with closing(open_ledger(pair.ledgers["a"].path)) as books:
        assert read_restarted(books) == {"a"}
    with closing(open_ledger(pair.ledgers["b"].path)) as books:
        assert read_restarted(books) == NOBODY


def test_many_places_are_counted_and_not_all_told(pair):
    for seq in range(0, 4 * MOST_OPEN, 2):
        pair.both(seq)
        pair.row("a", "sent", seq + 1)
        pair.row("b", "sent", seq + 1)
        pair.row("a", "received", seq + 1)
    _, found = pair.read()
    assert len(found.open) == MOST_OPEN
    assert found.more_open == MOST_OPEN


def test_nothing_at_all(pair):
    entries, found = pair.read()
    assert found.closes
    assert (entries.peers, found.values, found.edges) == ((), 0, ())


def test_totals_are_those_of_the_raw_rows(tmp_path):
    """Rows by chance, some lost, some twice; the sums by dictionaries over plain rows."""
    rng = np.random.default_rng(5)
    pair = Pair(tmp_path)
    for seq in range(300):
        for sender, receiver in (("a", "b"), ("b", "a")):
            payload = int(rng.integers(0, 90))
            copies = int(rng.integers(1, 4))
            lost = rng.choice(["none", "sender", "receiver"], p=[0.8, 0.1, 0.1])
            for copy in range(copies):
                size = payload + 20 + copy
                incarnation = 1 + (copy == 2)
                if lost != "sender":
                    again = {"incarnation": incarnation, "resent": copy == 1}
                    pair.row(sender, "sent", seq, size=size, payload=payload, **again)
                if lost != "receiver" and (copy == 0 or rng.random() < 0.7):
                    pair.row(receiver, "received", seq, size=size, payload=payload)
    pair.read()
    with closing(sqlite3.connect(tmp_path / "all.sqlite")) as books:
        rows = books.execute(
            "SELECT peer, neighbour, direction, seq, payload_bytes, message_bytes FROM messages WHERE kind = 'value'"
        ).fetchall()
        ends = defaultdict(lambda: {"sent": [], "received": []})
        for peer, neighbour, direction, seq, payload, message in rows:
            edge = (peer, neighbour) if direction == "sent" else (neighbour, peer)
            ends[*edge, seq][direction].append((payload, message))
        sums = Counter()
        for found in ends.values():
            payload, message = (found["sent"] or found["received"])[0]
            more = max(found["sent"], found["received"], key=len)
            sums["payload"] += payload
            sums["message"] += message
            sums["resent"] += sum(size for _, size in more) - message
            sums["told_by_receiver"] += max(len(found["received"]) - len(found["sent"]), 0)
        # In SQL, as the documentation has it.
        told = books.execute(
            """
            SELECT sum(payload_bytes), sum(message_bytes) FROM (
              SELECT payload_bytes, message_bytes, min(1000 * (direction = 'received') + 2 * incarnation + resent)
              FROM messages WHERE kind = 'value'
              GROUP BY iif(direction = 'sent', peer, neighbour), iif(direction = 'sent', neighbour, peer), seq)
            """
        ).fetchone()
    found = pair.bytes()
    assert {name: getattr(found, name) for name in sums} == sums
    assert (found.payload, found.message) == told
