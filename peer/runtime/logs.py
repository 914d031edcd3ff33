"""The log of a peer: lines for people, or JSON; each with peer and round."""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

__all__ = ["Seldom", "start_log"]

Where = Callable[[], tuple[str, int | None]]
"""The run that is on and its round; ``("", None)`` without a run."""


class _Context(logging.Filter):
    """Adds peer, run and round to every record."""

    def __init__(self, peer: str, where: Where) -> None:
        super().__init__()
        self._peer = peer
        self._where = where

    def filter(self, record: logging.LogRecord) -> bool:
        run, number = self._where()
        record.peer, record.run, record.round = self._peer, run, number
        return True


class _Readable(logging.Formatter):
    """``09:31:07.123 INFO    p3 round 412: link to p4 is up``."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]
        number = getattr(record, "round", None)
        round_text = "" if number is None else f" round {number}"
        line = (
            f"{stamp} {record.levelname:<7} {getattr(record, 'peer', '')}{round_text}: "
            f"{_one_line(record.getMessage())}"
        )
        return line if record.exc_info is None else f"{line}\n{self.formatException(record.exc_info)}"


def _one_line(text: str) -> str:
    """Show control characters as escapes: what neighbours say must not look like lines of ours."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class _Json(logging.Formatter):
    """One JSON object on each line."""

    def format(self, record: logging.LogRecord) -> str:
        document = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "peer": getattr(record, "peer", ""),
            "run": getattr(record, "run", ""),
            "round": getattr(record, "round", None),
            "text": record.getMessage(),
        }
        if record.exc_info is not None:
            document["trace"] = self.formatException(record.exc_info)
        return json.dumps(document, ensure_ascii=False)


def start_log(peer: str, where: Where, *, as_json: bool) -> logging.Handler:
    """Send the log of this process to stderr.

    Parameters
    ----------
    peer : str
        The peer that this process is.
    where : callable
        Asked for run and round at each line; from any thread.
    as_json : bool
        One JSON object on each line.

    Returns
    -------
    logging.Handler
        The handler that writes.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if as_json else _Readable())
    handler.addFilter(_Context(peer, where))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("difpeer").setLevel(logging.INFO)
    # numpy warns of overflows before the values are found not to be finite: those lines belong in the log.
    logging.captureWarnings(True)
    return handler


class Seldom:
    """Lets something through at most once per second for each key; what a stranger causes must not fill the disk.

    Parameters
    ----------
    period_s : float
        Least time between two.
    keys : int
        Keys remembered; with more of them than that, all share one turn.
    """

    def __init__(self, period_s: float = 1.0, keys: int = 256) -> None:
        self._period_s = period_s
        self._keys = keys
        self._last: dict[str, float] = {}

    def allows(self, key: str) -> bool:
        """Whether it is this key's turn."""
        now = monotonic()
        if key not in self._last and len(self._last) >= self._keys:
            self._last = {k: at for k, at in self._last.items() if now - at < self._period_s}
            if len(self._last) >= self._keys:
                key = ""
        if now - self._last.get(key, -self._period_s) < self._period_s:
            return False
        self._last[key] = now
        return True
