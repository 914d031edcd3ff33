"""What each level of bytes adds, the model beside the kernel, the accounts: from books written by hand."""

import re
import sqlite3
from contextlib import closing

import pytest

from peer.measure.collect import merge
from peer.measure.framing import OPENING_ACCEPTED_BYTES, OPENING_DIALLED_BYTES
from peer.measure.interfaces import InterfaceSample
from peer.measure.ledger import Ledger
from peer.measure.tcp_info import UNKNOWN, opened
from peer.report.accounts import Account, Interface, read_accounts
from peer.report.framing import Framing, read_framing
from peer.report.levels import levels
from peer.report.reading import Bytes
from tests.support.problems import network_of
from tests.unit.measure.books import counters, write_books

NETWORK = network_of([("p0", "p1")])
SIZES = Bytes(payload=1000, message=1300, socket=2000, wire_estimate=3000, resent=60, predicted_payload=1000)


@pytest.fixture
def books(tmp_path):
    for peer in ("p0", "p1"):
        write_books(tmp_path, peer).close()
    merge([tmp_path / "p0.sqlite", tmp_path / "p1.sqlite"], tmp_path / "both.sqlite")
    with closing(sqlite3.connect(tmp_path / "both.sqlite")) as connection:
        yield connection


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        yield ledger


def framing_of(books, network):
    return read_framing(books, network, tls=False)


def read(ledger, reader, *arguments):
    ledger.flush()
    with closing(sqlite3.connect(ledger.path)) as connection:
        return reader(connection, *arguments)


def test_the_model_counts_the_messages_of_a_connection_s_time(books):
    # Two values of 60 B and a control message of 33 B sent, two values received; TCP sent 200 B.
    first = Framing(3, 153, 200, 153 + 3 * 14 + 2 * 2 * 13)
    # Opened in the run by p0, the lower name; 60 B again and a confirmation of 25 B; 30 of 500 B by TCP again.
    second = Framing(2, 85, 470, 85 + 2 * 14 + OPENING_DIALLED_BYTES)
    framing = read_framing(books, NETWORK, tls=False)
    assert framing == {("p0", "p1"): first + second, ("p1", "p0"): first}
    assert framing["p1", "p0"].residual_bytes == pytest.approx((200 - 247) / 3)


def test_who_was_dialled_has_a_shorter_opening(ledger):
    recorder = ledger.recorder("p1", "r", 1)
    recorder.socket("p0", 1, None, 10, opened())
    recorder.message("sent", "p0", 0, 50, 11, kind="control")
    recorder.socket("p0", 1, 3, 20, counters(300, 0))
    (one,) = read(ledger, framing_of, NETWORK).values()
    assert one.explained_bytes == 50 + 14 + OPENING_ACCEPTED_BYTES


def test_of_a_connection_that_could_not_be_read_nothing_is_modelled(ledger):
    recorder = ledger.recorder("p0", "r", 1)
    recorder.socket("p1", 1, None, 10, counters(100, 0))
    recorder.message("sent", "p1", 0, 50, 11, kind="control")
    recorder.socket("p1", 1, 3, 20, UNKNOWN)
    assert read(ledger, framing_of, NETWORK) == {}


def test_many_connections_do_not_make_the_model_slow(ledger):
    """Each message is looked at once: SQLite's work grows with rows, not with connections times messages."""

    def work(connections):
        recorder = ledger.recorder("p0", str(connections), connections)
        for number in range(400):
            recorder.message("sent", "p1", 0, 50, number, kind="control")
            if number < connections:
                recorder.socket("p1", number, None, -1, counters(100, 0))
                recorder.socket("p1", number, 3, 400, counters(200, 0))
        ledger.flush()
        steps = []
        with closing(sqlite3.connect(ledger.path)) as books:
            books.set_progress_handler(lambda: steps.append(None), 100)
            (one,) = read_framing(books, NETWORK, tls=False).values()
        assert one.messages == 400 * connections + (connections > 1) * 400
        return len(steps)

    few = work(1)
    assert work(100) < 10 * few


def test_accounts_are_what_the_totals_grew_by_in_each_process(ledger):
    for peer, incarnation, before in (("p0", 1, 100), ("p0", 2, 0), ("p1", 1, 7)):
        recorder = ledger.recorder(peer, "r", incarnation)
        recorder.account("control", 10, before, 10 * before, 20 * before)
        recorder.account("control", 20, before + 1, 10 * before + 5, 20 * before + 9)
        recorder.account("telemetry", 10, 0, 0, 0)
    recorder.message("sent", "p0", 0, 33, 11, kind="control")
    recorder.message("received", "p0", 0, 44, 11, kind="control")
    recorder.message("sent", "p0", 40, 60, 11, round_number=0, seq=0)
    found = read(ledger, read_accounts)
    assert found.accounts == {
        "data": Account(2, 93, 44),
        "control": Account(3, 15, 27),
        "telemetry": Account(0, 0, 0),
    }
    assert found.control_bytes == 33


@pytest.mark.parametrize(
    ("interface", "sent", "told"),
    [("eth0", 5000, True), ("eth0", 1600, False), ("lo", 5000, False)],
)
def test_interfaces_are_told_where_they_carried_what_the_connections_sent(ledger, interface, sent, told):
    recorder = ledger.recorder("p0", "r", 1)
    for at_ns, part in ((10, 0), (20, 1)):
        # 1200 B and ten segments of 66 B headers: 1860 B.
        recorder.socket("p1", 1, None, at_ns, counters(1200 * part, 0, segments=10 * part))
        recorder.interface(interface, None, at_ns, InterfaceSample(7 + sent * part, 300 * part, 1, 1))
    found = read(ledger, read_accounts).interfaces
    assert found == ((Interface("p0", interface, sent, 300, 1860),) if told else ())


def rows_of(html):
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", html)]
    return {row[0]: row[1:] for row in rows}


def test_what_each_level_adds_sums_up(books):
    framing = {("p0", "p1"): Framing(10, 1400, 2000, 1850)}
    rows = rows_of(levels(SIZES, framing, read_accounts(books)))
    control = 2 * 33
    assert rows["values"] == ["", "1.00 kB"]
    assert rows["envelopes"] == ["+300 B", "1.30 kB"]
    assert rows["after lost connections"] == ["+60 B", "1.36 kB"]
    assert rows["control between peers"] == [f"+{control} B", "1.43 kB"]
    assert rows["gRPC and HTTP/2, model"] == ["+450 B", "1.88 kB"]
    assert rows["not explained"] == [f"+{2000 - 1360 - control - 450} B", "2.00 kB"]
    assert rows["headers, and sent again by TCP"] == ["+1.00 kB", "3.00 kB"]
    assert rows["p0 – p1"] == ["2.00 kB", "1.85 kB", "+15.0"]
    assert rows["control"] == ["0", "0 B", "0 B"]


def test_what_was_not_measured_is_left_out(books):
    sizes = SIZES.model_copy(update={"socket": None, "wire_estimate": None})
    html = levels(sizes, {}, read_accounts(books))
    assert "control between peers" in html
    assert not any(word in html for word in ("model", "headers", "Interfaces"))
