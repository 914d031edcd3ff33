"""Fuzz all decoders: ``python -m tests.fuzz.campaign --inputs 10000000`` (``make fuzz``).

The inputs are dealt to the decoders by their speed, in slices, each in a process of its own. What was done is kept in
the folder, so that a campaign that is stopped (Ctrl-C) goes on when it is started again; a new one begins with another
folder, or with more inputs. Every error that is not the decoder's own, every input that takes 10 s or 1 GB of memory,
is kept as a file in ``found/``, with the line that shows it again; the status is then 1.

With ``--keep`` the inputs that reached something new, each made as short as it would go, become the corpus in
``tests/data/corpus``, which every ``make test`` goes through.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from tests.fuzz.seeds import SEEDS, dictionary
from tests.fuzz.targets import DECODERS

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "tests" / "data" / "corpus"
SHARES = {
    "envelope": 30,
    "control": 20,
    "fact": 15,
    "neighbour": 5,
    "spec": 5,
    "spec-file": 2,
    "network-file": 2,
}
"""Of the inputs; 10 for the others. One of a file of YAML takes a hundred times as long as an envelope."""
SLICE = 100_000
TELL_EVERY_S = 5.0
LONGEST_S, MOST_MB = 10, 1024
KEPT_BYTES = 160_000
"""Of the corpus of one decoder."""

_COUNTED = re.compile(r"^#(\d+)\s")


@dataclass
class Slice:
    """What came of one process."""

    inputs: int
    seconds: float
    status: int
    said: str


class Campaign:
    """The decoders' working folders.

    Parameters
    ----------
    folder : Path
        For all of it; what an earlier campaign did there is gone on with.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.found = folder / "found"
        self._log = folder / "done.json"
        for path in (self.found, folder / "tmp"):
            path.mkdir(parents=True, exist_ok=True)
        (folder / "words.txt").write_text(dictionary())
        self.done: dict[str, list[float]] = {name: [0, 0.0] for name in DECODERS}
        if self._log.is_file():
            self.done |= json.loads(self._log.read_text())

    def working(self, name: str) -> Path:
        """Where the inputs of a decoder are that reach something new; with the seeds and the corpus in it."""
        path = self.folder / "inputs" / name
        if not path.is_dir():
            path.mkdir(parents=True)
            for number, seed in enumerate(SEEDS[name]):
                (path / f"seed-{number}").write_bytes(seed)
            for kept in (CORPUS / name).glob("*"):
                shutil.copy(kept, path)
        return path

    def run(self, name: str, inputs: int, *options: str) -> Slice:
        """Give a decoder so many inputs; told to `done` however it ends."""
        began = monotonic()
        command = [
            *(sys.executable, "-m", "tests.fuzz.one", name, "--fuzz"),
            *(f"-runs={inputs}", f"-timeout={LONGEST_S}", f"-rss_limit_mb={MOST_MB}", "-max_len=4096"),
            *(f"-dict={self.folder / 'words.txt'}", f"-artifact_prefix={self.found}/{name}-", *options),
            str(self.working(name)),
        ]
        environment = {**os.environ, "TMPDIR": str(self.folder / "tmp"), "PYTHONPATH": str(ROOT)}
        counted, told, said = 0, began, []
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    if match := _COUNTED.match(line):
                        counted = int(match[1])
                        if monotonic() - told > TELL_EVERY_S:
                            told = monotonic()
                            print(f"  {name}: {counted:,} of {inputs:,} in this slice", flush=True)
                    else:
                        said = [*said[-60:], line]
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)
                raise
            finally:
                process.wait()
                seconds = monotonic() - began
                before = self.done.setdefault(name, [0, 0.0])
                self.done[name] = [before[0] + counted, before[1] + seconds]
                self._log.write_text(json.dumps(self.done, indent=1))
        return Slice(counted, seconds, process.returncode, "".join(said))

    def keep(self, name: str) -> int:
        """Make the corpus of a decoder of what reached something new here, the shortest first; returns its bytes."""
        inputs = {path.read_bytes() for path in self.working(name).iterdir()} - set(SEEDS[name])
        shutil.rmtree(CORPUS / name, ignore_errors=True)
        (CORPUS / name).mkdir(parents=True)
        total = 0
        for data in sorted(inputs, key=lambda data: (len(data), data)):
            if total + len(data) > KEPT_BYTES:
                break
            total += len(data)
            (CORPUS / name / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
        return total

    def table(self) -> str:
        """Inputs and speed by decoder."""
        lines = [
            f"{name:<18} {int(inputs):>12,} inputs {inputs / seconds if seconds else 0:>8,.0f} a second"
            for name, (inputs, seconds) in self.done.items()
            if name in DECODERS
        ]
        total = sum(int(self.done[name][0]) for name in DECODERS)
        return "\n".join([*lines, f"{'in all':<18} {total:>12,} inputs"])


def main(
    inputs: Annotated[int, typer.Option(help="In all, over all decoders.", min=1)] = 10_000_000,
    folder: Annotated[Path, typer.Option(help="Working folder; go on with what is there.")] = Path(
        "build/fuzz"
    ),
    decoder: Annotated[list[str] | None, typer.Option(help="Only this one; may be repeated.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Make the corpus of what was reached.")] = False,
) -> None:
    """Fuzz all decoders of what comes from outside."""
    names = decoder or list(DECODERS)
    for name in names:
        if name not in DECODERS:
            raise typer.BadParameter(f"{name!r} is none of: {', '.join(DECODERS)}")
    campaign = Campaign(folder.absolute())
    parts = {name: SHARES.get(name, 10) for name in names}
    share = {name: ceil(inputs * part / sum(parts.values())) for name, part in parts.items()}
    failed: dict[str, str] = {}
    while left := {
        name: share[name] - int(campaign.done[name][0])
        for name in names
        if name not in failed and campaign.done[name][0] < share[name]
    }:
        for name, missing in left.items():
            done = campaign.run(name, min(SLICE, missing))
            so_far = f"{int(campaign.done[name][0]):,} of {share[name]:,}"
            print(f"{name}: {so_far}, {done.inputs / done.seconds:,.0f} a second", flush=True)
            if done.status:
                failed[name] = done.said
    print(campaign.table())
    for name, said in failed.items():
        print(f"\n{name} let another error out:\n{said}")
    for path in sorted(campaign.found.iterdir()):
        name = next(
            name for name in sorted(DECODERS, key=len, reverse=True) if path.name.startswith(f"{name}-")
        )
        print(f"again: {sys.executable} -m tests.fuzz.one {name} {path}")
    if keep:
        for name in names:
            print(f"{name}: corpus of {campaign.keep(name):,} bytes")
    raise typer.Exit(1 if failed else 0)


if __name__ == "__main__":
    typer.run(main)
