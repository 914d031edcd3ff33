import pytest

from peer.protocol import effects
from peer.protocol.messages import DONE, Attach, Confirm, Durable, Value
from peer.protocol.payload import payload_digest
from peer.protocol.rounds import GENERATIONS, WINDOW, RoundMachine, RunFailure, Waiting
from tests.unit.protocol.parts import CONFIG, RUN, attached, enter, messages, of_type, payload, rounds, value


def step(machine: RoundMachine, number: int) -> list[effects.Effect]:
    """One whole round, active on every edge; returns what the end of it brought."""
    enter(machine)
    out: list[effects.Effect] = []
    for name in machine.edges:
        out += machine.receive(name, value(machine.edges[name].received_seq, number))
    return out


def checkpoint(machine: RoundMachine, *, final: bool = False, state: str = "") -> list[effects.Effect]:
    return machine.request_checkpoint({"state": state}, final=final)


# R6, R8: rounds


def test_a_round_sends_to_all_and_is_delivered_in_the_order_of_names():
    machine = attached("p1", "p2", "p3")
    sent = messages(enter(machine))
    assert [message.seq for message in sent] == [0, 0, 0]
    assert machine.waiting() == Waiting("round", 0, "mean", ("p1", "p2", "p3"))
    assert machine.receive("p3", value(0, 0, "c")) == []
    assert machine.receive("p1", value(0, 0, "a")) == []
    assert machine.waiting() == Waiting("round", 0, "mean", ("p2",))
    (delivered,) = machine.receive("p2", value(0, 0, "b"))
    assert list(delivered.values) == ["p1", "p2", "p3"]
    assert delivered.values["p3"] == payload("c")
    assert machine.round == 1
    assert machine.waiting() is None


def test_one_payload_for_all_is_digested_once_and_right():
    machine = attached("p1", "p2")
    first, second = messages(enter(machine, "own"))
    assert first.digest == second.digest == payload_digest(0, "mean", payload("own"))


def test_an_edge_active_one_way_carries_an_empty_message_the_other_way():
    machine = attached("p1", "p2", "p3")
    out = machine.request_round("up", {"p1": payload("x")}, frozenset({"p2"}))
    assert [(m.seq, bool(m.payload)) for m in messages(out)] == [(0, True), (0, False)]
    assert machine.receive("p1", value(0, 0, "", "up")) == []
    (delivered,) = machine.receive("p2", value(0, 0, "y", "up"))
    assert delivered.values == {"p2": payload("y")}
    assert machine.edges["p3"].sent_seq == 0


def test_a_round_without_active_edges_passes_at_once():
    machine = attached("p1")
    (delivered,) = machine.request_round("idle", {}, frozenset())
    assert delivered == effects.DeliverRound(RUN, 0, {})


def test_what_comes_early_waits_for_its_round():
    machine = attached("p1")
    assert machine.receive("p1", value(0, 0)) == []
    assert of_type(enter(machine), effects.DeliverRound)


def test_an_unattached_edge_keeps_what_it_would_send():
    machine = rounds("p1")
    assert messages(enter(machine)) == []
    (sent,) = messages(machine.attached("p1", 7, Attach(RUN, CONFIG, 0, 0)))
    assert (sent.seq, sent.payload) == (0, payload("own"))


def test_more_rounds_between_checkpoints_than_declared_are_refused():
    machine = attached("p1", interval=1)
    step(machine, 0)
    with pytest.raises(RunFailure, match=r"round 1 \(mean\), more than the 1 rounds between two checkpoints"):
        enter(machine)
    checkpoint(machine)
    enter(machine)


# R5: checkpoints


def test_a_checkpoint_is_written_beside_the_rounds():
    machine = attached("p1")
    step(machine, 0)
    write, go_on = checkpoint(machine, state="s")
    assert go_on == effects.ContinueProgram(RUN)
    taken = write.checkpoint
    assert (taken.index, taken.round, taken.needs, taken.final, taken.state) == (
        1,
        1,
        1,
        False,
        {"state": "s"},
    )
    assert [sent.seq for sent in taken.edges["p1"].sent] == [0]
    assert write.keep_from == 1


def test_the_program_waits_while_too_many_are_not_durable():
    machine = attached("p1")
    for _ in range(WINDOW):
        assert of_type(checkpoint(machine), effects.ContinueProgram)
    assert checkpoint(machine) == []
    assert machine.waiting() == Waiting("disk", 0, "checkpoint", ())
    out = machine.checkpoint_durable(1)
    assert of_type(out, effects.ContinueProgram)
    assert machine.waiting() is None


def test_the_oldest_of_the_kept_generations_is_announced():
    machine = attached("p1")
    for number in range(4):
        step(machine, number)
        checkpoint(machine)
        machine.checkpoint_durable(number + 1)
        assert machine.durable_round == max(0, number + 2 - GENERATIONS)


def test_writes_may_finish_in_any_order_but_gaps_do_not_count():
    machine = attached("p1")
    for number in range(2):
        step(machine, number)
        checkpoint(machine)
    assert machine.checkpoint_durable(2) == []
    assert (machine.durable, machine.durable_round) == (0, 0)
    machine.checkpoint_durable(1)
    assert (machine.durable, machine.durable_round) == (2, 1)
    assert machine.checkpoint_durable(2) == []  # told again
    assert machine.checkpoint_durable(9) == []  # never taken


def test_files_go_when_neither_a_generation_nor_a_neighbour_needs_them():
    machine = attached("p1")
    kept = []
    for number in range(6):
        enter(machine)
        machine.receive("p1", value(number, number, durable=max(0, number - 2)))
        (write,) = of_type(checkpoint(machine), effects.WriteCheckpoint)
        kept.append((write.checkpoint.index, write.checkpoint.needs, write.keep_from))
        machine.checkpoint_durable(number + 1)
    assert kept == [(1, 1, 1), (2, 1, 1), (3, 1, 1), (4, 2, 1), (5, 3, 1), (6, 4, 2)]


def test_the_final_checkpoint_ends_the_run_here_and_is_told():
    machine = attached("p1", "p2")
    step(machine, 0)
    (write,) = checkpoint(machine, final=True)
    assert write.checkpoint.final
    assert machine.waiting() == Waiting("disk", 1, "result", ())
    machine.detach(2)
    out = machine.checkpoint_durable(1)
    assert out == [effects.Send(1, "p1", Durable(RUN, DONE))]
    assert machine.done
    assert machine.waiting() is None


def test_the_final_checkpoint_waits_for_the_disk_too():
    machine = attached("p1")
    for _ in range(WINDOW):
        checkpoint(machine)
    assert checkpoint(machine, final=True) == []
    assert machine.waiting() == Waiting("disk", 0, "result", ())
    (write,) = machine.checkpoint_durable(1)
    assert write.checkpoint.final


# R7: attach


def test_attach_tells_what_is_wanted_and_what_is_durable():
    machine = attached("p1")
    machine.receive("p1", value(0, 0))
    assert machine.attach("p1") == Attach(RUN, CONFIG, 1, 0)


def test_at_attach_what_is_wanted_is_sent_again_and_counted_as_such():
    machine = attached("p1")
    for number in range(2):
        step(machine, number)
    machine.detach(1)
    out = machine.attached("p1", 2, Attach(RUN, CONFIG, 1, 0))
    assert [(effect.connection, effect.message.seq, effect.resent) for effect in out] == [(2, 1, True)]


def test_detach_concerns_the_edge_of_that_connection():
    machine = attached("p1", "p2")
    machine.detach(1)
    assert [edge.connection for edge in machine.edges.values()] == [None, 2]


@pytest.mark.parametrize(
    ("attach", "text"),
    [
        (Attach(RUN, bytes([1]) * 32, 0, 0), "p1 runs another configuration .*same network file"),
        (Attach(RUN, CONFIG, 2, 0), "p1 has lost durable state .*announces round 0, before it was 1"),
        (Attach(RUN, CONFIG, 0, 1), "p1 wants message 0 of this edge, of a round that it had finished"),
    ],
)
def test_what_cannot_be_attached_is_named(attach, text):
    machine = attached("p1")
    step(machine, 0)
    enter(machine)
    machine.receive("p1", value(1, 1, durable=1))
    with pytest.raises(RunFailure, match=text):
        machine.attached("p1", 2, attach)


def test_a_neighbour_ahead_of_a_restarted_peer_wants_what_is_not_made_yet():
    machine = rounds("p1")
    assert machine.attached("p1", 1, Attach(RUN, CONFIG, 5, 0)) == []
    (sent,) = messages(enter(machine))
    assert isinstance(sent, Confirm)
    assert (sent.seq, sent.digest) == (0, payload_digest(0, "mean", payload("own")))


# R9: what arrives


def test_a_repeated_value_or_confirmation_is_ignored_when_it_is_equal():
    machine = attached("p1")
    step(machine, 0)
    again = value(0, 0)
    assert machine.receive("p1", again) == []
    assert machine.receive("p1", Confirm(RUN, 0, 0, again.digest, 0)) == []
    assert machine.edges["p1"].received_seq == 1


@pytest.mark.parametrize(
    "other",
    [value(0, 0, "other"), value(0, 1), Confirm(RUN, 0, 0, bytes(16), 0)],
)
def test_a_repeated_message_that_differs_is_named_with_both_digests(other):
    machine = attached("p1")
    step(machine, 0)
    first = value(0, 0).digest.hex()[:16]
    with pytest.raises(
        RunFailure, match=f"p1 sent two different messages 0 .*{first}.*{other.digest.hex()[:16]}"
    ):
        machine.receive("p1", other)


def test_what_a_neighbour_can_never_send_again_is_not_compared():
    machine = attached("p1")
    step(machine, 0)
    machine.receive("p1", Durable(RUN, 1))
    assert machine.receive("p1", value(0, 0, "other")) == []


def test_a_durable_round_frees_the_outbox():
    machine = attached("p1")
    step(machine, 0)
    step(machine, 1)
    machine.receive("p1", Durable(RUN, 1))
    assert list(machine.edges["p1"].outbox) == [1]


@pytest.mark.parametrize("message", [value(1, 0), Confirm(RUN, 0, 0, bytes(16), 0)])
def test_what_is_not_the_next_message_is_refused(message):
    with pytest.raises(RunFailure, match=f"p1 sent message {message.seq} of this edge where 0 comes next"):
        attached("p1").receive("p1", message)


def test_a_neighbour_cannot_be_further_ahead_than_the_bound():
    machine = attached("p1", interval=1)
    for seq in range(machine.bound):
        machine.receive("p1", value(seq, seq))
    with pytest.raises(
        RunFailure, match=f"p1 is {machine.bound + 1} messages ahead, the bound is {machine.bound}"
    ):
        machine.receive("p1", value(machine.bound, machine.bound))


def test_bound_counts_window_and_generations():
    assert rounds("p1", interval=5).bound == 1 + (WINDOW + GENERATIONS) * 5
    assert rounds("p1", interval=0).bound == 1 + WINDOW + GENERATIONS


MASKS = "masks disagree between the two ends"


def test_a_message_of_a_round_that_is_over_is_named():
    machine = attached("p1", "p2")
    machine.request_round("mean", {"p1": payload("x")}, frozenset({"p1"}))
    machine.receive("p1", value(0, 0))
    with pytest.raises(RunFailure, match=f"p2 sent a message of round 0 .* is in round 1 .*{MASKS}"):
        machine.receive("p2", value(0, 0))


def test_a_message_of_this_round_on_an_idle_edge_is_named_whenever_it_comes():
    late = attached("p1", "p2")
    late.request_round("mean", {"p1": payload("x")}, frozenset({"p1"}))
    with pytest.raises(RunFailure, match=f"p2 sent a message of round 0 .* is in round 0 .*{MASKS}"):
        late.receive("p2", value(0, 0))
    early = attached("p1", "p2")
    early.receive("p2", value(0, 0))
    with pytest.raises(RunFailure, match=f"p2 sent a message of round 0 .* is in round 0 .*{MASKS}"):
        early.request_round("mean", {"p1": payload("x")}, frozenset({"p1"}))


def test_a_message_of_a_later_round_on_an_idle_edge_may_wait():
    machine = attached("p1", "p2")
    machine.receive("p2", value(0, 1))
    machine.request_round("mean", {"p1": payload("x")}, frozenset({"p1"}))
    assert machine.receive("p1", value(0, 0))
    assert of_type(machine.request_round("mean", {}, frozenset({"p2"})), effects.DeliverRound)


def test_a_neighbour_that_skips_a_round_is_named():
    machine = attached("p1")
    enter(machine)
    with pytest.raises(RunFailure, match=f"p1 sent a message of round 1 .* is in round 0 .*{MASKS}"):
        machine.receive("p1", value(0, 1))


@pytest.mark.parametrize(("text", "expected"), [("", frozenset({"p1"})), ("x", frozenset())])
def test_a_direction_that_the_two_ends_see_differently_is_named(text, expected):
    machine = attached("p1")
    machine.request_round("mean", {"p1": payload("own")}, expected)
    with pytest.raises(RunFailure, match=f"p1 sent a message of round 0 .*{MASKS}"):
        machine.receive("p1", value(0, 0, text))


def test_another_label_in_the_same_round_is_named():
    machine = attached("p1")
    enter(machine)
    with pytest.raises(
        RunFailure, match="round 0 is 'mean' here and 'power' at p1: the peers run different programs"
    ):
        machine.receive("p1", value(0, 0, label="power"))


def test_what_is_left_or_comes_after_the_end_is_named():
    left = attached("p1")
    left.receive("p1", value(0, 5))
    with pytest.raises(RunFailure, match=f"p1 sent a message of round 5 .* has ended the program .*{MASKS}"):
        checkpoint(left, final=True)
    late = attached("p1")
    checkpoint(late, final=True)
    with pytest.raises(RunFailure, match=f"p1 sent a message of round 0 .* has ended the program .*{MASKS}"):
        late.receive("p1", value(0, 0))


# R10: restart


def crashed(machine_rounds: int) -> tuple[RoundMachine, list]:
    """A machine that went on for some rounds with a checkpoint after each, and its files."""
    machine = attached("p1")
    files = []
    for number in range(machine_rounds):
        step(machine, number)
        (write,) = of_type(checkpoint(machine, state=str(number)), effects.WriteCheckpoint)
        files.append(write.checkpoint)
        machine.checkpoint_durable(write.checkpoint.index)
    return machine, files


def test_a_restart_resumes_from_the_newest_checkpoint():
    before, files = crashed(3)
    before.receive("p1", value(3, 3))  # lost with the process
    machine = rounds("p1", checkpoints=files)
    assert (machine.round, machine.taken, machine.durable, machine.state) == (3, 3, 3, {"state": "2"})
    assert not machine.ended
    assert machine.attach("p1") == Attach(RUN, CONFIG, 3, 3)
    assert messages(machine.attached("p1", 1, Attach(RUN, CONFIG, 1, 0)))[0].seq == 1
    assert before.durable_round <= machine.durable_round


def test_after_a_restart_repeated_messages_are_still_compared():
    _, files = crashed(2)
    machine = rounds("p1", checkpoints=files)
    with pytest.raises(RunFailure, match="two different messages 1"):
        machine.receive("p1", value(1, 1, "other"))


def test_a_restart_from_the_final_checkpoint_is_done():
    machine, files = crashed(1)
    (write,) = checkpoint(machine, final=True)
    again = rounds("p1", checkpoints=[*files, write.checkpoint])
    assert again.done
    assert again.ended
    assert again.attach("p1") == Attach(RUN, CONFIG, 1, DONE)
    with pytest.raises(RunFailure, match="has ended the program"):
        again.receive("p1", value(1, 1))


def test_values_sent_again_after_a_restart_count_as_resent():
    _, files = crashed(1)
    machine = rounds("p1", checkpoints=files)
    (again,) = machine.attached("p1", 1, Attach(RUN, CONFIG, 0, 0))
    assert (again.message.seq, again.resent) == (0, True)
    assert isinstance(again.message, Value)
    (fresh,) = of_type(enter(machine), effects.Send)
    assert (fresh.message.seq, fresh.resent) == (1, False)
