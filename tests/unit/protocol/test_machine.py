"""What one machine does with each event: connections, attaching, rounds."""

from dataclasses import replace

from peer.protocol import effects, events
from peer.protocol.machine import PeerMachine
from peer.protocol.messages import (
    DONE,
    PROTOCOL_VERSION,
    Attach,
    Confirm,
    Done,
    Durable,
    Fact,
    Goodbye,
    Hello,
    Offer,
    OldIncarnation,
)
from peer.protocol.records import RunState
from peer.protocol.rounds import Waiting
from tests.unit.protocol.parts import (
    RUN,
    NameExaminer,
    Peers,
    messages,
    of_type,
    pair,
    payload,
    running,
    value,
)

EVERYONE = frozenset({"p0"})


def enter(peers: Peers, name: str, near: str) -> list[effects.Effect]:
    return peers.do(name, events.RoundRequested(RUN, "mean", {near: payload("x")}, frozenset({near})))


def test_both_hellos_bring_a_link_up_and_everything_is_told():
    peers = Peers(("p0", "p1"))
    peers.do("p1", events.Submitted(1, Offer(RUN, b"{}")))
    peers.connect()
    assert [type(m) for m in messages(peers.out["p1"])][:3] == [Hello, Offer, Fact]
    assert peers.machines["p0"].connections.links["p1"].up


def test_what_comes_before_hello_closes_the_stream():
    machine = Peers(("p0", "p1")).machines["p1"]
    (close,) = machine.handle(events.MessageReceived(5, Offer(RUN, b"{}")))
    assert (close.connection, close.reason) == (5, "a stranger's first message is Offer, not Hello")
    dialler = Peers(("p0", "p1")).machines["p0"]
    dialler.handle(events.Dialled("p1", 7))
    (close,) = dialler.handle(events.MessageReceived(7, Offer(RUN, b"{}")))
    assert (close.connection, close.reason) == (7, "p1 sent Offer before Hello")


def test_a_hello_that_is_refused_tells_nothing():
    peers = Peers(("p0", "p1"))
    peers.do("p1", events.Submitted(1, Offer(RUN, b"{}")))
    out = peers.hear("p1", 5, Hello(PROTOCOL_VERSION, "p9", 1, 1, ""))
    assert [type(effect) for effect in out] == [effects.Close]


def test_input_on_a_superseded_connection_is_dropped():
    peers = pair()
    old = peers.machines["p0"].connections.links["p1"].connection
    peers.dial("p0", "p1")
    peers.pump()
    assert peers.hear("p1", old, Offer(RUN, b"{}")) == []
    assert peers.states() == {"p0": None, "p1": None}


def test_goodbye_is_told_with_the_end_of_the_link():
    peers = pair()
    assert peers.hear("p0", 1, Goodbye("serve was stopped")) == []
    (change,) = peers.do("p0", events.ConnectionLost(1))
    assert (change.up, change.goodbye) == (False, True)


def test_an_old_incarnation_stops_the_peer():
    peers = pair()
    (stop,) = peers.hear("p1", 1, OldIncarnation(4))
    assert "p0 has seen incarnation 4 of p1" in stop.reason


def test_engines_attach_when_both_are_ready_whoever_is_first():
    peers = running()
    engines = [peers.machines[name].engines[RUN] for name in ("p0", "p1")]
    assert [edge.connection for engine in engines for edge in engine.edges.values()] == [1, 1]


def test_an_attach_that_comes_before_the_own_table_is_remembered_for_its_connection():
    peers = running()
    attach = peers.machines["p0"].engines[RUN].attach("p1")
    late = PeerMachine(peers.network, "p1", 1, NameExaminer("p1"))
    for message in (
        Hello(PROTOCOL_VERSION, "p0", 1, 1, ""),
        Offer(RUN, b"{}"),
        attach,
    ):
        late.handle(events.MessageReceived(1, message))
    assert not late.engines
    late.handle(events.MessageReceived(1, Fact(RUN, "p0", b"p0")))
    assert late.engines[RUN].edges["p0"].connection == 1


def test_an_attach_of_a_lost_connection_is_forgotten():
    peers = running()
    attach = peers.machines["p0"].engines[RUN].attach("p1")
    late = PeerMachine(peers.network, "p1", 1, NameExaminer("p1"))
    for message in (Hello(PROTOCOL_VERSION, "p0", 1, 1, ""), Offer(RUN, b"{}"), attach):
        late.handle(events.MessageReceived(1, message))
    late.handle(events.ConnectionLost(1))
    late.handle(events.MessageReceived(2, Hello(PROTOCOL_VERSION, "p0", 1, 2, "")))
    late.handle(events.MessageReceived(2, Fact(RUN, "p0", b"p0")))
    assert late.engines[RUN].edges["p0"].connection is None


def test_a_round_goes_over_the_wire_and_is_delivered():
    peers = running()
    enter(peers, "p0", "p1")
    assert peers.machines["p0"].waiting(RUN) == Waiting("round", 0, "mean", ("p1",))
    enter(peers, "p1", "p0")
    peers.pump()
    (delivered,) = of_type(peers.out["p0"], effects.DeliverRound)
    assert delivered.values == {"p1": payload("x")}


def test_a_cut_and_a_new_connection_bring_what_was_lost():
    peers = running()
    enter(peers, "p0", "p1")
    peers.queue.clear()
    for name in ("p0", "p1"):
        peers.do(name, events.ConnectionLost(1))
    assert peers.machines["p0"].engines[RUN].edges["p1"].connection is None
    enter(peers, "p1", "p0")
    peers.dial("p0", "p1")
    peers.pump()
    for name in ("p0", "p1"):
        assert of_type(peers.out[name], effects.DeliverRound)


def test_a_failure_in_a_round_ends_the_run_and_not_the_peer():
    peers = running()
    peers.hear("p0", 1, value(3, 3))
    peers.pump()
    assert set(peers.states().values()) == {"tomb"}
    assert "p1 sent message 3 of this edge where 0 comes next" in peers.records["p1"][RUN].reason.text


def test_a_failure_in_a_request_ends_the_run_too():
    peers = running()
    for _ in range(3):
        peers.do("p0", events.RoundRequested(RUN, "mean", {}, frozenset()))
    out = peers.do("p0", events.RoundRequested(RUN, "mean", {}, frozenset()))
    assert effects.StopProgram(RUN) in out


def test_requests_of_a_program_that_is_being_stopped_are_dropped():
    peers = running()
    peers.do("p0", events.CancelRequested(RUN, "asked for"))
    assert peers.do("p0", events.RoundRequested(RUN, "mean", {}, frozenset())) == []
    assert peers.do("p0", events.CheckpointRequested(RUN, {})) == []
    assert peers.do("p0", events.CheckpointDurable(RUN, 1)) == []


def test_values_of_a_run_that_is_not_attached_close_the_stream():
    peers = pair()
    (close,) = peers.hear("p0", 1, value(0, 0))
    assert close.reason == f"p1 sent Value of run {RUN!r}, which it is not attached to"
    peers.do("p0", events.Submitted(1, Offer(RUN, b"{}")))  # known, but there is no engine yet
    (close,) = peers.hear("p0", 1, Confirm(RUN, 0, 0, bytes(16), 0))
    assert "sent Confirm" in close.reason


def test_values_of_a_run_that_is_over_here_are_dropped():
    peers = running()
    peers.do("p0", events.CancelRequested(RUN, "asked for"))
    assert peers.hear("p0", 1, value(0, 0)) == []


def test_a_value_on_a_connection_that_is_up_but_not_attached_closes_it():
    peers = running()
    peers.machines["p0"].engines[RUN].detach(1)
    (close,) = peers.hear("p0", 1, value(0, 0))
    assert close.connection == 1


def test_durable_counts_also_where_values_do_not_flow():
    peers = running()
    peers.machines["p0"].engines[RUN].detach(1)
    assert peers.hear("p0", 1, Durable(RUN, DONE)) == []
    assert peers.machines["p0"].engines[RUN].edges["p1"].neighbour_durable == DONE


def test_a_confirmation_is_compared():
    peers = running()
    enter(peers, "p0", "p1")
    enter(peers, "p1", "p0")
    peers.pump()
    digest = value(0, 0, "x").digest
    assert peers.hear("p0", 1, Confirm(RUN, 0, 0, digest, 0)) == []
    peers.hear("p0", 1, Confirm(RUN, 0, 0, bytes(16), 0))
    assert "two different messages" in peers.records["p0"][RUN].reason.text


def test_a_wrong_configuration_is_told_at_attach():
    peers = running()
    attach = peers.machines["p1"].engines[RUN].attach("p0")
    peers.hear("p0", 1, replace(attach, config_digest=bytes(32)))
    assert "p1 runs another configuration" in peers.records["p0"][RUN].reason.text


def test_the_final_checkpoint_makes_the_run_done_and_then_it_is_told():
    peers = running()
    peers.do("p0", events.CheckpointRequested(RUN, {}, final=True))
    out = peers.do("p0", events.CheckpointDurable(RUN, 1))
    assert isinstance(out[0], effects.Persist)
    assert out[0].record.state is RunState.DONE
    assert messages(out) == [Durable(RUN, DONE), Done(RUN, "p0")]


def test_a_checkpoint_on_the_way_is_no_end():
    peers = running()
    peers.do("p0", events.CheckpointRequested(RUN, {}))
    assert peers.do("p0", events.CheckpointDurable(RUN, 1)) == []
    assert peers.states()["p0"] == "running"


def test_a_restart_that_finds_the_result_is_done_at_once():
    peers = running()
    out = peers.do("p0", events.CheckpointRequested(RUN, {"U": 1}, final=True))
    (write,) = of_type(out, effects.WriteCheckpoint)
    again = PeerMachine(
        peers.network,
        "p0",
        2,
        peers.examiners["p0"],
        peers.records["p0"].values(),
        {RUN: [write.checkpoint]},
    )
    out = again.start()
    assert of_type(out, effects.Persist)[0].record.state is RunState.DONE
    assert not of_type(out, effects.StartProgram)
    assert again.waiting(RUN) == Waiting("done", 0, "", ("p1",))


def test_an_attach_of_an_unknown_run_is_not_remembered():
    """Its offer would have come before it on the same connection."""
    peers = pair()
    assert peers.hear("p0", 1, Attach(RUN, bytes(32), 0, 0)) == []
    peers.do("p0", events.Submitted(1, Offer(RUN, b"{}")))
    peers.pump()
    assert set(peers.states().values()) == {"running"}
    assert peers.machines["p0"].waiting("run-9") is None
