"""Machines with systemd and a network of their own, for peers that are installed as users install them.

A machine is a process tree in new namespaces, on a layer above this machine's files. To be made in a network namespace
that a test has for itself: there is the bridge that joins them.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Self

import pytest

ROOT = Path(__file__).parents[2]
BOOT = Path(__file__).with_name("boot.sh")
TOOLS = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "ip": "iproute2",
    "systemctl": "systemd",
    "systemd-sysusers": "systemd",
}
"""With Debian's packages."""

DEADLINE_S = 60.0


def needed() -> None:
    """Fail where machines cannot be made."""
    if os.geteuid() != 0:
        pytest.fail("needs root: it makes namespaces and starts systemd in them")
    missing = {package for tool, package in TOOLS.items() if shutil.which(tool) is None}
    if missing:
        pytest.fail(f"needs Debian's packages {', '.join(sorted(missing))}")


@dataclass(frozen=True)
class Done:
    """What came of a command on a machine."""

    status: int
    out: str
    err: str


class Machine:
    """One machine.

    Parameters
    ----------
    name : str
        What it is called, also in the others' /etc/hosts.
    pid : int
        Of its systemd.
    """

    def __init__(self, name: str, pid: int) -> None:
        self.name = name
        self.pid = pid

    @property
    def files(self) -> Path:
        """Its root folder, seen from here."""
        return Path(f"/proc/{self.pid}/root")

    def run(self, *command: str, timeout_s: float = 120.0) -> Done:
        """Run a command as root."""
        environment = {
            "PATH": "/opt/difpeer/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "COLUMNS": "200",
            "TERM": "dumb",
        }
        done = subprocess.run(
            [
                "nsenter",
                f"--target={self.pid}",
                "--all",
                "--",
                "sh",
                "-c",
                'cd /root && exec "$@"',
                "sh",
                *command,
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def sh(self, line: str) -> str:
        """Run a line of shell that must succeed; returns what it prints."""
        done = self.run("sh", "-c", line)
        assert done.status == 0, f"{self.name}# {line}\n{done.out}{done.err}"
        return done.out

    def show(self, unit: str, field: str) -> str:
        """Ask systemd for a property of a unit."""
        return self.sh(f"systemctl show --property={field} --value {unit}").strip()

    def eventually(self, line: str, expected: str) -> None:
        """Wait until a line of shell prints something."""
        due = monotonic() + DEADLINE_S
        while (printed := self.run("sh", "-c", line)).out.strip() != expected:
            assert monotonic() < due, f"{self.name}# {line}\n{printed}"
            sleep(0.1)


class Site:
    """Machines joined by a bridge, named after their peers: the first has the address 10.77.0.1 and fd77::1."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folder = folder
        self._names = names
        self._hosts = folder / "hosts"
        self._stack = ExitStack()
        self.machines: dict[str, Machine] = {}

    def __enter__(self) -> Self:
        needed()
        try:
            _do("ip", "link", "set", "lo", "up")
            _do("ip", "link", "add", "bridge", "type", "bridge", "mcast_snooping", "0")
            _do("ip", "link", "set", "bridge", "up")
            self._hosts.write_text(
                "127.0.0.1 localhost\n::1 localhost\n"
                + "".join(f"10.77.0.{number} {name}\n" for number, name in enumerate(self._names, 1))
            )
            for number, name in enumerate(self._names, 1):
                self.machines[name] = self._stack.enter_context(self._machine(name, number))
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @contextmanager
    def _machine(self, name: str, number: int) -> Iterator[Machine]:
        folder = self._folder / name
        folder.mkdir(parents=True)
        with _control_group(f"difpeer-{os.getpid()}-{name}") as group:
            boot = [
                *("sh", "-c", f'echo $$ > "{group}/cgroup.procs" && exec "$@"', "sh"),
                *(
                    "unshare",
                    "--mount",
                    "--pid",
                    "--fork",
                    "--kill-child",
                    "--net",
                    "--uts",
                    "--ipc",
                    "--cgroup",
                ),
                *("sh", str(BOOT), str(folder), name, str(self._hosts)),
                *(sys.base_prefix, str(ROOT), sysconfig.get_path("purelib")),
            ]
            with (self._folder / f"{name}.log").open("wb") as log:
                starter = subprocess.Popen(
                    ["setpriv", "--pdeathsig", "KILL", *boot],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            try:
                machine = Machine(name, _only_child(starter))
                self._connect(machine, number)
                machine.eventually("systemctl is-system-running", "running")
                yield machine
            finally:
                starter.kill()  # and with it, by --kill-child, the machine
                starter.wait()

    def _connect(self, machine: Machine, number: int) -> None:
        pid = str(machine.pid)
        _do("ip", "link", "add", f"to-{number}", "type", "veth", "peer", "name", "eth0", "netns", pid)
        _do("ip", "link", "set", f"to-{number}", "master", "bridge", "up")
        inside = ("nsenter", f"--target={pid}", "--net", "--")
        _do(*inside, "ip", "link", "set", "eth0", "up")
        _do(*inside, "ip", "address", "add", f"10.77.0.{number}/24", "dev", "eth0")
        _do(*inside, "ip", "address", "add", f"fd77::{number}/64", "dev", "eth0", "nodad")


def _do(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True)


def _only_child(process: subprocess.Popen[bytes]) -> int:
    """The machine's first process: what unshare has started."""
    due = monotonic() + DEADLINE_S
    while True:
        assert process.poll() is None, f"the machine did not start: {process.returncode}"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if (
            len(children) == 1
            and b"systemd" in Path(f"/proc/{children[0]}/cmdline").read_bytes().split(b"\0")[0]
        ):
            return int(children[0])
        assert monotonic() < due, "the machine did not start"
        sleep(0.02)


@contextmanager
def _control_group(name: str) -> Iterator[Path]:
    """A control group of its own, which systemd divides among its services."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    top = next((Path(words[1]) for words in mounts if words[2] == "cgroup2"), None)
    if top is None:
        pytest.fail("needs control groups, version 2")
    group = top / name
    group.mkdir()
    try:
        yield group
    finally:
        due = monotonic() + DEADLINE_S
        while (group / "cgroup.procs").exists():
            for inner in sorted(group.rglob("*"), reverse=True):
                if inner.is_dir():
                    with suppress(OSError):
                        inner.rmdir()
            with suppress(OSError):  # a process is still on its way out
                group.rmdir()
            assert monotonic() < due, f"{group} is still in use"
            sleep(0.02)
