"""Peers that measure nothing: imported before ``difpeer``, it leaves out the ledger's rows and the sockets' counters.

Only :mod:`measure` uses it: what measuring costs shows beside peers that do not. The product has no such switch.
"""

from typing import Any

from peer.measure.recorder import Recorder
from peer.runtime import driver
from peer.runtime.counters import SocketCounters


def _nothing(*_: Any, **__: Any) -> None:
    """Instead of a row or a sample."""


driver.disagreement = _nothing
for _row in ("round", "message", "socket", "interface", "account", "iteration", "event"):
    setattr(Recorder, _row, _nothing)
for _sample in ("watch", "sample", "last", "close", "sent_bytes"):
    setattr(SocketCounters, _sample, _nothing)
