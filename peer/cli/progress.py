"""Progress on stderr: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from peer.cli.output import err
from peer.wire.requests import WatchReply

LINES = 10
"""Lines that a run prints where stderr is not a terminal, at least; a long one prints more."""
LINE_EVERY_S = 5.0


class Meter:
    """Shows how far a run is."""

    def __init__(self, progress: Progress, total: int, title: str) -> None:
        self._progress = progress
        self._total = total
        self._title = title
        self._task = progress.add_task(title, total=total, note="")
        self._said = 0
        self._due = time.monotonic() + LINE_EVERY_S

    def show(self, iteration: int, note: str = "") -> None:
        """The run has finished this iteration."""
        self._progress.update(self._task, completed=iteration, note=note)
        part = iteration * LINES // max(self._total, 1)
        now = time.monotonic()
        if not err.is_terminal and (part > self._said or now >= self._due):
            self._said, self._due = part, now + LINE_EVERY_S
            err.print(
                f"{self._title}: iteration {iteration}/{self._total} {note}".rstrip(),
                markup=False,
                highlight=False,
                soft_wrap=True,
            )

    def show_all(self, newest: Mapping[str, WatchReply], note: str) -> None:
        """The peers of a network are this far; the slowest counts."""
        if not self._total:
            self._total = max(reply.status.iterations for reply in newest.values())
            self._progress.update(self._task, total=self._total)
        self.show(min(reply.status.iteration for reply in newest.values()), note)


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
