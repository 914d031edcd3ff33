"""What a client says of a run while it follows it."""

import pytest

from peer.config import RunFailed
from peer.protocol.messages import Reason, TombKind
from peer.protocol.records import RunState
from peer.runtime.following import ended, progress_note
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


def test_the_slowest_round_the_worst_distance_and_all_bytes():
    newest = {"p0": told(41), "p1": told(40, distance=0.25)}
    assert progress_note(newest) == "round 40 descent, distance 5.0e-01, 2.0 MB sent"


def test_a_short_wait_is_no_news():
    assert "waits" not in progress_note({"p0": told(4, waiting_for=("p1",), waiting_s=0.9), "p1": told(4)})


def test_of_a_chain_of_waits_the_one_beside_the_cause_is_told():
    newest = {
        "p0": told(7, waiting_for=("p1",), waiting_s=8.1),
        "p1": told(6, waiting_for=("p0", "p2"), waiting_s=8.0),
        "p2": told(5, waiting_for=("p1",), waiting_s=0.1),  # what it said before it went away
    }
    assert progress_note(newest).endswith(", p1 waits 8 s for p0, p2")


def test_a_wait_for_the_disk_names_nobody():
    assert "waits" not in progress_note({"p0": told(4, waiting_s=5.0)})


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
