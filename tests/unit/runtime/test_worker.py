import asyncio
import threading

import pytest

from peer.runtime.worker import Worker


async def test_jobs_run_one_after_the_other_in_one_other_thread():
    worker = Worker("test")
    loop = asyncio.get_running_loop()
    seen = []
    over = asyncio.Event()
    for number in range(50):
        worker.post(loop, lambda number=number: (number, threading.get_ident()), seen.append)
    worker.post(loop, lambda: None, lambda _: over.set())
    await over.wait()
    assert [number for number, _ in seen] == list(range(50))
    assert {thread for _, thread in seen} != {threading.get_ident()}
    assert len({thread for _, thread in seen}) == 1
    assert worker.close(5)


async def test_run_returns_the_result_or_raises_the_error():
    worker = Worker("test")
    assert await worker.run(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await worker.run(lambda: 1 / 0)
    assert await worker.run(lambda: 8) == 8
    assert worker.close(5)


async def test_a_cancelled_wait_leaves_the_worker_usable():
    worker = Worker("test")
    gate = threading.Event()
    waiting = asyncio.create_task(worker.run(gate.wait))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()
    assert await worker.run(lambda: 9) == 9
    assert worker.close(5)


async def test_a_long_job_holds_nobody_up():
    worker = Worker("test")
    gate = threading.Event()
    worker.post(asyncio.get_running_loop(), gate.wait, lambda _: None)
    assert not worker.close(0)
    gate.set()
    assert worker.close(5)


@pytest.mark.parametrize("error", [LookupError, SystemExit, GeneratorExit, KeyboardInterrupt])
async def test_an_error_in_a_job_is_told_and_the_thread_goes_on(error, caplog):
    worker = Worker("w")

    def broken() -> None:
        raise error("a bug")

    worker.post(asyncio.get_running_loop(), broken, lambda _: None)
    assert await worker.run(lambda: 7) == 7
    assert f"{error.__name__}: a bug" in caplog.text
    assert worker.close(5)
