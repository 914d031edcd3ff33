"""A process that gets a part of a processor: by a control group of the kernel, or stopped and continued in turn."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

PERIOD_US = 20_000
_FIRST, _SECOND = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")


@contextmanager
def slow_processor(pids: Mapping[str, int], slow: str, part: float) -> Iterator[str]:
    """For the block, one process gets this part of one processor; gives how.

    In control groups all of them come before everything else on the machine: where others want the processors, too,
    every process would be a slow one.
    """
    others = [pid for name, pid in pids.items() if name != slow]
    quota_us = round(part * PERIOD_US)
    if (_FIRST / "cpu.cfs_quota_us").exists() and os.access(_FIRST, os.W_OK):
        first = {"cpu.shares": 262_144}
        limits = {"cpu.cfs_period_us": PERIOD_US, "cpu.cfs_quota_us": quota_us}
        with _group(_FIRST, others, first), _group(_FIRST, [pids[slow]], first | limits):
            yield "control groups, version 1"
    elif "cpu" in _text(_SECOND / "cgroup.subtree_control") and os.access(_SECOND, os.W_OK):
        weight = {"cpu.weight": 10_000}
        limit = {"cpu.max": f"{quota_us} {PERIOD_US}"}
        with _group(_SECOND, others, weight), _group(_SECOND, [pids[slow]], weight | limit):
            yield "control groups, version 2"
    else:
        with _in_turn(pids[slow], part):
            yield "stopped and continued"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


@contextmanager
def _group(root: Path, pids: Sequence[int], settings: Mapping[str, object]) -> Iterator[None]:
    group = root / f"difpeer-test-{pids[0]}"
    group.mkdir()
    try:
        for name, value in settings.items():
            (group / name).write_text(str(value), encoding="utf-8")
        for pid in pids:
            (group / "cgroup.procs").write_text(str(pid), encoding="utf-8")
        yield
    finally:
        for pid in pids:
            with suppress(OSError):  # it may have ended
                (root / "cgroup.procs").write_text(str(pid), encoding="utf-8")
        group.rmdir()


@contextmanager
def _in_turn(pid: int, part: float) -> Iterator[None]:
    over = Event()

    def turn() -> None:
        period_s = PERIOD_US / 1e6
        while not over.wait(part * period_s):
            os.kill(pid, signal.SIGSTOP)
            over.wait((1 - part) * period_s)
            os.kill(pid, signal.SIGCONT)

    thread = Thread(target=turn)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
