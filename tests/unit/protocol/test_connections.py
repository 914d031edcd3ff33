import re

import pytest

from peer.protocol.connections import Connections
from peer.protocol.effects import Close, LinkChanged, Send, StopPeer
from peer.protocol.messages import PROTOCOL_VERSION, Hello, OldIncarnation
from tests.support.problems import network_of

PATH = network_of([("p0", "p1"), ("p1", "p2")])
"""p1 is dialled by p0 and dials p2."""


def middle(incarnation: int = 1) -> Connections:
    return Connections.of(PATH, "p1", incarnation, "1.0")


def hello(name: str, incarnation: int = 1, attempt: int = 1, version: int = PROTOCOL_VERSION) -> Hello:
    return Hello(version, name, incarnation, attempt, "2.0")


def test_the_dialler_says_hello_first_and_is_up_when_it_is_answered():
    connections = middle(3)
    assert connections.dialled("p2", 8) == [Send(8, "p2", Hello(PROTOCOL_VERSION, "p1", 3, 1, "1.0"))]
    assert connections.up() == []
    effects, link = connections.hello(8, hello("p2"))
    assert effects == [LinkChanged("p2", 8, up=True)]
    assert connections.up() == [link]
    assert (link.connection, link.software, link.dials) == (8, "2.0", True)
    assert connections.neighbour(8) == "p2"


def test_the_acceptor_answers_hello_with_the_diallers_attempt():
    connections = middle()
    effects, link = connections.hello(5, hello("p0", 4, 7))
    answer = Hello(PROTOCOL_VERSION, "p1", 1, 7, "1.0")
    assert effects == [Send(5, "p0", answer), LinkChanged("p0", 5, up=True)]
    assert not link.dials
    assert link.seen == (4, 7)


def test_a_newer_connection_takes_over_and_the_older_one_is_closed():
    connections = middle()
    connections.hello(5, hello("p0", 1, 1))
    effects, link = connections.hello(6, hello("p0", 1, 2))
    assert Close(5, "a newer connection of this edge exists") in effects
    assert LinkChanged("p0", 5, up=False) in effects
    assert effects[-1] == LinkChanged("p0", 6, up=True)
    assert link.connection == 6
    assert connections.neighbour(5) is None
    assert connections.known(5)
    assert connections.lost(5) == []
    assert not connections.known(5)
    assert connections.up() == [link]


@pytest.mark.parametrize(("incarnation", "attempt"), [(2, 2), (2, 1)])
def test_a_connection_that_is_not_newer_never_displaces_the_live_one(incarnation, attempt):
    connections = middle()
    connections.hello(5, hello("p0", 2, 2))
    effects, link = connections.hello(6, hello("p0", incarnation, attempt))
    assert effects == [Close(6, "a newer connection of p0 exists")]
    assert link is None
    assert connections.neighbour(5) == "p0"
    assert connections.up()


def test_a_later_incarnation_starts_its_attempts_again():
    connections = middle()
    connections.hello(5, hello("p0", 2, 9))
    _, link = connections.hello(6, hello("p0", 3, 1))
    assert link.connection == 6


def test_the_diallers_newest_stream_is_its_current_one():
    connections = middle()
    connections.dialled("p2", 8)
    effects = connections.dialled("p2", 9)
    assert effects == [
        Close(8, "a newer connection of this edge exists"),
        Send(9, "p2", Hello(PROTOCOL_VERSION, "p1", 1, 2, "1.0")),
    ]
    assert connections.neighbour(8) is None


def test_loss_of_the_current_connection_takes_the_link_down():
    connections = middle()
    connections.hello(5, hello("p0"))
    connections.links["p0"].goodbye = True
    assert connections.lost(5) == [LinkChanged("p0", 5, up=False, goodbye=True)]
    assert connections.up() == []
    assert connections.lost(5) == []


def test_loss_before_hello_is_no_change_of_the_link():
    connections = middle()
    connections.dialled("p2", 8)
    assert connections.lost(8) == []
    assert connections.links["p2"].current is None


@pytest.mark.parametrize(("name", "connection"), [("p0", 6), ("p2", 8)])
def test_an_incarnation_below_the_highest_seen_is_told_so(name, connection):
    connections = middle()
    connections.dialled("p2", 7)
    connections.hello({"p0": 5, "p2": 7}[name], hello(name, 4, 1))
    connections.dialled("p2", 8)
    effects, link = connections.hello(connection, hello(name, 3, 9))
    assert link is None
    assert effects[0] == Send(connection, name, OldIncarnation(4))
    close = effects[1]
    assert (close.connection, close.refused) == (connection, name)
    assert f"{name} shows incarnation 3, 4 was seen before: its state folder was lost" in close.reason


def test_a_process_whose_incarnation_is_old_stops_by_name():
    (stop,) = middle(3).old_incarnation("p2", 5)
    assert isinstance(stop, StopPeer)
    assert "p2 has seen incarnation 5 of p1, this process is 3" in stop.reason
    assert "restore the newest state folder" in stop.reason


def test_an_answer_meant_for_an_earlier_process_stops_nobody():
    assert middle(5).old_incarnation("p2", 5) == []


@pytest.mark.parametrize(
    ("connection", "message", "whose", "text"),
    [
        (5, hello("p9"), "", "'p9' is not a neighbour of p1"),
        (5, hello("p1"), "", "a second process was started as p1"),
        (5, hello("p0", version=99), "p0", "p0 speaks protocol version 99 .2.0., this peer speaks"),
        (5, hello("p2"), "p2", "p2 dialled, but this edge is dialled by p1"),
        (8, hello("p0"), "p2", "the address of p2 is answered by p0"),
    ],
)
def test_a_wrong_hello_is_refused_for_our_own_log_and_status(connection, message, whose, text):
    connections = middle()
    connections.dialled("p2", 8)
    (close,), link = connections.hello(connection, message)
    assert link is None
    assert (close.connection, close.refused) == (connection, whose)
    assert re.search(text, close.reason)


def test_hello_is_said_once_on_a_connection():
    connections = middle()
    connections.hello(5, hello("p0"))
    (close,), link = connections.hello(5, hello("p0", attempt=2))
    assert (link, close.connection) == (None, 5)
    assert close.reason == "p0 said Hello twice on one connection"
    assert connections.neighbour(5) == "p0"  # until its end is told
