"""A thread that runs one thing after the other."""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["Worker"]

log = logging.getLogger("difpeer")

T = TypeVar("T")
Job = Callable[[], None]


class Worker:
    """One thread beside the loop.

    Programs have one (never two segments at once, BLAS releases the lock, pongs and reads go on meanwhile), the
    disk has another. Not a ThreadPoolExecutor: its threads are joined when the interpreter exits, so a long segment
    would hold up the end of the process.

    Parameters
    ----------
    name : str
        Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def post(self, loop: asyncio.AbstractEventLoop, job: Callable[[], T], done: Callable[[T], None]) -> None:
        """Run ``job`` in the thread, then ``done`` with its result in the loop; ``job`` may not raise."""

        def work() -> None:
            result = job()
            # A closed loop has nobody to tell.
            if not loop.is_closed():
                loop.call_soon_threadsafe(done, result)

        self._jobs.put(work)

    async def run(self, job: Callable[[], T]) -> T:
        """Run ``job`` in the thread and wait for it; its exception is raised here."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def attempt() -> tuple[T | None, BaseException | None]:
            try:
                return job(), None
            except BaseException as error:  # raised again where it is awaited
                return None, error

        def settle(outcome: tuple[Any, BaseException | None]) -> None:
            result, error = outcome
            if future.done():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self.post(loop, attempt, settle)
        return await future

    def close(self, timeout_s: float) -> bool:
        """Let the thread finish what it has, for at most ``timeout_s``; returns whether it did."""
        self._jobs.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except BaseException:
                # A thread that ends would let everybody wait who has given it something.
                log.exception("an error of this peer in its thread %r", self._thread.name)
