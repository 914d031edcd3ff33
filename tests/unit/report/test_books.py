"""What the report says of the balance, and which edge and round it names."""

import dataclasses
import sqlite3
from contextlib import closing

import pytest

from peer.measure.double_entry import MOST_OPEN, Balance, EdgeBalance, OpenEntries
from peer.report.books import MOST_EDGES, balance_card, received_from
from peer.report.books import closing as sentence
from peer.report.reading import read_recorded
from peer.report.series import read_series, series_document
from peer.report.unknowns import unknown
from tests.support.ledgers import loosen
from tests.unit.report.folders import NEIGHBOURS, ROUNDS, write_folder

EDGE = EdgeBalance("a", "b", 9, 9, 720, 720, closes=True)
WHOLE = Balance(9, 0, 0, 0, 0, 0, 0, (EDGE,), (), 0, ())


def test_books_that_close_say_so_with_their_sums(series):
    values = ROUNDS * sum(map(len, NEIGHBOURS.values()))
    text = sentence(series.balance)
    assert text.startswith("The books close")
    assert f"{values} values in 4 directions" in text
    assert "1 message more went out and only the sender tells of them" in text  # b's to a, in the folder
    html = balance_card(series.balance)
    assert f'>a to b</th><td class="n">{ROUNDS}</td><td class="n">20.2 kB</td>' in html
    many = dataclasses.replace(WHOLE, edges=(EDGE,) * (MOST_EDGES + 3))
    assert "And 3 directions more" in balance_card(many)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"one_end": 1},
            "of 9 values there are 1 message that only one end wrote down. Every value is known",
        ),
        ({"no_end": 2}, "2 values that neither end wrote down."),
        (
            {"unequal": 3, "one_end": 4},
            "4 messages that only one end wrote down; 3 messages with different sizes",
        ),
    ],
)
def test_books_that_do_not_close_say_how_many(change, text):
    told = sentence(dataclasses.replace(WHOLE, **change))
    assert told.startswith("The books do not close")
    assert text in told
    assert ("known from one end" in told) == ("no_end" not in change)


def test_the_card_names_edge_round_end_and_reason():
    rows = (
        OpenEntries("a", "b", "value", 4, 6, 2, "sender", "a was killed or stopped, and started again"),
        OpenEntries("b", "a", "confirm", 7, 7, 1, "neither", ""),
    )
    html = balance_card(dataclasses.replace(WHOLE, one_end=2, unequal=1, open=rows, more_open=5))
    assert "a to b, rounds 4 to 6</th><td>2 values: the sender has no row of it; counted as" in html
    assert "<td>a was killed or stopped, and started again</td>" in html
    assert (
        "b to a, round 7</th><td>1 confirmation: the two ends wrote down different sizes</td><td>not known"
        in html
    )
    assert "And 5 more" in html


def test_rows_that_were_lost_are_found_and_counted_all_the_same(folder, tmp_path, series):
    copy = write_folder(tmp_path / "run")
    loosen(copy / "ledger.sqlite")
    with closing(sqlite3.connect(copy / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("DELETE FROM messages WHERE peer = 'b' AND direction = 'received' AND round = 9")
        ledger.execute(
            "DELETE FROM messages WHERE peer = 'b' AND direction = 'sent' AND round BETWEEN 40 AND 42"
        )
        ledger.execute("UPDATE rounds SET incarnation = 2 WHERE peer = 'b' AND round > 42")
    lost = read_series(read_recorded(copy))
    found = [
        (one.sender, one.receiver, one.first_round, one.last_round, one.lacks) for one in lost.balance.open
    ]
    assert found == [
        ("a", "b", 9, 9, "receiver"),
        ("b", "a", 40, 42, "sender"),
        ("b", "c", 40, 42, "sender"),
        ("c", "b", 9, 9, "receiver"),
    ]
    assert {one.why for one in lost.balance.open} == {"b was killed or stopped, and started again"}
    assert lost.balance.one_end == 8 <= MOST_OPEN
    for level in ("payload", "message"):
        assert lost.traffic.per_round[level].tolist() == series.traffic.per_round[level].tolist()
    assert lost.traffic.edges["b", "c"]["payload"] == series.traffic.edges["b", "c"]["payload"]
    assert lost.learning.sent_bytes.tolist() == series.learning.sent_bytes.tolist()
    document = series_document(lost)["balance"]
    assert document["closes"] is False
    assert document["open"][0]["lacks"] == "receiver"
    assert [edge["closes"] for edge in document["edges"]] == [False, False, False, False]


def test_of_a_peer_without_a_ledger_the_others_tell(tmp_path):
    reason = "the ledger of c is damaged"
    copy = write_folder(tmp_path / "run", changes={"missing_ledgers": {"c": reason}})
    loosen(copy / "ledger.sqlite")
    with closing(sqlite3.connect(copy / "ledger.sqlite")) as ledger, ledger:
        for table in ("rounds", "messages", "sockets", "iterations", "events"):
            ledger.execute(f"DELETE FROM {table} WHERE peer = 'c'")
    run = read_recorded(copy)
    lost = read_series(run)
    told = unknown(run, lost)
    assert told[0].startswith(f"Bytes and times of c ({reason})")
    assert told[1] == f"Its neighbours tell of it: {ROUNDS} values of 20.2 kB came from c, over 1 edge."
    assert not any("Times of some rounds" in text for text in told)
    assert ("c", "b") not in {edge for edge in lost.traffic.edges if lost.traffic.edges[edge]["payload"]}
    assert received_from(lost.balance, "nobody") == ""
