"""Progress on stderr: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from peer.cli.output import err, say
from peer.wire.requests import RunStatus

LINES = 10
"""Lines that a run prints where stderr is not a terminal, at least; a long one prints more."""
LINE_EVERY_S = 5.0


class Meter:
    """Shows how far a run is."""

    def __init__(self, progress: Progress, total: int, title: str) -> None:
        self._progress = progress
        self._total = total
        self._title = title
        self._task = progress.add_task(title, total=total or None, note="")
        self._said = 0
        self._due = time.monotonic() + LINE_EVERY_S
        self._stalled = False

    def show(self, iteration: int, note: str = "", *, stalled: bool = False) -> None:
        """The run has finished this iteration; where it begins to stall that is told at once."""
        self._progress.update(self._task, completed=iteration, note=note)
        part = iteration * LINES // self._total if self._total else 0
        now = time.monotonic()
        begins, self._stalled = stalled and not self._stalled, stalled
        if not err.is_terminal and (part > self._said or now >= self._due or begins):
            self._said, self._due = part, now + LINE_EVERY_S
            total = f"/{self._total}" if self._total else ""
            say(f"{self._title}: iteration {iteration}{total} {note}".rstrip())

    def show_run(self, status: RunStatus | None, note: str, *, stalled: bool) -> None:
        """A run on a network is this far, by the peer that counts; None where no peer has told of it yet."""
        if not self._total and status is not None:
            self._total = status.iterations
            self._progress.update(self._task, total=self._total)
        self.show(0 if status is None else status.iteration, note, stalled=stalled)


@contextmanager
def metered(title: str, total: int) -> Iterator[Meter]:
    """Show the progress of a run with ``total`` iterations."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        yield Meter(progress, total, title)
