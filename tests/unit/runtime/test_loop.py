import asyncio
import os
import signal

import pytest

from peer.runtime.loop import run, run_interruptible


async def seven():
    return 7


def test_a_program_runs_on_uvloop_where_it_is_installed():
    async def kind():
        return type(asyncio.get_running_loop()).__module__

    assert run(kind()).startswith("uvloop")
    assert run(seven()) == 7


def test_without_uvloop_it_runs_on_asyncio(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("peer.runtime.loop.import_module", missing)
    assert run(seven()) == 7


def test_the_result_or_the_error_comes_out():
    assert run_interruptible(seven()) == 7

    async def broken():
        raise LookupError("x")

    with pytest.raises(LookupError, match="x"):
        run_interruptible(broken())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_clean_up_runs_to_its_end_and_a_second_signal_does_not_cut_it_short(number):
    steps = []

    async def main():
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), number)
            # Long enough for the loop to see the second signal.
            for _ in range(20):
                await asyncio.sleep(0.001)
            steps.append("clean")

    with pytest.raises(KeyboardInterrupt):
        run_interruptible(main())
    assert steps == ["clean"]
