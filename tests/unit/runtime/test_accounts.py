"""Requests have connections and accounts of their own; what is passed on is counted at each hop."""

import sqlite3
from contextlib import closing

from peer.config import canonical_spec
from peer.runtime import books
from peer.runtime.accounts import Accounts, account_of
from peer.wire.control import METHODS, STATUS
from tests.support.problems import dif_spec, local_data, make_tasks, network_of
from tests.unit.runtime.nodes import connections_to, lab

NETWORK = network_of([("p0", "p1"), ("p1", "p2")])
DATA = local_data(make_tasks(NETWORK.names, (2, 3, 2), 9, seed=8))
SPEC = dif_spec(rank=2, iterations=10, agreement={"rounds": 2})


def totals(running):
    return {name: (t.calls, t.bytes_sent, t.bytes_received) for name, t in running.node.books.accounts}


def test_every_method_has_an_account():
    assert {method.name: account_of(method) for method in METHODS} == {
        "Submit": "control",
        "Cancel": "control",
        "Collect": "control",
        "Status": "telemetry",
        "Watch": "telemetry",
    }


def test_bytes_are_counted_and_given_back():
    accounts = Accounts()
    total = accounts.of(STATUS)
    assert total.sent(b"abc") == b"abc"
    assert total.received(b"de") == b"de"
    assert {name: (t.bytes_sent, t.bytes_received) for name, t in accounts} == {
        "control": (0, 0),
        "telemetry": (3, 2),
    }


async def test_data_control_and_telemetry_have_a_connection_each(tmp_path):
    async with lab(NETWORK, DATA, tmp_path) as peers, peers.client("p0") as client:
        await client.submit("a", canonical_spec(SPEC))
        await peers.finished(client, "a")
        await client.collect("a", "p2")
        first, *others = (str(peers.network.peers[name].address) for name in NETWORK.names)
        # The client's two; from the left neighbour its data, and what it passes on.
        assert len(connections_to(first)) == 2
        assert [len(connections_to(other)) for other in others] == [3, 3]


async def test_what_is_passed_on_counts_at_each_hop_the_same(tmp_path):
    async with lab(NETWORK, DATA, tmp_path) as peers, peers.client("p0") as client:
        await client.status("p2")
        asked, hop, answered = (totals(peers.peers[name]) for name in NETWORK.names)
        assert asked["control"] == hop["control"] == (0, 0, 0)
        calls, replies, requests = answered["telemetry"]
        assert calls == 1
        # In between, a request and its reply are both received and sent.
        assert hop["telemetry"] == (1, replies + requests, replies + requests)
        assert asked["telemetry"][1] == replies + requests


async def test_a_run_s_ledger_has_the_accounts_and_interfaces_of_its_time(tmp_path, monkeypatch):
    monkeypatch.setattr(books, "missing_fields", lambda: ("bytes_sent", "bytes_retrans"))
    async with lab(NETWORK, DATA, tmp_path) as peers, peers.client("p0") as client:
        spec = canonical_spec(SPEC)
        await client.submit("a", spec)
        await peers.finished(client, "a")
        await peers.peers["p0"].stop()
        with closing(sqlite3.connect(peers.peers["p0"].folder.ledger)) as ledger:
            growth = "SELECT max(calls) - min(calls), max(bytes_received) - min(bytes_received) FROM accounts"
            ((calls, size),) = ledger.execute(f"{growth} WHERE run = 'a' AND account = 'control'")
            # The submit that began the run is in it.
            assert (calls, size > len(spec)) == (1, True)
            counted = ledger.execute(
                "SELECT count(DISTINCT at_ns), max(bytes_sent) > min(bytes_sent) FROM interfaces "
                "WHERE run = 'a' AND interface = 'lo'"
            )
            moments, grown = counted.fetchone()
            assert (moments >= 2, grown) == (True, 1)
            told = ledger.execute("SELECT text FROM events WHERE kind = 'unmeasured' AND run = 'a'")
            assert told.fetchall() == [("this system does not count bytes_sent, bytes_retrans",)]
