import io
import json
import logging

import pytest

from peer.runtime import logs
from peer.runtime.logs import Seldom, start_log


@pytest.fixture
def root():
    """The root logger as pytest has set it, put back afterwards."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)
    logging.getLogger("difpeer").setLevel(logging.NOTSET)
    logging.captureWarnings(False)


def lines(handler, *messages):
    handler.setStream(io.StringIO())
    for message in messages:
        logging.getLogger("difpeer").info(message)
    return handler.stream.getvalue().splitlines()


def test_every_line_has_peer_and_round(root):
    where = ["", None]
    handler = start_log("p3", lambda: (where[0], where[1]), as_json=False)
    assert root.handlers == [handler]
    (line,) = lines(handler, "link to p4 is up")
    assert line.endswith("INFO    p3: link to p4 is up")
    where[:] = ["a1", 412]
    (line,) = lines(handler, "waiting")
    assert line.endswith("INFO    p3 round 412: waiting")


def test_json_lines_are_json_with_the_same_fields(root):
    handler = start_log("p3", lambda: ("a1", 7), as_json=True)
    (line,) = lines(handler, 'said "no"\nand left')
    document = json.loads(line)
    assert {key: document[key] for key in ("level", "peer", "run", "round", "text")} == {
        "level": "info",
        "peer": "p3",
        "run": "a1",
        "round": 7,
        "text": 'said "no"\nand left',
    }
    handler.setStream(io.StringIO())
    try:
        raise ValueError("x")
    except ValueError:
        logging.getLogger("difpeer").exception("failed")
    assert "ValueError: x" in json.loads(handler.stream.getvalue())["trace"]


def test_traces_follow_readable_lines(root):
    handler = start_log("p3", lambda: ("", None), as_json=False)
    handler.setStream(io.StringIO())
    try:
        raise ValueError("x")
    except ValueError:
        logging.getLogger("difpeer").exception("failed")
    text = handler.stream.getvalue()
    assert text.splitlines()[0].endswith("p3: failed")
    assert "ValueError: x" in text


def test_libraries_chatter_stays_out(root):
    handler = start_log("p3", lambda: ("", None), as_json=False)
    handler.setStream(io.StringIO())
    logging.getLogger("somebody").info("chatter")
    logging.getLogger("somebody").warning("trouble")
    assert [line.split(": ")[-1] for line in handler.stream.getvalue().splitlines()] == ["trouble"]


def test_seldom_lets_each_key_through_once_per_period(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(logs, "monotonic", lambda: now[0])
    seldom = Seldom(1.0)
    assert [seldom.allows("a"), seldom.allows("a"), seldom.allows("b")] == [True, False, True]
    now[0] += 1.0
    assert seldom.allows("a")


def test_many_strangers_share_one_turn(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(logs, "monotonic", lambda: now[0])
    seldom = Seldom(1.0, keys=10)
    assert sum(seldom.allows(str(key)) for key in range(1000)) == 11
    now[0] += 1.0
    # The old ones are forgotten, so a new key has a turn of its own again.
    assert seldom.allows("new")
    assert seldom.allows("newer")


def test_what_others_say_cannot_look_like_a_line_of_ours(root):
    handler = start_log("p3", lambda: ("", None), as_json=False)
    (line,) = lines(handler, "p4 says: bye\n12:00:00.000 INFO    p3: all is well\x1b[2J")
    assert line.endswith(r"p3: p4 says: bye\n12:00:00.000 INFO    p3: all is well\x1b[2J")
