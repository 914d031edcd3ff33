from peer.protocol.messages import Closed, Done, Fact, Offer, Reason, Tomb, TombKind
from peer.protocol.records import RunRecord, RunState
from peer.protocol.runs import RunBook

NAMES = ("p0", "p1", "p2")
REASON = Reason(TombKind.FAILED, "p1", "diverged")
TABLE = {name: name.encode() for name in NAMES}


def book(*records: RunRecord) -> RunBook:
    return RunBook("p1", NAMES, records)


def test_an_accepted_run_starts_with_its_own_fact():
    runs = book(RunRecord("run-1", b"{}", RunState.ACCEPTED, b"mine"))
    assert runs.tables["run-1"] == {"p1": b"mine"}
    assert runs.missing_facts("run-1") == ("p0", "p2")
    assert runs.missing_done("run-1") == NAMES
    assert runs.said("run-1") == [Offer("run-1", b"{}"), Fact("run-1", "p1", b"mine")]


def test_a_done_run_knows_its_table_and_that_it_is_done_itself():
    runs = book(RunRecord("run-1", b"{}", RunState.DONE, b"p1", TABLE))
    assert runs.missing_facts("run-1") == ()
    assert runs.missing_done("run-1") == ("p0", "p2")
    runs.done_peers["run-1"].add("p0")
    facts = [Fact("run-1", name, name.encode()) for name in NAMES]
    assert runs.said("run-1") == [
        Offer("run-1", b"{}"),
        *facts,
        Done("run-1", "p0"),
        Done("run-1", "p1"),
    ]


def test_what_is_over_is_told_by_its_end_alone():
    runs = book(
        RunRecord("closed", b"{}", RunState.CLOSED, b"p1", TABLE),
        RunRecord("tomb", b"{}", RunState.TOMB, reason=REASON),
        RunRecord("cancelled-at-done", b"{}", RunState.DONE, b"p1", TABLE, REASON),
    )
    assert runs.said("closed") == [Closed("closed")]
    assert runs.said("tomb") == [Tomb("tomb", REASON)]
    assert runs.said("cancelled-at-done") == [Tomb("cancelled-at-done", REASON)]
    assert not any(runs.on(run) for run in ("closed", "tomb", "cancelled-at-done", "unknown"))
    assert runs.busy() is None
    assert runs.live() == []


def test_an_ended_run_keeps_its_record_only():
    record = RunRecord("run-1", b"{}", RunState.ACCEPTED, b"p1")
    runs = book()
    runs.open(record, "p1")
    assert runs.on("run-1") is record
    assert runs.live() == [record]
    assert runs.busy() == "run-1"
    runs.end("run-1")
    assert runs.on("run-1") is None
    assert runs.records == {"run-1": record}
