from peer.protocol.records import Checkpoint, RunRecord, RunState
from peer.runtime.store import MemoryStore


def checkpoint(index, run="a", final=False):
    return Checkpoint(run, index, 5 * index, index, final, {"index": index}, {})


def test_records_are_replaced_by_run():
    store = MemoryStore()
    for state in (RunState.ACCEPTED, RunState.RUNNING):
        store.persist(RunRecord("a", b"{}", state))
    store.persist(RunRecord("b", b"{}", RunState.TOMB))
    assert [(record.run, record.state) for record in store.records()] == [
        ("a", RunState.RUNNING),
        ("b", RunState.TOMB),
    ]


def test_checkpoints_go_when_nobody_may_need_them():
    store = MemoryStore()
    durable = []
    for index, keep_from in ((1, 0), (2, 1), (3, 2), (4, 2)):
        store.write(checkpoint(index), keep_from, lambda index=index: durable.append(index))
    assert durable == [1, 2, 3, 4]
    assert [kept.index for kept in store.checkpoints()["a"]] == [2, 3, 4]
    assert store.result("a") is None


def test_only_the_result_outlives_its_run():
    store = MemoryStore()
    for index, final in ((1, False), (2, True)):
        store.write(checkpoint(index, final=final), 0, lambda: None)
    store.write(checkpoint(1, run="b"), 0, lambda: None)
    store.drop("a")
    store.drop("b")
    store.drop("unknown")
    assert [kept.index for kept in store.checkpoints()["a"]] == [2]
    assert store.result("a").state == {"index": 2}
    assert not store.result("a").edges, "what the last interval sent is of no use any more"
    assert "b" not in store.checkpoints()
