"""Each rule of docs/protocol.md that protects against a fault: the campaign fails without it.

A test takes one rule out and looks for a seed that shows it. Where a rule cannot be shown by seeds, its test is among
the unit tests and docs/protocol.md says so. Here are connections and the life of runs; test_round_rules.py has rounds.
"""

from dataclasses import replace

from peer.protocol import effects
from peer.protocol.connections import Connections
from peer.protocol.life import RunLife
from peer.protocol.machine import PeerMachine
from peer.protocol.messages import Done, Fact
from peer.protocol.records import RunState
from peer.protocol.runs import RunBook
from tests.simulation.breaking import breaks, count
from tests.simulation.worlds import AgingFactsWorld, LazyRecordsWorld, TamperedChecks, TamperedWorld

# R1 Connections


def test_lost_or_restored_state_folder_is_told_by_name_and_never_makes_a_wrong_bit():
    counts = count(120, TamperedWorld, TamperedChecks)
    assert counts["tampered"] > 80


def test_without_old_incarnation_a_peer_with_a_lost_folder_dials_for_ever(monkeypatch):
    monkeypatch.setattr(Connections, "old_incarnation", lambda self, neighbour, seen: [])
    breaks(20, "nothing ends|nobody has stopped", TamperedWorld, TamperedChecks)


def test_after_hello_all_facts_are_told_again(monkeypatch):
    said = RunBook.said
    monkeypatch.setattr(
        RunBook, "said", lambda self, run: [m for m in said(self, run) if not isinstance(m, Fact)]
    )
    breaks(10, "I8: run-. ends as .*accepted")


def test_after_hello_all_dones_are_told_again(monkeypatch):
    said = RunBook.said
    monkeypatch.setattr(
        RunBook, "said", lambda self, run: [m for m in said(self, run) if not isinstance(m, Done)]
    )
    breaks(20, "I8: run-. ends as .*done")


# R2, R3 Offers


def test_a_submit_while_a_run_is_on_is_answered_busy(monkeypatch):
    monkeypatch.setattr(RunBook, "busy", lambda self: None)
    breaks(300, "I6: run-. was running and is lost")


def test_a_running_run_is_never_pre_empted_by_a_lower_id(monkeypatch):
    monkeypatch.setattr(RunBook, "busy", lambda self: None)
    monkeypatch.setattr(RunLife, "_stays", lambda self, other, run: other.run < run)
    breaks(300, "I6: run-. was running and is lost")


def test_of_two_rivals_the_lower_id_wins_everywhere(monkeypatch):
    monkeypatch.setattr(RunLife, "_stays", lambda self, other, run: True)
    breaks(100, "I8: no run closed")


def test_acceptance_is_durable_before_it_is_told():
    class LazyWorld(LazyRecordsWorld):
        lazy = (RunState.ACCEPTED,)

    breaks(50, "I8: no run closed|I6", LazyWorld)


def test_the_own_fact_comes_from_the_record():
    count(60, AgingFactsWorld)


def test_a_fact_computed_again_may_be_another_one(monkeypatch):
    init = RunLife.__init__

    def computes_again(self, network, name, connections, examiner, records, out):
        records = [
            replace(record, fact=examiner.fact(record.spec)) if record.live else record for record in records
        ]
        init(self, network, name, connections, examiner, records, out)

    monkeypatch.setattr(RunLife, "__init__", computes_again)
    breaks(20, "told two different facts", AgingFactsWorld)


# R4 Table and tombstones


def test_the_table_is_part_of_the_record(monkeypatch):
    keep = RunLife.keep

    def keeps_no_table(self, record):
        keep(self, record)
        self._out[-2] = effects.Persist(replace(record, table={}))

    monkeypatch.setattr(RunLife, "keep", keeps_no_table)
    breaks(20, "runs another configuration")


def test_a_tombstone_is_durable_before_it_is_told():
    class LazyWorld(LazyRecordsWorld):
        lazy = (RunState.TOMB,)

    breaks(400, "I8|I6", LazyWorld)


# R11 The end


def test_a_run_is_closed_when_all_peers_are_done_not_when_the_neighbours_are(monkeypatch):
    def closes_by_neighbours(self, run):
        record = self.book.on(run)
        if record is not None and record.state is RunState.DONE:
            missing = set(self.book.missing_done(run)) & set(self._network.neighbours(self._name))
            if not missing:
                self._close(record)

    monkeypatch.setattr(RunLife, "_check_closed", closes_by_neighbours)
    breaks(10, "I7: .* is closed at")


def test_a_peer_that_is_done_serves_until_the_run_is_closed(monkeypatch):
    finish = RunLife.finish

    def leaves(self, record, out=()):
        finish(self, record, out)
        self.engines.pop(record.run, None)

    monkeypatch.setattr(RunLife, "finish", leaves)
    breaks(50, "I8: run-. ends as .*running")


# What is tolerated though the rule book forbids it: these rules keep counts honest and links up, not bits


def test_input_on_superseded_connections_lets_peers_wait_for_ever(monkeypatch):
    def takes_all(self, neighbour, connection, message):
        engine = self.engines.get(message.run)
        if engine is not None:
            self._life.guard(engine, lambda engine: engine.receive(neighbour, message))

    monkeypatch.setattr(Connections, "neighbour", lambda self, connection: self._neighbour_of.get(connection))
    monkeypatch.setattr(PeerMachine, "_run_message", takes_all)
    breaks(200, "I8: .* ends as")
