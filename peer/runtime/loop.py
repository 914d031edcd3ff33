"""Running a coroutine as a whole program."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from importlib import import_module
from typing import Any, TypeVar

__all__ = ["run", "run_interruptible"]

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on uvloop, or on asyncio's own loop where it is missing.

    gRPC finds the running loop at its first use, so nothing of it may be made before.
    """
    runner: Any = asyncio
    with suppress(ModuleNotFoundError):
        runner = import_module("uvloop")
    result: T = runner.run(main)
    return result


def run_interruptible(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that cleans up behind itself when it is interrupted.

    SIGINT and SIGTERM cancel it; its ``finally`` blocks and context managers run to their end, and a second signal
    does not cut them short.

    Raises
    ------
    KeyboardInterrupt
        After the clean-up, if there was a signal.
    """

    async def guarded() -> tuple[bool, T | None]:
        # KeyboardInterrupt would be raised wherever the loop happens to be (grpc/grpc#26123).
        task = asyncio.ensure_future(main)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _cancel_once, task)
        try:
            return True, await task
        except asyncio.CancelledError:
            return False, None

    finished, result = run(guarded())
    if not finished:
        raise KeyboardInterrupt
    return result  # type: ignore[return-value]


def _cancel_once(task: asyncio.Future[Any]) -> None:
    if isinstance(task, asyncio.Task) and not task.cancelling():
        task.cancel()
