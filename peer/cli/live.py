"""A run as it goes on: every peer, whom it waits for, and the curve of what it learns."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from peer.cli.curve import draw_curve
from peer.cli.output import err, human_bytes
from peer.cli.progress import metered
from peer.protocol.records import RunState
from peer.runtime.following import News, progress_note, stalls, wait_note
from peer.runtime.status import standing
from peer.wire.requests import RunStatus

__all__ = ["LiveView", "followed"]

WIDTH = 80
CURVE_ROWS = 8
OTHER_ROWS = 7
"""Beside peers and curve: title, head of the table, what the curve is, what is waited for."""
LEAST_PEERS = 4
DRAW_EVERY_S = 0.25
RATE_OVER_S = 3.0


@contextmanager
def followed(title: str, total: int) -> Iterator[Callable[[News], None]]:
    """Show a run that is followed: on a terminal all of it, elsewhere a line now and then.

    Parameters
    ----------
    title : str
        What the run is called.
    total : int
        Its iterations; 0 where they are not known yet.

    Yields
    ------
    callable
        To be called with what is new, in the running loop.
    """
    if not err.is_terminal:
        with metered(title, total) as meter:
            yield lambda news: meter.show_run(news.slowest, progress_note(news), stalled=stalls(news))
        return
    view = LiveView(title, braille=_braille())
    loop = asyncio.get_running_loop()
    # Drawn in the loop, which also takes what is new: rich's own thread would draw what is just being changed.
    with Live(
        console=err, auto_refresh=False, get_renderable=lambda: view.drawn(err.width, err.height)
    ) as live:
        pending: list[asyncio.Handle] = []

        def draw() -> None:
            live.refresh()
            pending[:] = [loop.call_later(DRAW_EVERY_S, draw)]

        pending.append(loop.call_soon(draw))
        try:
            yield view.update
        finally:
            pending[0].cancel()


def _braille() -> bool:
    return (err.encoding or "").lower().startswith("utf")


class LiveView:
    """What is shown of a run.

    Parameters
    ----------
    title : str
        What the run is called.
    braille : bool
        Whether the terminal can show braille characters.
    clock : callable, optional
        Seconds, monotonic.
    """

    def __init__(self, title: str, *, braille: bool, clock: Callable[[], float] = monotonic) -> None:
        self._title = title
        self._braille = braille
        self._clock = clock
        self._started_s = clock()
        self._news: News | None = None
        self._points: dict[int, float] = {}
        self._curve_of = ""
        self._sent: dict[str, deque[tuple[float, int]]] = {}

    def update(self, news: News) -> None:
        """Take what is new."""
        self._news = news
        now = self._clock()
        for name, count in news.sent.items():
            samples = self._sent.setdefault(name, deque())
            samples.append((now, count))
            while len(samples) > 2 and samples[1][0] <= now - RATE_OVER_S:
                samples.popleft()
        slowest = news.slowest
        worst = news.worst
        if slowest is not None and worst is not None:
            self._curve_of, value = worst
            self._points[slowest.iteration] = value

    def drawn(self, columns: int, rows: int) -> RenderableType:
        """The picture, for a terminal of this size."""
        news = self._news
        if news is None:
            return Text(f"{self._title}: no peer has told of it yet")
        width = min(columns, WIDTH)
        room = max(rows - CURVE_ROWS - OTHER_ROWS, LEAST_PEERS)
        parts: list[RenderableType] = [self._head(news), self._peers(news, room, width)]
        last = max((reply.status.iterations for reply in news.values()), default=0)
        curve = draw_curve(
            sorted(self._points.items()), last, columns=width, rows=CURVE_ROWS, braille=self._braille
        )
        if curve:
            newest = self._points[max(self._points)]
            parts.append(Text(f"{_TITLES.get(self._curve_of, self._curve_of)}: {newest:.1e}"))
            parts.append(Text("\n".join(curve), style="cyan", no_wrap=True))
        wait = wait_note(news)
        if wait:
            parts.append(Text(wait, style="bold yellow"))
        if news.away:
            # One cause often keeps several away.
            parts.append(Text(min(news.away.values()), style="red", no_wrap=True, overflow="ellipsis"))
        return Group(*parts)

    def _head(self, news: News) -> Text:
        seconds = int(self._clock() - self._started_s)
        status = news.slowest
        where = "" if status is None else f", round {status.round} {status.label}".rstrip()
        sent = f", {human_bytes(sum(news.sent.values()))} sent" if news.all_told else ""
        return Text(f"{self._title}: {seconds // 60}:{seconds % 60:02d}{where}{sent}", style="bold")

    def _peers(self, news: News, room: int, width: int) -> Table:
        order = sorted(news.peers)
        if len(order) > room:
            # Those that are furthest behind are what the others wait for.
            rounds = {name: reply.status.round for name, reply in news.items()}
            order = sorted(order, key=lambda name: (rounds.get(name, 0), name))[: room - 1]
        table = Table(box=None, padding=(0, 1, 0, 0), width=width, header_style="dim")
        table.add_column("peer", no_wrap=True)
        table.add_column("iteration", justify="right", no_wrap=True)
        table.add_column("", ratio=1)
        for heading in ("round", "sent", "speed"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("", ratio=2, no_wrap=True, overflow="ellipsis")
        for name in order:
            if name not in news:
                table.add_row(name, "", "", "", "", "", _absent(news, name))
                continue
            status = news[name].status
            table.add_row(
                name,
                f"{status.iteration}/{status.iterations}",
                ProgressBar(total=max(status.iterations, 1), completed=status.iteration),
                str(status.round),
                human_bytes(news.sent[name]),
                f"{human_bytes(self._rate(name))}/s",
                _doing(status, news, name),
            )
        if len(order) < len(news.peers):
            table.add_row(f"and {len(news.peers) - len(order)} more")
        return table

    def _rate(self, name: str) -> float:
        """Message bytes per second over the last seconds."""
        samples = self._sent.get(name)
        if samples is None:  # it has told something since the last update
            return 0.0
        (then, before), (now, after) = samples[0], samples[-1]
        # A peer that stands still tells less often, or nothing.
        seconds = max(self._clock() - then, now - then)
        return (after - before) / seconds if seconds > 0 else 0.0


_TITLES = {
    "subspace_distance": "subspace distance, worst peer",
    "moved": "how far the bases move, worst peer",
}


def _absent(news: News, name: str) -> Text:
    """Why nothing is known of a peer."""
    if name in news.unknown:
        return Text("knows nothing of the run", style="yellow")
    return (
        Text("cannot be reached", style="red") if name in news.away else Text("not heard of yet", style="dim")
    )


def _doing(status: RunStatus, news: News, name: str) -> Text:
    if name in news.silent:
        return Text(f"silent for {news.silent[name]:.0f} s", style="red")
    if status.waiting_for and status.waiting_s >= 1:
        return Text(f"waits {status.waiting_s:.0f} s for {', '.join(status.waiting_for)}", style="yellow")
    if status.waiting_kind == "disk" and status.waiting_s >= 1:
        return Text(f"waits {status.waiting_s:.0f} s for its disk", style="yellow")
    if status.state is RunState.RUNNING:
        return Text(status.label, style="dim")
    return Text(standing(status), style="dim")
