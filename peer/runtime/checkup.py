"""What this machine offers a peer, what is missing, and the mend."""

import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter

from peer.measure.tcp_info import available, missing_fields
from peer.runtime.profile import blas_kernel
from peer.state.durable import write_durably

__all__ = ["Finding", "Grade", "checkup"]

SLOW_WRITE_MS = 50.0
"""Later than this a run of short iterations waits for its checkpoints."""

FEW_FILES = 1024
SMALL_DISK_BYTES = 1_000_000_000
_SHAPES = {
    "tbf": ("tbf", "rate", "1mbit", "burst", "10kb", "latency", "50ms"),
    "netem": ("netem", "delay", "1ms"),
}
_EXTRAS = {
    "pyarrow": "difpeer data import and predict read no CSV and no Parquet, only NPZ",
    "plotly": "no report is made of a run",
    "matplotlib": "no figures for papers are made of a run",
}


class Grade(StrEnum):
    """How a check came out."""

    GOOD = "good"
    LIMITED = "limited"
    """Peers work, and something of them is missing or slow."""
    BAD = "bad"
    """A peer does not work here."""


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    check : str
        What was looked at.
    grade : Grade
        How it is.
    found : str
        What was seen.
    mend : str
        What follows from it and what to do; empty where all is well.
    """

    check: str
    grade: Grade
    found: str
    mend: str = ""


def checkup(folder: Path) -> Iterator[Finding]:
    """Look at this machine, one check after the other.

    Parameters
    ----------
    folder : Path
        Where peers would keep their state; it exists.

    Yields
    ------
    Finding
        In the order of importance.
    """
    checks: tuple[Callable[[], Finding], ...] = (
        _system,
        _packages,
        _loop,
        _blas,
        lambda: _loopback("IPv4", socket.AF_INET, "127.0.0.1"),
        lambda: _loopback("IPv6", socket.AF_INET6, "::1"),
        _counters,
        _files,
        lambda: _disk(folder),
        _shaping,
        *(lambda name=name: _extra(name) for name in _EXTRAS),
    )
    for check in checks:
        yield check()


def _system() -> Finding:
    found = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    if sys.platform == "linux":
        return Finding("system", Grade.GOOD, found)
    if sys.platform == "win32":
        mend = "serve and demo need POSIX files and signals: use WSL or a container; data, topology, simulate work"
        return Finding("system", Grade.BAD, found, mend)
    mend = "difpeer is tested on Linux; here the kernel's socket counters are missing"
    return Finding("system", Grade.LIMITED, found, mend)


def _packages() -> Finding:
    names = ("difpeer", "grpcio", "protobuf", "numpy", "scipy")
    try:
        found = ", ".join(f"{name} {version(name)}" for name in names)
    except PackageNotFoundError as missing:
        return Finding("packages", Grade.BAD, f"{missing.name} is not installed", "install difpeer anew")
    return Finding("packages", Grade.GOOD, found)


def _loop() -> Finding:
    if find_spec("uvloop") is not None:
        return Finding("event loop", Grade.GOOD, f"uvloop {version('uvloop')}")
    mend = "rounds take longer without uvloop: pip install uvloop"
    return Finding("event loop", Grade.LIMITED, "asyncio's own", mend)


def _blas() -> Finding:
    kernel, threads = blas_kernel()
    if threads is None:
        mend = "peers with the same library and processor compute the same bits; it cannot be asked, so compare by hand"
        return Finding("BLAS", Grade.LIMITED, kernel, mend)
    if threads != 1:
        return Finding("BLAS", Grade.BAD, f"{kernel}, {threads} threads", "import peer before numpy")
    return Finding("BLAS", Grade.GOOD, f"{kernel}, one thread")


def _loopback(name: str, family: socket.AddressFamily, address: str) -> Finding:
    try:
        with socket.create_server((address, 0), family=family):
            return Finding(name, Grade.GOOD, f"{address} takes connections")
    except OSError as error:
        grade = Grade.BAD if family is socket.AF_INET else Grade.LIMITED
        mend = "the demo needs it" if grade is Grade.BAD else f"addresses of {name} do not work here"
        return Finding(name, grade, f"{address}: {error.strerror}", mend)


def _counters() -> Finding:
    if not available():
        mend = "socket and wire bytes are unknown here; payload and message bytes and latencies are measured"
        return Finding("socket counters", Grade.LIMITED, "this system has none", mend)
    missing = missing_fields()
    if missing:
        mend = "a newer kernel has them; what they count is unknown here"
        return Finding("socket counters", Grade.LIMITED, f"without {', '.join(missing)}", mend)
    return Finding("socket counters", Grade.GOOD, "bytes, segments, retransmits, round-trip times")


def _files() -> Finding:
    try:
        import resource
    except ModuleNotFoundError:
        return Finding("open files", Grade.LIMITED, "the limit cannot be asked")
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= FEW_FILES:
        return Finding("open files", Grade.GOOD, f"up to {soft}" if soft != resource.RLIM_INFINITY else "any")
    mend = f"a peer holds a few for each neighbour and client: ulimit -n {FEW_FILES}"
    return Finding("open files", Grade.LIMITED, f"up to {soft}", mend)


def _disk(folder: Path) -> Finding:
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".difpeer-doctor-") as scratch:
            times = [_write_ms(Path(scratch)) for _ in range(9)]
        free = shutil.disk_usage(folder).free
    except OSError as error:
        mend = "give a folder where you may write: --state"
        return Finding("disk", Grade.BAD, f"{folder}: {error.strerror}", mend)
    found = (
        f"{folder.absolute()}: {free / 1e9:.1f} GB free, a checkpoint of 64 kB takes {median(times):.1f} ms"
    )
    if free < SMALL_DISK_BYTES:
        mend = "a peer stops when its disk is full: make room, or `difpeer runs prune`"
        return Finding("disk", Grade.LIMITED, found, mend)
    if median(times) > SLOW_WRITE_MS:
        mend = "short iterations wait for it: raise checkpoint_every in the run specification"
        return Finding("disk", Grade.LIMITED, found, mend)
    return Finding("disk", Grade.GOOD, found)


def _write_ms(folder: Path) -> float:
    data = os.urandom(1 << 16)
    started = perf_counter()
    write_durably(folder / "checkpoint", [data])
    return (perf_counter() - started) * 1e3


def _shaping() -> Finding:
    """Whether links can be given rates and delays, tried in a network that is thrown away."""
    missing = [tool for tool in ("unshare", "tc", "ip") if shutil.which(tool) is None]
    if missing or not hasattr(os, "geteuid") or os.geteuid() != 0:
        why = f"without {', '.join(missing)}" if missing else "only root can"
        return Finding("link shaping", Grade.GOOD, f"not tried ({why}); peers do not need it")
    works = {kind: _shapes(*setting) for kind, setting in _SHAPES.items()}
    if all(works.values()):
        return Finding("link shaping", Grade.GOOD, "rates (tbf) and delays (netem)")
    lost = " and ".join(kind for kind, well in works.items() if not well)
    mend = "peers do not need it: only `difpeer deploy compose` with rates or delays does; another kernel may have it"
    return Finding("link shaping", Grade.LIMITED, f"this kernel has no {lost}", mend)


def _shapes(*setting: str) -> bool:
    script = 'ip link set lo up && tc qdisc add dev lo root "$@"'
    command = ["unshare", "--net", "sh", "-c", script, "sh", *setting]
    return subprocess.run(command, capture_output=True, check=False, timeout=10).returncode == 0  # noqa: S603


def _extra(name: str) -> Finding:
    if find_spec(name) is None:
        return Finding(name, Grade.LIMITED, "not installed", f"{_EXTRAS[name]}: pip install {name}")
    return Finding(name, Grade.GOOD, version(name))
