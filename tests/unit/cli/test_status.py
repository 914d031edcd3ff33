"""What ``difpeer status`` says of peers that it does not reach."""

from dataclasses import replace

from rich.console import Console

from peer.cli.status import _absence, _not_reached, _print
from peer.config import RunFailed
from peer.runtime.client import PeerAway
from peer.wire.requests import LinkStatus, StatusReply

AWAY = "p1 (127.0.0.1:7101) cannot be reached from p2"


def reply(name, *links):
    return StatusReply(name, 1, 9.0, "difpeer 1", "", (), links)


TOLD = {
    "p0": PeerAway(AWAY),
    "p1": PeerAway(AWAY),
    "p2": reply("p2", LinkStatus("p1", False, 7.4, "refused"), LinkStatus("p3", True, 50.0)),
    "p3": reply("p3", LinkStatus("p2", True, 50.0)),
}


def test_a_peer_behind_the_one_that_is_away_is_not_said_to_be_broken():
    assert _absence("p1", TOLD["p1"], TOLD) == "away for 7 s"
    assert _absence("p0", TOLD["p0"], TOLD) == "behind p1"
    assert list(_not_reached("p3", TOLD)) == [
        "asked through p3: p1 cannot be reached from p2, so nothing is known of p0 behind it"
    ]


def test_a_peer_that_stands_still():
    error = RunFailed("no answer within 3 s: it stands still, or a peer on the way to it")
    told = {"p0": reply("p0"), "p1": error}
    assert _absence("p1", error, told) == "no answer"
    assert list(_not_reached("p0", told)) == [f"p1, asked through p0: {error}"]


def test_where_the_link_is_up_or_nobody_says_since_when():
    told = {"p1": PeerAway(AWAY), "p2": RunFailed("no answer within 3 s")}
    assert _absence("p1", told["p1"], told) == "away"
    told["p2"] = reply("p2", LinkStatus("p1", True, 3.0))
    assert _absence("p1", told["p1"], told) == "away"


def test_seconds_stand_beside_their_number_on_a_narrow_terminal(monkeypatch, capsys):
    monkeypatch.setattr("peer.cli.status.console", Console(width=50))
    links = [LinkStatus(f"neighbour-{at}", False, 7.0, "refused") for at in range(4)]
    _print("p0", {"p0": replace(reply("p0", *links), uptime_s=12345.0)})
    assert " 12345 s " in capsys.readouterr().out
