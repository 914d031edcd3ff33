"""The critical path of runs whose truth is known: shares add up, and go to those who held the run up."""

import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.measure.anatomy import BEGUN, DELIVERED, PARTS, read_rounds
from peer.measure.boots import Boots
from peer.measure.bound import what_bounds
from peer.measure.clocks import one_clock
from peer.measure.critical_path import OWN, critical_path, handed
from peer.measure.ledger import Ledger
from peer.measure.transits import read_ends
from tests.support.timed import MOMENT, RUN, Clock, play, record_round, write_timed
from tests.unit.measure.played import RING, read_back, write_and_read

SECOND = 10**9


def whole(path):
    return int(path.peer_ns.sum()) + sum(path.edge_ns.values()) + path.lost_ns


def chance(seed):
    numbers = random.Random(seed)
    return lambda *_: numbers.randrange(10**3, 10**6)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), offsets=st.lists(st.integers(0, 10**12), min_size=4, max_size=4))
def test_shares_add_up_to_the_run_s_length(tmp_path_factory, seed, offsets):
    clocks = {name: Clock(offset) for name, offset in zip(RING, offsets, strict=True)}
    length = chance(seed)
    timed = play(RING, 30, adapt=length, delay=length, clocks=clocks, small=length)
    read = write_and_read(timed, tmp_path_factory.mktemp("run"))
    assert whole(read.path) == read.path.length_ns
    begin = min(moments[0] for moments in timed.rounds.values())
    end = max(moments[-1] for moments in timed.rounds.values())
    uncertainty = 2 * read.clocks.uncertainty_ns.max()
    assert read.path.length_ns == pytest.approx(end - begin, abs=uncertainty + 2)
    assert min(read.path.edge_ns.values()) >= 0
    assert (read.path.peer_ns >= 0).all()
    assert read.path.lost_ns == 0


def test_a_path_that_is_known_moment_by_moment(tmp_path):
    """Two peers: p0 computes for long in even rounds, p1 in odd ones; each waits for the other's message."""
    slow = {"p0": 0, "p1": 1}
    timed = play(
        {"p0": ("p1",), "p1": ("p0",)},
        10,
        adapt=lambda name, number: 10**7 if number % 2 == slow[name] else 0,
        delay=lambda *_: 50_000,
    )
    path = write_and_read(timed, tmp_path).path
    # Each round it is at the slow peer, and then goes over the edge; the last wait is over at the fast one.
    assert path.edge_rounds == {(0, 1): 5, (1, 0): 5}
    assert sum(path.edge_ns.values()) == pytest.approx(10 * 50_000, abs=2)
    assert path.peer_ns[:, OWN.index("adapt")].tolist() == [5 * 10**7, 5 * 10**7]
    assert path.rounds == 10


def test_a_straggler_and_a_slow_link_are_told_apart(tmp_path):
    length = chance(1)
    straggler = play(
        RING, 60, adapt=lambda name, _: 5 * 10**6 if name == "p2" else length(), delay=lambda *_: 100_000
    )
    slow_link = play(
        RING,
        60,
        adapt=lambda *_: length(),
        delay=lambda a, b, _: 20 * 10**6 if (a, b) == ("p1", "p2") else 100_000,
    )
    alike = play(RING, 60, adapt=lambda *_: 10**6 + length(), delay=lambda *_: 10_000)
    answers = []
    for name, timed in (("straggler", straggler), ("link", slow_link), ("alike", alike)):
        (tmp_path / name).mkdir()
        read = write_and_read(timed, tmp_path / name)
        answers.append(what_bounds(read.path, read.rounds))
        assert answers[-1].computing + answers[-1].exchanging + answers[-1].paused == pytest.approx(1)
    assert [answer.kind for answer in answers] == ["straggler", "network", "compute"]
    assert answers[0].peer == 2
    own = read_parts(straggler)
    others = np.median([own[name] for name in RING if name != "p2"])
    assert answers[0].times_others == pytest.approx(own["p2"] / others)
    assert (answers[1].edge, answers[1].one_way) == ((1, 2), True)
    assert answers[1].named > 0.9


def test_a_slow_peer_without_most_of_the_path_is_not_denied(tmp_path):
    timed = play(RING, 20, adapt=lambda name, _: (3 if name == "p2" else 1) * 10**6, delay=lambda *_: 10**4)
    read = write_and_read(timed, tmp_path)
    even = np.tile(read.path.peer_ns.sum(axis=0) // 4, (4, 1))
    bound = what_bounds(replace(read.path, peer_ns=even), read.rounds)
    assert (bound.kind, bound.peer) == ("compute", 2)
    assert bound.times_others > 1.5


def read_parts(timed):
    """The mean of each peer's own computing."""
    own = {}
    for name, others in timed.neighbours.items():
        rows = []
        for number in range(60):
            begun, _, _, sent, delivered = timed.rounds[name, number]
            last = max(timed.arrived[other, name, number] for other in others)
            rows.append((sent - begun) + (delivered - max(sent, last)))
        own[name] = np.mean(rows)
    return own


def test_a_link_that_is_slow_both_ways_is_named_once(tmp_path):
    timed = play(
        RING,
        30,
        adapt=lambda *_: 1000,
        delay=lambda a, b, _: 10**7 if {a, b} == {"p2", "p3"} else 100_000,
    )
    read = write_and_read(timed, tmp_path)
    bound = what_bounds(read.path, read.rounds)
    assert (bound.kind, set(bound.edge)) == ("network", {2, 3})


def restarted(folder, *, lost=(), rebooted=False, early=False):
    """p1 is killed after round 9, its last rows unwritten, and does rounds 8 and 9 again 2 s later."""
    length = chance(4)
    timed = play(RING, 20, adapt=length, delay=length, clocks={name: Clock(SECOND) for name in RING})
    path = folder / "ledger.sqlite"
    away = 2 * SECOND
    for key in timed.rounds:
        if key[1] > 9:
            timed.rounds[key] = tuple(ns + away for ns in timed.rounds[key])
    for moments in (timed.sent, timed.arrived):
        for key in moments:
            if key[2] > 9:
                moments[key] += away
    if early:
        # p0 hands its last value over while p1 is away; p1 gets it last, and is the last to end.
        timed.sent["p0", "p1", 19] -= away
        timed.arrived["p0", "p1", 19] = timed.rounds["p1", 19][-1] + 10**7
        timed.rounds["p1", 19] = (*timed.rounds["p1", 19][:-1], timed.rounds["p1", 19][-1] + 2 * 10**7)
    ledger = Ledger(path)
    for name in RING:
        before, after = (ledger.recorder(name, RUN, start) for start in (1, 2 if name == "p1" else 1))
        first = timed.clocks[name].at(0)
        before.event(first, MOMENT, "link-up", "link is up")
        if name == "p1":
            shown = first + 3 * SECOND - (10**12 if rebooted else 0)
            after.event(shown, MOMENT + timedelta(seconds=3), "link-up", "link is up again")
        if rebooted and name == "p1":
            clocks = dict(timed.clocks)
        for number in range(20):
            if (name, number) in lost:
                continue
            if rebooted and name == "p1" and number == 10:
                timed.clocks = {**clocks, "p1": Clock(SECOND - 10**12)}
            record_round(timed, name, number, before if number < 10 else after)
        if rebooted and name == "p1":
            timed.clocks = clocks
    ledger.close()
    return read_back(path, tuple(RING))


def test_time_without_rows_is_lost_and_nobody_s(tmp_path):
    read = restarted(tmp_path, lost={("p1", 8), ("p1", 9)})
    assert whole(read.path) == read.path.length_ns
    assert 2 * SECOND - 10**7 < read.path.lost_ns < 2 * SECOND + 10**7
    assert len(read.boots.owner) == 4  # p1 kept its clock


def test_a_message_for_a_peer_that_is_away_is_not_slow(tmp_path):
    read = restarted(tmp_path, early=True)
    assert whole(read.path) == read.path.length_ns
    assert 2 * SECOND - 10**7 < read.path.lost_ns < 2 * SECOND + 10**8
    assert read.path.edge_ns.get((0, 1), 0) < 10**8


def test_a_machine_that_started_again_has_another_clock(tmp_path):
    read = restarted(tmp_path, rebooted=True)
    assert read.boots.owner.tolist() == [0, 1, 1, 2, 3]
    assert read.boots.clock[1].tolist() == [-1, 1, 2]
    assert read.boots.clock[0].tolist() == [-1, 0, -1]
    both = read.clocks.total_offset_ns[[1, 2]]
    assert both[0] - both[1] == pytest.approx(10**12, abs=2 * read.clocks.uncertainty_ns.max())
    assert whole(read.path) == read.path.length_ns
    moments = read.rounds.moments_ns[read.rounds.peer == 1]
    assert (np.diff(moments[:, DELIVERED]) > 0).all()


def test_without_any_row_of_the_peer_that_was_waited_for(tmp_path):
    timed = play(RING, 10, adapt=lambda *_: 10**6, delay=lambda *_: 10**5)
    path = write_timed(timed, tmp_path / "ledger.sqlite")
    with closing(sqlite3.connect(path)) as books, books:
        books.execute("DELETE FROM rounds WHERE peer IN ('p1', 'p2', 'p3')")
    read = read_back(path, timed.names)
    assert whole(read.path) == read.path.length_ns
    assert read.path.lost_ns > 0


def test_of_a_peer_without_rows_only_the_waits_for_it_are_lost(tmp_path):
    """As where its ledger could not be collected: the path goes on at the peer that waited."""
    timed = play(RING, 60, adapt=chance(7), delay=lambda *_: 50_000)
    path = write_timed(timed, tmp_path / "ledger.sqlite")
    with closing(sqlite3.connect(path)) as books, books:
        for table in ("rounds", "messages"):
            books.execute(f"DELETE FROM {table} WHERE peer = 'p3'")
    read = read_back(path, timed.names)
    assert whole(read.path) == read.path.length_ns
    assert 0 < read.path.lost_ns < 0.5 * read.path.length_ns
    assert read.path.rounds >= 60
    # Most of what is left is known: where next to nothing is, nothing is said.
    assert what_bounds(read.path, read.rounds) is not None
    longer = 3 * read.path.length_ns
    assert what_bounds(replace(read.path, length_ns=longer), read.rounds) is None
    paused = read.path.peer_ns + np.where(np.array(OWN) == "pause", longer, 0)
    assert what_bounds(replace(read.path, length_ns=5 * longer, peer_ns=paused), read.rounds) is None


def test_a_sending_after_the_arrival_is_another_one_s(tmp_path):
    """p1's rows of rounds 8 and 9 were lost, and it did them again 2 s after its first values had arrived."""
    slow = {"p1": range(10), "p0": range(10, 20)}
    timed = play(
        RING,
        20,
        adapt=lambda name, number: 10**7 if number in slow.get(name, ()) else 10**6,
        delay=lambda *_: 10**5,
    )
    path = write_timed(timed, tmp_path / "ledger.sqlite")
    with closing(sqlite3.connect(path)) as books, books:
        for table, column in (("rounds", "started_ns"), ("messages", "at_ns")):
            books.execute(
                f"UPDATE {table} SET {column} = {column} + 2000000000 "
                "WHERE round > 9 OR peer = 'p1' AND round > 7"
            )
            books.execute(f"UPDATE {table} SET incarnation = 2 WHERE peer = 'p1' AND round > 7")
        rounds, (sent, _) = read_rounds(books, timed.names), read_ends(books, timed.names)
    boots = Boots(np.zeros((4, 3), np.int64), np.zeros(1, np.int64))
    found = critical_path(rounds, handed(sent, one_clock(boots), 20))
    assert whole(found) == found.length_ns
    assert min(found.edge_ns.values()) >= 0
    assert (found.peer_ns >= 0).all()
    assert found.lost_ns > 0


def test_the_anatomy_of_rounds(tmp_path):
    length = chance(9)
    timed = play(RING, 25, adapt=length, delay=length, small=length)
    read = write_and_read(timed, tmp_path)
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as books:
        latencies = books.execute(
            "SELECT round, max(latency_ns) FROM rounds GROUP BY round ORDER BY 2, 1"
        ).fetchall()
        slack = books.execute("SELECT slack_ns FROM rounds WHERE peer = 'p2' AND round = 7").fetchone()
    assert read.rounds.slowest() == (latencies[-1][0], latencies[12][0])
    row = read.rounds.last(2, 7)
    assert read.rounds.slack_ns[row] == slack[0]
    begun, requested, encoded, sent, delivered = timed.rounds["p2", 7]
    last = max(timed.arrived[other, "p2", 7] for other in RING["p2"])
    expected = (requested - begun, encoded - requested, sent - encoded, max(last - sent, 0))
    assert read.rounds.parts_ns[row].tolist() == [*expected, delivered - max(last, sent)]
    assert len(PARTS) == 5
    assert read.rounds.moments_ns[row, BEGUN] <= read.rounds.moments_ns[row, DELIVERED]
    assert read.rounds.last(2, 99) == -1
    # Round 7 done twice by p2 and by p3 not at all is not whole.
    rounds = read.rounds
    rows = np.delete(np.append(np.arange(len(rounds.number)), row), rounds.last(3, 7))
    twice = rounds.only(rows)
    twice.moments_ns[twice.number == 7, DELIVERED] += 10**12
    assert twice.slowest()[0] != 7


def test_of_a_value_that_went_out_twice_no_delay_is_taken(tmp_path):
    timed = play(RING, 5, adapt=lambda *_: 10**6, delay=lambda *_: 10**5)
    path = write_timed(timed, tmp_path / "ledger.sqlite")
    with closing(sqlite3.connect(path)) as books, books:
        again = (
            "INSERT INTO messages SELECT * FROM messages WHERE peer = 'p0' AND seq = 3 AND direction = 'sent'"
        )
        books.execute(again)
    read = read_back(path, timed.names)
    assert len(read.messages.number) == 4 * 2 * 5 - 2
