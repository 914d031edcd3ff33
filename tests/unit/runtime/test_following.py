"""What a client says of a run while it follows it."""

from dataclasses import replace

import pytest

from peer.config import RunFailed
from peer.protocol.messages import Reason, TombKind
from peer.protocol.records import RunState
from peer.runtime.following import News, ended, progress_note, stalls
from peer.wire.requests import RunStatus, WatchReply
from topology.errors import InputError


def told(number: int, *, waiting_for: tuple[str, ...] = (), waiting_s: float = 0.0, distance: float = 0.5):
    status = RunStatus(
        "r",
        RunState.RUNNING,
        None,
        "dif-altgdmin",
        number // 5,
        9,
        number,
        "descent",
        waiting_for,
        waiting_s,
        "round",
    )
    return WatchReply(status, {"subspace_distance": distance}, message_bytes=1_000_000)


def heard(replies):
    """News of peers that have just told this."""
    news = News(replies, "127.0.0.1:7100")
    for peer, reply in replies.items():
        news.told(peer, reply)
    return news


def test_the_slowest_round_the_worst_distance_and_all_bytes():
    newest = {"p0": told(41), "p1": told(40, distance=0.25)}
    assert progress_note(heard(newest)) == "round 40 descent, distance 5.0e-01, 2.0 MB sent"


def test_a_short_wait_is_no_news():
    assert "waits" not in progress_note(
        heard({"p0": told(4, waiting_for=("p1",), waiting_s=0.9), "p1": told(4)})
    )


def test_of_a_chain_of_waits_the_one_beside_the_cause_is_told():
    newest = {
        "p0": told(7, waiting_for=("p1",), waiting_s=8.1),
        "p1": told(6, waiting_for=("p0", "p2"), waiting_s=8.0),
        "p2": told(5, waiting_for=("p1",), waiting_s=0.1),  # what it said before it went away
    }
    assert progress_note(heard(newest)).endswith(", p1 waits 8 s for p0, p2")


def test_a_wait_for_the_disk_names_nobody():
    assert "waits" not in progress_note(heard({"p0": told(4, waiting_s=5.0)}))


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (TombKind.REFUSED, InputError),
        (TombKind.LOST, InputError),
        (TombKind.CANCELLED, RunFailed),
        (TombKind.FAILED, RunFailed),
    ],
)
def test_a_refused_run_is_bad_input_and_a_failed_one_is_not(kind, error):
    raised = ended("r", Reason(kind, "p3", "it was so"))
    assert type(raised) is error
    assert "run r " in str(raised)
    assert "p3" in str(raised)
    assert "it was so" in str(raised)


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when the test says so."""
    now = [100.0]
    monkeypatch.setattr("peer.runtime.following.monotonic", lambda: now[0])
    return now


def test_a_silent_peer_is_named_beside_the_one_that_waits_for_it(clock):
    news = News(("p0", "p1", "p2", "p3"), "127.0.0.1:7100")
    for name in ("p0", "p1", "p2", "p3"):
        news.told(name, told(7))
    clock[0] += 4
    news.told("p0", told(8, waiting_for=("p1",), waiting_s=3.9))
    news.told("p1", told(7, waiting_for=("p2",), waiting_s=4.0))
    news.look()
    # p3 is behind p2: nobody who is heard waits for it.
    assert progress_note(news).endswith(", p1 waits 4 s for p2 (silent for 4 s)")
    assert stalls(news)
    news.told("p1", told(8))
    news.told("p0", told(8))
    assert progress_note(news).endswith(", p2 says nothing for 4 s, p3 says nothing for 4 s")
    news.told("p2", told(8))
    news.told("p3", told(8))
    assert progress_note(news).endswith(" MB sent")
    assert not stalls(news)


def test_what_a_silent_peer_said_last_is_no_longer_so(clock):
    news = News(("p0", "p1"), "127.0.0.1:7100")
    news.told("p1", told(7, waiting_for=("p0",), waiting_s=9.0))
    clock[0] += 3
    news.told("p0", told(7))
    news.look()
    assert "waits" not in progress_note(news)
    assert "p1 says nothing for 3 s" in progress_note(news)


def test_where_nobody_is_heard_the_one_asked_is_named(clock):
    news = News(("p0", "p1"), "127.0.0.1:7100")
    clock[0] += 1
    news.told("p1", told(7))  # the last one heard, a moment later than the others
    news.clear()
    clock[0] += 2
    news.look()
    assert progress_note(news) == "no answer from 127.0.0.1:7100 for 3 s"
    news.told("p0", told(9))
    news.over("p0")
    clock[0] += 3
    news.look()
    assert "p1 says nothing for 5 s" in progress_note(news)


def test_how_far_a_run_is_by_those_that_are_heard(clock):
    news = News(("p0", "p1"), "127.0.0.1:7100")
    news.told("p1", told(30))
    clock[0] += 3
    news.told("p0", told(45))
    news.look()
    assert news.slowest.iteration == 9
    assert progress_note(news).startswith("round 45 descent")
    # Where nobody is heard, the last that was.
    clock[0] += 3
    news.look()
    assert news.slowest.iteration == 6
    assert News(("p0",), "127.0.0.1:7100").slowest is None


def test_what_was_sent_never_becomes_less():
    news = News(("p0", "p1"), "127.0.0.1:7100")
    for sent in (5_000_000, 3_000_000):  # the second by a process that started anew
        news.told("p0", replace(told(40), message_bytes=sent))
        news.told("p1", told(40))
        assert "6.0 MB sent" in progress_note(news)
    news.told("p0", replace(told(60), message_bytes=7_000_000))
    assert "8.0 MB sent" in progress_note(news)


def test_the_bytes_of_some_are_not_those_of_the_run():
    news = News(("p0", "p1"), "127.0.0.1:7100")
    news.told("p0", told(40))
    assert "sent" not in progress_note(news)


def test_a_peer_that_does_not_know_the_run_is_not_silent(clock):
    news = News(("p0", "p1"), "127.0.0.1:7100")
    for _ in range(4):
        news.told("p1", told(7))
        news.not_known("p0")
        news.look()
        clock[0] += 1
    assert progress_note(news).endswith(", p0 knows nothing of the run")
    news.told("p0", told(7))
    assert progress_note(news).endswith(" MB sent")


def test_a_short_stall_is_not_told_out_of_turn(clock):
    news = News(("p0", "p1"), "127.0.0.1:7100")
    news.told("p0", told(7, waiting_for=("p1",), waiting_s=2.9))
    assert "waits 3 s" in progress_note(news)
    assert not stalls(news)
