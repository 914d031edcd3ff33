"""Each rule of rounds, checkpoints and outboxes in docs/protocol.md: the campaign fails without it."""

from collections import deque
from dataclasses import replace

from peer.protocol.edge import Edge
from peer.protocol.machine import PeerMachine
from peer.protocol.messages import DONE, Confirm, Value
from peer.protocol.rounds import RoundMachine, RunFailure
from peer.simulate.faults.world import FaultWorld
from tests.simulation.breaking import breaks, count
from tests.simulation.worlds import (
    ChangingBitsWorld,
    EquivocationChecks,
    LongerChecks,
    LongerWorld,
    OutcomeChecks,
    WrongMaskChecks,
    WrongMaskWorld,
)


class SlowDiskWorld(FaultWorld):
    def __init__(self, network, rng, rates, unfit):
        super().__init__(network, rng, replace(rates, gap=2.0, slow_disk=3.0, damage=0.0), unfit)


class DamagedWorld(FaultWorld):
    def __init__(self, network, rng, rates, unfit):
        super().__init__(network, rng, replace(rates, damage=1.0), unfit)


class OftenRestartedWorld(ChangingBitsWorld):
    def __init__(self, network, rng, rates, unfit):
        super().__init__(network, rng, replace(rates, gap=4.0, slow_disk=5.0), unfit)


# R5 Checkpoints


def test_the_program_waits_for_the_disk(monkeypatch):
    def never_waits(self, state, *, final):
        self.ended = final
        return self._take(state, final)

    monkeypatch.setattr(RoundMachine, "request_checkpoint", never_waits)
    breaks(20, "I4: .* keeps more than")


def test_a_durable_round_is_announced_when_it_is_durable(monkeypatch):
    def announces_early(self):
        ended = self._final is not None and self.taken >= self._final
        return DONE if ended else self._rounds_of[self.taken]

    monkeypatch.setattr(RoundMachine, "durable_round", property(announces_early))
    breaks(20, "I1: .* announces")
    breaks(20, "has lost durable state|had finished for good", checks=OutcomeChecks)


def test_only_what_is_durable_without_gaps_counts(monkeypatch):
    durable = RoundMachine.checkpoint_durable

    def counts_the_newest(self, index):
        if not self.durable < index <= self.taken:
            return []
        self.durable = index - 1
        return durable(self, index)

    monkeypatch.setattr(RoundMachine, "checkpoint_durable", counts_the_newest)
    breaks(20, "I1: .* announces")
    breaks(
        200, "has lost durable state|had finished for good|missing or damaged", SlowDiskWorld, OutcomeChecks
    )


def test_a_damaged_newest_checkpoint_is_survived():
    assert count(100, DamagedWorld)["damaged"] > 50


def test_one_generation_does_not_survive_damage(monkeypatch):
    init = RoundMachine.__init__

    def keeps_one(self, *args):
        init(self, *args)
        self._generations = deque(self._generations, maxlen=1)

    monkeypatch.setattr(RoundMachine, "__init__", keeps_one)
    breaks(100, "I1: .* announces")
    breaks(100, "has lost durable state|had finished for good", checks=OutcomeChecks)


def test_after_a_restart_only_the_newest_generation_is_announced(monkeypatch):
    restore = RoundMachine._restore

    def announces_the_one_before(self, checkpoints):
        restore(self, checkpoints)
        if checkpoints[1:]:
            self._generations.appendleft(checkpoints[-2].index)
            self._needs[checkpoints[-2].index] = checkpoints[-2].needs

    monkeypatch.setattr(RoundMachine, "_restore", announces_the_one_before)
    breaks(100, "I1: .* announces")


def test_a_checkpoint_says_which_older_ones_it_needs(monkeypatch):
    monkeypatch.setattr(RoundMachine, "_oldest_needed", lambda self: self.taken)
    breaks(100, "had finished for good")


def test_what_the_older_generation_needs_stays_on_disk(monkeypatch):
    take = RoundMachine._take

    def keeps_what_the_newest_needs(self, state, final):
        write, *others = take(self, state, final)
        return [replace(write, keep_from=write.checkpoint.needs), *others]

    monkeypatch.setattr(RoundMachine, "_take", keeps_what_the_newest_needs)
    breaks(100, "I1: .* announces")


# R6, R7 What is sent


def test_the_outbox_is_part_of_the_checkpoint(monkeypatch):
    mark = Edge.mark
    monkeypatch.setattr(Edge, "mark", lambda self: replace(mark(self), sent=()))
    breaks(100, "had finished for good")


def test_the_outbox_goes_with_the_durable_round_not_with_the_use(monkeypatch):
    accept = Edge.accept

    def drops_what_was_used(self, arrived):
        accept(self, arrived)
        self.outbox = {seq: sent for seq, sent in self.outbox.items() if sent.round >= arrived.round}

    monkeypatch.setattr(Edge, "accept", drops_what_was_used)
    breaks(50, "had finished for good")


def test_what_a_neighbour_never_asks_for_again_is_not_kept(monkeypatch):
    def keeps_all(self, sent):
        self.outbox[sent.seq] = sent
        self.interval_sent.append(sent)

    monkeypatch.setattr(Edge, "keep", keeps_all)
    breaks(300, "I4: .* keeps more than")


def test_at_attach_all_that_is_wanted_is_sent_again(monkeypatch):
    attached = RoundMachine.attached
    monkeypatch.setattr(RoundMachine, "attached", lambda self, *of: attached(self, *of) and [])
    breaks(10, "I8: run-. ends as .*running")


def test_the_cursor_belongs_to_the_connection(monkeypatch):
    attached = RoundMachine.attached

    def never_goes_back(self, neighbour, connection, attach):
        before = self.edges[neighbour].wanted
        out = attached(self, neighbour, connection, attach)
        self.edges[neighbour].wanted = max(before, attach.wanted)
        return out

    monkeypatch.setattr(RoundMachine, "attached", never_goes_back)
    breaks(100, "where .* comes next")


def test_values_flow_after_both_attached(monkeypatch):
    tell_all = PeerMachine._tell_all

    def sends_at_once(self, link):
        tell_all(self, link)
        for engine in self.engines.values():
            engine.edges[link.neighbour].connection = link.connection

    monkeypatch.setattr(PeerMachine, "_tell_all", sends_at_once)
    breaks(200, "where .* comes next")


# R8, R9, R10 What is received


def test_values_are_delivered_in_the_order_of_names(monkeypatch):
    complete = RoundMachine._complete

    def delivers_backwards(self, pending):
        delivered = complete(self, pending)
        if self.round % 2:
            delivered.values = dict(reversed(delivered.values.items()))
        return delivered

    monkeypatch.setattr(RoundMachine, "_complete", delivers_backwards)
    breaks(20, "I2: .* sends other bits")


def test_a_message_that_comes_again_is_used_once(monkeypatch):
    receive = RoundMachine.receive

    def takes_it_again(self, neighbour, message):
        edge = self.edges[neighbour]
        if isinstance(message, Value) and message.seq == edge.received_seq - 1 and edge.inbox:
            edge.inbox.append(edge.inbox[-1])
        return receive(self, neighbour, message)

    monkeypatch.setattr(RoundMachine, "receive", takes_it_again)
    breaks(50, "masks disagree")


def test_messages_are_counted_by_edge_not_by_round(monkeypatch):
    receive = RoundMachine.receive

    def bounds_rounds(self, neighbour, message):
        if isinstance(message, Value) and message.round > self.round + self.bound:
            raise RunFailure("too far ahead in rounds")
        return receive(self, neighbour, message)

    monkeypatch.setattr(RoundMachine, "receive", bounds_rounds)
    breaks(2000, "too far ahead in rounds")


def test_one_wrong_mask_entry_ends_the_run_by_name_at_all_peers():
    count(200, WrongMaskWorld, WrongMaskChecks)


def test_without_a_look_at_idle_edges_a_wrong_mask_entry_is_a_silent_deadlock(monkeypatch):
    check = RoundMachine._check_head

    def looks_at_active_edges(self, edge, pending):
        if edge.neighbour in pending.active:
            check(self, edge, pending)

    monkeypatch.setattr(RoundMachine, "_check_head", looks_at_active_edges)
    breaks(500, "no named end", WrongMaskWorld, WrongMaskChecks)


def test_a_program_that_goes_on_alone_is_told_by_name(monkeypatch):
    count(100, LongerWorld, LongerChecks)
    monkeypatch.setattr(RoundMachine, "_check_left_over", lambda self: None)
    breaks(20, "no named end", LongerWorld, LongerChecks)


def test_equivocation_is_seen_by_digests_in_the_checkpoint_and_by_confirm(monkeypatch):
    with_both = count(200, OftenRestartedWorld, EquivocationChecks)["equivocations"]
    with monkeypatch.context() as patch:
        mark = Edge.mark
        patch.setattr(Edge, "mark", lambda self: replace(mark(self), used=()))
        without_digests = count(200, OftenRestartedWorld, EquivocationChecks)["equivocations"]
    receive = RoundMachine.receive

    def ignores_confirm(self, neighbour, message):
        return [] if isinstance(message, Confirm) else receive(self, neighbour, message)

    monkeypatch.setattr(RoundMachine, "receive", ignores_confirm)
    without_confirm = count(200, OftenRestartedWorld, EquivocationChecks)["equivocations"]
    assert with_both > without_digests > without_confirm


def test_after_a_restart_a_peer_asks_for_what_it_has_not_used(monkeypatch):
    mark = Edge.mark
    monkeypatch.setattr(Edge, "mark", lambda self: replace(mark(self), used_seq=self.received_seq))
    breaks(50, "masks disagree|I8")
