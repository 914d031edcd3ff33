"""The picture of a run that is followed."""

from io import StringIO

import pytest
from rich.console import Console

from peer.cli.curve import draw_curve
from peer.cli.live import LiveView
from peer.protocol.records import RunState
from peer.runtime.following import News
from peer.wire.requests import RunStatus, WatchReply


def reply(iteration, number, sent, *, metrics=None, waiting_for=(), waiting_s=0.0):
    status = RunStatus(
        run="r1",
        state=RunState.RUNNING,
        reason=None,
        algorithm="dif-altgdmin",
        iteration=iteration,
        iterations=100,
        round=number,
        label="descent",
        waiting_for=waiting_for,
        waiting_s=waiting_s,
        waiting_kind="round" if waiting_for else "",
    )
    return WatchReply(status, metrics or {}, message_bytes=sent)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def shown(view, columns=80, rows=24):
    console = Console(width=columns, height=rows, record=True, file=StringIO())
    console.print(view.drawn(columns, rows))
    return console.export_text()


def test_peers_rates_and_waits_are_told():
    clock = Clock()
    view = LiveView("run r1", braille=True, clock=clock)
    news = News(["p0", "p1"], "127.0.0.1:7100")
    for second in range(6):
        clock.now = float(second)
        news.told("p0", reply(second * 2, second * 10, second * 500_000, metrics={"moved": 10.0**-second}))
        news.told("p1", reply(second * 2, second * 10, second * 1000, waiting_for=("p0",), waiting_s=2.0))
        view.update(news)
    text = shown(view)
    assert "run r1: 0:05, round 50 descent, 2.5 MB sent" in text
    rows = {line.split()[0]: line for line in text.splitlines() if line.startswith("p")}
    assert "10/100" in rows["p0"]
    assert "500.0 kB/s" in rows["p0"]
    assert "waits 2 s for p0" in rows["p1"]
    assert "how far the bases move, worst peer: 1.0e-05" in text
    assert "p1 waits 2 s for p0" in text.splitlines()[-1]
    assert max(map(len, text.splitlines())) <= 80


def test_a_rate_falls_while_nothing_is_told():
    clock = Clock()
    view = LiveView("run", braille=True, clock=clock)
    news = News(["p0"], "a")
    for clock.now, sent in ((0.0, 0), (1.0, 1000)):
        news.told("p0", reply(1, 1, sent))
        view.update(news)
    assert "1.0 kB" in shown(view)
    clock.now = 10.0
    assert "100 B" in shown(view)


def test_a_small_terminal_shows_those_that_are_behind():
    view = LiveView("run", braille=True, clock=Clock())
    names = [f"p{i:02}" for i in range(30)]
    news = News(names, "a")
    for i, name in enumerate(names):
        news.told(name, reply(i, 100 - i, 0))
    view.update(news)
    text = shown(view, rows=24)
    assert "p29" in text
    assert "p00" not in text
    assert "and 22 more" in text
    assert len(text.splitlines()) <= 24


def test_before_anything_is_told():
    assert "no peer has told" in shown(LiveView("run", braille=True))


@pytest.mark.parametrize("braille", [True, False])
def test_a_curve_falls_from_the_left_to_the_right(braille):
    lines = draw_curve([(i, 10.0 ** (-i / 10)) for i in range(101)], 100, columns=60, rows=8, braille=braille)
    assert len(lines) == 8
    assert lines[0].startswith(" 1e+0 │")
    assert lines[-2].startswith("1e-10 │")
    assert lines[-1].rstrip().endswith("iteration 100")
    first = [len(line) - len(line[7:].lstrip()) for line in lines[:-1]]
    assert first == sorted(first)
    assert all(len(line) <= 60 for line in lines)
    assert ("." in "".join(lines[1:-2])) is not braille


def test_there_is_no_curve_of_one_point_or_of_zeros():
    assert draw_curve([(0, 1.0)], 10, columns=60, rows=8, braille=True) == []
    assert draw_curve([(0, 0.0), (1, 0.0), (2, 1.0)], 10, columns=60, rows=8, braille=True) == []


def test_peers_that_nobody_hears_have_a_row_with_the_reason():
    view = LiveView("run", braille=True, clock=Clock())
    news = News(["p0", "p1", "p2"], "a")
    news.told("p0", reply(1, 1, 10, waiting_for=("p1",), waiting_s=3.0))
    news.not_reached("p1", "p1 (127.0.0.1:7101) cannot be reached from p0")
    view.update(news)
    rows = {line.split()[0]: line for line in shown(view).splitlines()[:5] if line.startswith("p")}
    assert "cannot be reached" in rows["p1"]
    assert "p1 (127.0.0.1:7101) cannot be reached from p0" in shown(view)
    assert "not heard of yet" in rows["p2"]
    news.told("p1", reply(2, 2, 10))
    view.update(news)
    assert "cannot" not in shown(view)
