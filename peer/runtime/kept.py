"""Results of runs that are over: each is read once, so that damage is known before somebody collects the run."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from threading import Event

from peer.config import RunFailed
from peer.runtime.store import FileStore
from peer.runtime.worker import Worker

__all__ = ["look_at_results"]

log = logging.getLogger("difpeer")


def look_at_results(store: FileStore, runs: Sequence[str]) -> Callable[[], None]:
    """Read results beside the peer's work, in a thread of their own, and warn of what is wrong with any.

    A peer starts without it: a big folder takes its time, and nothing of it is needed to go on.

    Parameters
    ----------
    store : FileStore
        Where they are.
    runs : sequence of str
        Runs that have one.

    Returns
    -------
    callable
        Ends it, without waiting.
    """
    stopped = Event()
    worker = Worker("results")

    def look() -> None:
        for run in runs:
            if stopped.is_set():
                return
            try:
                if store.result(run) is None:
                    log.warning(
                        "the result of run %s is missing; restore it from a copy of the state folder", run
                    )
            except RunFailed as damage:
                log.warning("%s", damage)

    def stop() -> None:
        stopped.set()
        worker.close(0)

    worker.post(asyncio.get_running_loop(), look, lambda _: None)
    return stop
