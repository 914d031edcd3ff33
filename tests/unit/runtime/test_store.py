import asyncio
import errno
import os
import threading

import numpy as np
import pytest

from peer.config import RunFailed
from peer.protocol.errors import ProgramError
from peer.protocol.records import RunState
from peer.runtime.store import CHECKPOINTS_THREAD, FileStore
from peer.state.folder import StateFolder
from peer.state.resuming import read_runs
from tests.unit.runtime.nodes import until
from tests.unit.state.samples import PEER, RUN, checkpoint, failed, kept

RESTS_ON = {"data": "d" * 64, "network": "n" * 64}


@pytest.fixture
def folder(tmp_path):
    with StateFolder(tmp_path / "state", PEER) as opened:
        yield opened


@pytest.fixture
async def store(folder):
    opened = FileStore(folder, [], RESTS_ON)
    opened.persist(kept().record)
    yield opened
    opened.close(5)


def nothing():
    """No rows to be written before a checkpoint."""


def on_disk(folder):
    return sorted(path.name for path in (folder.runs / RUN).iterdir())


async def written(store, *given, keep_from=1):
    """Write checkpoints at once; what is told of them, in order."""
    told = []
    for found in given:
        store.write(
            found, keep_from, lambda problem, found=found: told.append((found.index, problem)), first=nothing
        )
    await until(lambda: len(told) == len(given))
    return told


async def settled(store):
    """Until the thread has done all it was given."""
    done = asyncio.Event()
    store._disk.post(asyncio.get_running_loop(), lambda: None, lambda _: done.set())
    await asyncio.wait_for(done.wait(), 10)


async def test_records_are_on_disk_when_persist_returns(folder, store):
    for state in (RunState.ACCEPTED, RunState.RUNNING):
        store.persist(kept(state).record)
        (held,) = read_runs(folder)
        assert (held.record, held.rests_on) == (kept(state).record, RESTS_ON)


async def test_checkpoints_are_told_in_order_when_they_are_on_disk(folder, store, monkeypatch):
    synced = []
    fsync = os.fsync

    def slow(descriptor):
        fsync(descriptor)
        synced.append(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    told = []
    store.write(
        checkpoint(1), 1, lambda problem: told.append((problem, len(synced), on_disk(folder))), first=nothing
    )
    store.write(
        checkpoint(2), 1, lambda problem: told.append((problem, len(synced), on_disk(folder))), first=nothing
    )
    assert told == [], "never in the call: the loop goes on"
    await settled(store)
    assert [problem for problem, _, _ in told] == [None, None]
    assert "checkpoint-1" in told[0][2]
    assert {"checkpoint-1", "checkpoint-2"} <= set(told[1][2])
    assert told[0][1] >= 2, "file and folder"


async def test_what_is_to_be_done_first_is_done_before_the_file_is_there(folder, store):
    seen = []
    told = asyncio.Event()
    store.write(
        checkpoint(1),
        1,
        lambda problem: told.set(),
        first=lambda: seen.append((threading.current_thread().name, on_disk(folder))),
    )
    await asyncio.wait_for(told.wait(), 10)
    assert seen == [(CHECKPOINTS_THREAD, ["record"])]
    assert on_disk(folder) == ["checkpoint-1", "record"]


async def test_older_files_go_after_the_newer_one_is_durable(folder, store):
    for index in range(1, 5):
        await written(store, checkpoint(index), keep_from=max(index - 1, 1))
    await settled(store)
    assert on_disk(folder) == ["checkpoint-3", "checkpoint-4", "record"]


async def test_the_folder_does_not_grow_with_the_checkpoints(folder, store):
    sizes = set()
    for index in range(1, 60):
        await written(store, checkpoint(index, dim=200), keep_from=max(index - 3, 1))
        await settled(store)
        if index > 10:
            sizes.add(sum(path.stat().st_size for path in folder.path.rglob("*") if path.is_file()))
    # Four files; numbers of more digits are all that makes them longer.
    assert max(sizes) - min(sizes) < 100
    assert max(sizes) < 5 * (4 * 200 * 2 * 8 + 2000)


async def test_a_full_or_broken_disk_is_never_told_as_durable(folder, store, monkeypatch):
    await written(store, checkpoint(1), checkpoint(2))
    for number in (errno.ENOSPC, errno.EIO, errno.EROFS):

        def fails(descriptor, number=number):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fails)
        ((index, problem),) = await written(store, checkpoint(3), keep_from=2)
        await settled(store)
        assert index == 3
        assert isinstance(problem, RunFailed)
        assert f"p0 stops: {folder.runs / RUN} cannot be written ({os.strerror(number)})" in str(problem)
        assert "start it again" in str(problem)
        # What may be needed if this one is lost is still there.
        assert on_disk(folder) == ["checkpoint-1", "checkpoint-2", "record"]
        with pytest.raises(RunFailed, match="p0 stops"):
            store.persist(kept(RunState.DONE).record)
        monkeypatch.undo()
    (held,) = read_runs(folder)
    assert held.record.state is RunState.RUNNING
    assert [found.index for found in held.checkpoints] == [2]


async def test_a_state_that_no_file_can_hold_ends_the_run_not_the_peer(store):
    odd = checkpoint(1)
    odd.state["plan"] = {"a": 1}
    ((_, problem),) = await written(store, odd)
    assert isinstance(problem, ProgramError)
    assert "state 'plan' is a dict" in str(problem)


async def test_an_error_of_our_own_is_answered_too(store, monkeypatch, caplog):
    def broken(found, peer):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("peer.state.runs.encode_checkpoint", broken)
    ((_, problem),) = await written(store, checkpoint(1))
    assert isinstance(problem, RunFailed)
    assert "an error of its own (oops)" in str(problem)
    assert "Traceback" in caplog.text


async def test_a_file_that_cannot_be_removed_is_told_and_no_more(folder, store, caplog):
    await written(store, checkpoint(1))
    (folder.runs / RUN / "checkpoint-1").unlink()
    (folder.runs / RUN / "checkpoint-1").mkdir()
    assert await written(store, checkpoint(2), keep_from=2) == [(2, None)]
    await settled(store)
    assert "checkpoint-1: cannot be removed" in caplog.text


async def test_only_the_result_outlives_its_run(folder, store):
    await written(store, checkpoint(1), checkpoint(2, final=True))
    assert store.result(RUN) is None, "not yet said to be done"
    store.persist(kept(RunState.DONE).record)
    assert store.result(RUN).index == 2
    store.persist(kept(RunState.CLOSED).record)
    store.drop(RUN)
    await settled(store)
    assert on_disk(folder) == ["checkpoint-2", "record"]
    # Also for the process after this one.
    after = FileStore(folder, [held.record for held in read_runs(folder)], RESTS_ON)
    assert np.array_equal(after.result(RUN).state["U"], checkpoint(2).state["U"])
    after.close(5)


async def test_nothing_outlives_a_run_without_a_result(folder, store):
    store.write(checkpoint(1), 1, lambda problem: None, first=nothing)
    store.persist(kept(RunState.TOMB, reason=failed()).record)
    store.drop(RUN)
    await settled(store)
    assert on_disk(folder) == ["record"]
    assert store.result(RUN) is None


async def test_a_damaged_result_is_told_with_file_and_mend(folder, store):
    await written(store, checkpoint(2, final=True))
    store.persist(kept(RunState.CLOSED).record)
    file = folder.runs / RUN / "checkpoint-2"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(RunFailed, match=r"checkpoint-2 is cut short: .*submit the run anew"):
        store.result(RUN)
    file.unlink()
    assert store.result(RUN) is None


async def test_a_write_that_goes_on_keeps_the_lock(folder, store, monkeypatch, caplog):
    released = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(descriptor):
        asyncio.run_coroutine_threadsafe(released.wait(), loop).result()

    monkeypatch.setattr(os, "fsync", slow)
    store.write(checkpoint(1), 1, lambda problem: None, first=nothing)
    store.close(0.05)
    assert "the disk is slow" in caplog.text
    lock = folder._lock
    folder.close()
    os.fstat(lock)  # open: nobody else gets it
    released.set()
    await asyncio.to_thread(store._disk._thread.join, 10)
    os.close(lock)
