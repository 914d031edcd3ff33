"""The life of runs, between whole machines (R2, R3, R4, R11)."""

import pytest

from peer.protocol import effects, events
from peer.protocol.messages import Closed, Done, Fact, Offer, Reason, Tomb, TombKind
from peer.protocol.records import RunState
from peer.protocol.rounds import Waiting
from tests.unit.protocol.parts import RUN, NameExaminer, Peers, messages, of_type, pair, running

SUBMIT = events.Submitted(1, Offer(RUN, b"{}"))


def finish(peers: Peers, *names: str) -> None:
    """The programs of some peers end, and their results are durable."""
    for name in names:
        peers.do(name, events.CheckpointRequested(RUN, {}, final=True))
        peers.do(name, events.CheckpointDurable(RUN, 1))
    peers.pump()


def test_a_submit_floods_and_the_run_starts_when_all_facts_are_there():
    peers = Peers(("p0", "p1"), ("p1", "p2"))
    peers.connect()
    out = peers.do("p0", SUBMIT)
    (answer,) = of_type(out, effects.Answer)
    assert (answer.token, answer.record.state, answer.busy_with) == (1, RunState.ACCEPTED, None)
    assert peers.machines["p0"].waiting(RUN) == Waiting("facts", 0, "", ("p1", "p2"))
    peers.pump()
    assert set(peers.states().values()) == {"running"}
    tables = [peers.records[name][RUN].table for name in peers.network.names]
    assert tables == [{"p0": b"p0", "p1": b"p1", "p2": b"p2"}] * 3
    (start,) = of_type(peers.out["p2"], effects.StartProgram)
    assert (start.spec, start.table, start.state) == (b"{}", tables[0], {})


def test_acceptance_is_durable_before_anything_is_told():
    out = pair().do("p0", SUBMIT)
    kinds = [type(effect) for effect in out]
    assert kinds == [effects.Persist, effects.RunChanged, effects.Send, effects.Send, effects.Answer]
    assert messages(out) == [Offer(RUN, b"{}"), Fact(RUN, "p0", b"p0")]


def test_a_known_run_is_answered_with_its_state():
    peers = running()
    (answer,) = peers.do("p1", SUBMIT)
    assert (answer.record.state, answer.busy_with) == (RunState.RUNNING, None)


def test_busy_is_an_answer_and_leaves_no_trace():
    peers = running()
    assert peers.do("p1", events.Submitted(2, Offer("run-2", b"{}"))) == [
        effects.Answer(2, None, busy_with=RUN)
    ]
    assert peers.states("run-2") == {"p0": None, "p1": None}


def test_of_two_accepted_runs_the_lower_id_wins():
    peers = Peers(("p0", "p1"), ("p1", "p2"))
    peers.connect()
    peers.do("p0", events.Submitted(1, Offer("run-2", b"{}")))
    peers.do("p2", SUBMIT)
    peers.pump()
    assert set(peers.states().values()) == {"running"}
    assert set(peers.states("run-2").values()) == {"tomb"}
    assert {peers.records[name]["run-2"].reason.kind for name in peers.network.names} == {TombKind.LOST}


def test_a_running_run_wins_over_a_lower_id():
    """Its rival's tombstone is still on the way: without the rule both would be lost."""
    peers = running()
    out = peers.hear("p1", 1, Offer("run-0", b"{}"))
    assert peers.states() == {"p0": "running", "p1": "running"}
    (tomb,) = messages(out)
    assert (tomb.run, tomb.reason.kind, tomb.reason.text) == (
        "run-0",
        TombKind.LOST,
        f"run {RUN} was taken first",
    )


def test_a_peer_that_does_not_fit_refuses_the_run_everywhere():
    peers = Peers(("p0", "p1"), ("p1", "p2"), examiners={"p2": NameExaminer("p2", refusal="dim 3, not 4")})
    peers.connect()
    peers.do("p0", SUBMIT)
    peers.pump()
    reason = Reason(TombKind.REFUSED, "p2", "dim 3, not 4")
    assert {name: peers.records[name][RUN].reason for name in peers.network.names} == dict.fromkeys(
        peers.network.names, reason
    )


def test_a_table_that_does_not_fit_together_refuses_the_run():
    unfit = {name: NameExaminer(name, unfit="p1 (dim 3) does not fit the others") for name in ("p0", "p1")}
    peers = Peers(("p0", "p1"), examiners=unfit)
    peers.connect()
    peers.do("p0", SUBMIT)
    peers.pump()
    kinds = {peers.records[name][RUN].reason.kind for name in peers.network.names}
    assert (set(peers.states().values()), kinds) == ({"tomb"}, {TombKind.REFUSED})
    assert not peers.machines["p0"].engines


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        (Fact(RUN, "p1", b"other"), "p1 told two different facts"),
        (Fact(RUN, "p9", b"p9"), "'p9', of whom p1 tells a fact, is not in the network file here"),
    ],
)
def test_facts_that_cannot_be_are_named(fact, text):
    peers = running()
    peers.hear("p0", 1, fact)
    peers.pump()
    reasons = [peers.records[name][RUN].reason for name in ("p0", "p1")]
    assert {reason.kind for reason in reasons} == {TombKind.FAILED}
    assert text in reasons[0].text


def test_what_is_told_of_a_run_that_is_over_or_unknown_changes_nothing():
    peers = running()
    assert peers.hear("p0", 1, Fact(RUN, "p1", b"p1")) == []
    assert peers.hear("p0", 1, Fact("run-2", "p1", b"p1")) == []
    assert peers.hear("p0", 1, Done("run-2", "p1")) == []
    assert peers.hear("p0", 1, Closed("run-2")) == []
    assert peers.hear("p0", 1, Done(RUN, "p9")) == []
    assert peers.hear("p0", 1, Offer(RUN, b"other")) == []


def test_a_run_is_closed_when_all_are_done():
    peers = running()
    finish(peers, "p0")
    assert peers.states() == {"p0": "done", "p1": "running"}
    assert peers.machines["p0"].waiting(RUN) == Waiting("done", 0, "", ("p1",))
    finish(peers, "p1")
    assert set(peers.states().values()) == {"closed"}
    assert not peers.machines["p0"].engines
    assert peers.machines["p0"].waiting(RUN) is None
    assert effects.DropCheckpoints(RUN) in peers.out["p0"]


def test_a_done_peer_that_hears_closed_closes():
    peers = running()
    finish(peers, "p0")
    peers.hear("p0", 1, Closed(RUN))
    assert peers.states()["p0"] == "closed"


def test_closed_where_the_run_is_not_done_shows_an_old_state_folder():
    peers = running()
    peers.hear("p0", 1, Closed(RUN))
    reason = peers.records["p0"][RUN].reason
    assert reason.kind is TombKind.FAILED
    assert "p1 has closed the run, which p0 had finished, and here it is only running" in reason.text


def test_a_peer_that_others_know_as_done_closes_when_it_is_done_again():
    """Its folder was set back by one restart, which no incarnation shows."""
    peers = running()
    finish(peers, "p1")
    peers.hear("p0", 1, Done(RUN, "p0"))
    finish(peers, "p0")
    assert set(peers.states().values()) == {"closed"}


def test_cancel_ends_a_run_everywhere_and_stops_its_programs():
    peers = running()
    out = peers.do("p0", events.CancelRequested(RUN, "asked for"))
    assert effects.StopProgram(RUN) in out
    peers.pump()
    assert set(peers.states().values()) == {"tomb"}
    assert peers.records["p1"][RUN].reason == Reason(TombKind.CANCELLED, "p0", "asked for")
    assert peers.do("p0", events.CancelRequested(RUN, "again")) == []


def test_cancel_of_a_run_that_is_only_accepted_has_no_program_to_stop():
    peers = Peers(("p0", "p1"))
    peers.do("p0", SUBMIT)
    out = peers.do("p0", events.CancelRequested(RUN, "asked for"))
    assert not of_type(out, effects.StopProgram)
    assert peers.states() == {"p0": "tomb", "p1": None}


def test_cancel_at_a_done_peer_keeps_its_result():
    peers = running()
    finish(peers, "p0")
    peers.do("p1", events.CancelRequested(RUN, "asked for"))
    peers.pump()
    assert peers.states() == {"p0": "done", "p1": "tomb"}
    assert peers.records["p0"][RUN].reason.kind is TombKind.CANCELLED
    assert not peers.records["p0"][RUN].busy


def test_cancel_of_a_closed_run_is_too_late():
    peers = running()
    finish(peers, "p0", "p1")
    assert peers.do("p0", events.CancelRequested(RUN, "asked for")) == []


def test_a_tombstone_of_an_unknown_run_is_recorded_and_passed_on():
    peers = Peers(("p0", "p1"), ("p1", "p2"))
    peers.connect()
    tomb = Tomb(RUN, Reason(TombKind.FAILED, "p9", "diverged"))
    out = peers.hear("p1", 1, tomb)
    assert messages(out) == [tomb]  # to p2, not back to p0
    peers.pump()
    assert peers.states() == {"p0": None, "p1": "tomb", "p2": "tomb"}


def test_a_program_that_failed_ends_the_run_with_its_text():
    peers = running()
    peers.do("p1", events.ProgramFailed(RUN, "p1: its own value is not finite"))
    peers.pump()
    assert peers.records["p0"][RUN].reason == Reason(TombKind.FAILED, "p1", "p1: its own value is not finite")


# Restarts


def test_an_accepted_run_goes_on_after_a_restart_with_the_fact_of_its_record():
    peers = Peers(("p0", "p1"))
    peers.do("p0", SUBMIT)
    peers.examiners["p0"] = NameExaminer("another fact")
    peers.start("p0", 2)
    peers.connect()
    assert set(peers.states().values()) == {"running"}
    assert peers.records["p1"][RUN].table["p0"] == b"p0"


def test_a_running_run_is_started_again_from_what_was_durable():
    peers = running()
    peers.start("p0", 2)
    (start,) = of_type(peers.out["p0"], effects.StartProgram)[1:]
    assert start.state == {}


def test_a_done_peer_whose_result_is_gone_has_no_result_to_keep():
    peers = running()
    finish(peers, "p0")
    peers.start("p0", 2)  # without any checkpoint
    record = peers.records["p0"][RUN]
    assert (record.state, record.reason.kind) == (RunState.TOMB, TombKind.FAILED)
    assert "the result of p0 is missing or damaged in its state folder" in record.reason.text


def test_records_of_what_is_over_are_told_after_a_restart():
    peers = running()
    finish(peers, "p0", "p1")
    peers.start("p0", 2)
    peers.start("p1", 2)
    peers.queue.clear()
    peers.connect()
    assert Closed(RUN) in messages(peers.out["p0"])
    assert set(peers.states().values()) == {"closed"}


def test_a_run_that_nobody_who_may_has_submitted_is_refused_and_disturbs_no_other():
    peers = Peers(
        ("p0", "p1"), examiners={name: NameExaminer(name, operators=["alice"]) for name in ("p0", "p1")}
    )
    peers.connect()
    peers.do("p0", events.Submitted(1, Offer(RUN, b"{}", "alice", b"hers")))
    peers.pump()
    assert set(peers.states().values()) == {"running"}
    out = peers.hear("p1", 1, Offer("run-0", b"{}", "mallory", b"x"))
    (tomb,) = messages(out)
    assert (tomb.run, tomb.reason) == ("run-0", Reason(TombKind.REFUSED, "p1", "mallory is nobody"))
    assert set(peers.states().values()) == {"running"}


def test_whose_run_it_is_goes_with_every_offer():
    names = ("p0", "p1", "p2")
    examiners = {name: NameExaminer(name, operators=["alice"]) for name in names}
    peers = Peers(("p0", "p1"), ("p1", "p2"), examiners=examiners)
    offer = Offer(RUN, b"{}", "alice", b"hers")
    peers.do("p0", events.Submitted(1, offer))
    assert peers.records["p0"][RUN].offer == offer
    peers.connect()
    peers.pump()
    assert set(peers.states().values()) == {"running"}
    assert peers.records["p2"][RUN].offer == offer
