"""Runs the commands of a document as they stand there, and compares what they print with what it shows.

In blocks marked ``console`` a line that begins with ``$`` is a command, and what follows is its output. A line ``...``
stands for any lines. Numbers may be a little off, since processors differ; in lines with times or sizes of traffic they
may be any, as may digests, and every run has an id of its own. Only the visible text counts: spaces and frames of
tables do not.
A command that serves goes on in the background, as in a terminal of its own, until the end.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_RUN = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
_DIGEST = re.compile(r"\b[0-9a-f]{12}\b")
_FRAME = re.compile(r"[─━│┃┏┓┗┛┡┩├┤└┘┌┐┬┴┼╇┳╭╮╰╯|]+")
_MEASURED = re.compile(r"\b(ms|s|MB|kB|GB|B)\b|\bround\b|p50")
# The same amount can stand in the next unit: 993.9 kB on one machine are 1.0 MB on another.
_UNITS = (re.compile(r"\b(B|kB|MB|GB)\b"), re.compile(r"(?<![\w.])(µs|ms|s)\b"))
_NUMBER = re.compile(r"[-+]?\d[\d,]*\.?\d*(e[-+]?\d+)?")
TIMEOUT_S = 120.0
CLOSE = 0.3


@dataclass
class Command:
    """A command and what the document shows of its output."""

    text: str
    line: int
    shown: list[str] = field(default_factory=list)


def commands_of(document: Path) -> Iterator[Command]:
    """All commands of a document's console blocks, in order."""
    inside, command = False, None
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("```"):
            if command is not None:
                yield command
            inside, command = line.startswith("```console"), None
        elif inside and line.startswith("$ "):
            if command is not None:
                yield command
            command = Command(line[2:], number)
        elif inside and command is not None:
            if command.text.endswith("\\") and not command.shown:
                command.text = command.text[:-1] + line.strip()
            else:
                command.shown.append(line)


class Session:
    """Runs commands in one folder, as somebody who follows the document would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = ""
        self._serving: list[subprocess.Popen[str]] = []
        programs = folder / ".venv" / "bin"
        programs.mkdir(parents=True)
        script = f"#!{sys.executable}\nfrom peer.cli.main import main\nmain()\n"
        (programs / "difpeer").write_text(script)
        (programs / "difpeer").chmod(0o755)
        (programs / "python").symlink_to(sys.executable)
        self._environment = {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, sys.path)]),
            "COLUMNS": "80",
            "TERM": "dumb",
        }

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._serving:
            process.send_signal(signal.SIGTERM)
        for process in self._serving:
            status = process.wait(30)
            assert status == 0 or error[0], f"{process.args} ended with {status}"

    def do(self, command: Command) -> None:
        """Run one command; its output must be as shown."""
        # RUN in a document stands for the id of the run before.
        text = re.sub(r"\bRUN\b", self.run, command.text) if self.run else command.text
        if text.startswith("cd "):
            self.folder /= text.removeprefix("cd ")
            assert self.folder.is_dir(), f"line {command.line}: {text}"
            return
        if re.search(r"\bdifpeer serve\b", text):
            self._serve(text, command)
            return
        done = subprocess.run(
            ["sh", "-c", text],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        printed = (done.stderr + done.stdout).splitlines()
        if runs := _RUN.findall(done.stdout + done.stderr):
            self.run = runs[-1]
        assert done.returncode == 0, f"line {command.line}: {text}\n" + "\n".join(printed)
        if command.shown:
            expect(command, printed)

    def _serve(self, text: str, command: Command) -> None:
        log = self.folder / f"serve-{len(self._serving)}.log"
        errors = log.with_suffix(".err")
        # What is shown is stdout: what a peer tells beside it depends on when its neighbours come.
        with log.open("w") as file, errors.open("w") as beside:
            self._serving.append(
                subprocess.Popen(
                    ["sh", "-c", f"exec {text}"],
                    cwd=self.folder,
                    env=self._environment,
                    stdout=file,
                    stderr=beside,
                    text=True,
                )
            )
        deadline = time.monotonic() + TIMEOUT_S
        while "serves" not in log.read_text() and time.monotonic() < deadline:
            assert self._serving[-1].poll() is None, errors.read_text()
            time.sleep(0.05)
        if command.shown:
            expect(command, log.read_text().splitlines())


def expect(command: Command, printed: list[str]) -> None:
    """Compare what is shown with what was printed."""
    shown = [line for line in map(_visible, command.shown) if line]
    lines = [line for line in map(_visible, printed) if line]
    if not _matches(shown, lines):
        told = "\n".join(["shown:", *map(" ".join, shown), "", "printed:", *map(" ".join, lines)])
        raise AssertionError(f"line {command.line}: {command.text}\n{told}")


def _visible(line: str) -> list[str]:
    return _FRAME.sub(" ", _DIGEST.sub("DIGEST", _RUN.sub("RUN", line))).split()


def _matches(shown: list[list[str]], lines: list[list[str]]) -> bool:
    if not shown:
        return not lines
    if shown[0] == ["..."]:
        return any(_matches(shown[1:], lines[skipped:]) for skipped in range(len(lines) + 1))
    return bool(lines) and _alike(shown[0], lines[0]) and _matches(shown[1:], lines[1:])


def _alike(shown: list[str], printed: list[str]) -> bool:
    loose = _MEASURED.search(" ".join(shown)) is not None
    return len(shown) == len(printed) and all(
        a == b or _same_number(a, b, loose) for a, b in zip(shown, printed, strict=True)
    )


def _same_number(shown: str, printed: str, loose: bool) -> bool:
    """Whether two words are the same but for their numbers, and those close enough."""
    if loose:
        shown, printed = _in_any_unit(shown), _in_any_unit(printed)
    if _NUMBER.sub("0", shown) != _NUMBER.sub("0", printed):
        return False
    if loose:
        return True
    numbers = [[float(m[0].replace(",", "")) for m in _NUMBER.finditer(word)] for word in (shown, printed)]
    return all(abs(a - b) <= CLOSE * abs(a) for a, b in zip(*numbers, strict=True))


def _in_any_unit(word: str) -> str:
    """The word with every unit of bytes as B and every unit of time as s."""
    for units, name in zip(_UNITS, ("B", "s"), strict=True):
        word = units.sub(name, word)
    return word
