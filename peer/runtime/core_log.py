"""What gRPC's core writes to stderr, in our own log and in plain words.

Why a TLS handshake has failed is told nowhere else: the server's handlers never hear of it, and the other side is told
nothing. The core has one way to say something, the process's stderr, so that is read here.
"""

import faulthandler
import logging
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

from peer.runtime.causes import tls_cause
from peer.runtime.logs import Seldom

__all__ = ["core_log"]

log = logging.getLogger("difpeer")

_CORE = re.compile(r"[IWE]\d{4} [\d:.]+ +\d+ \S+:\d+\] ")
"""How the core's lines begin. Other ones pass, but for what is said right before abort(): the thread that would read it
ends with the process."""


@contextmanager
def core_log() -> Iterator[None]:
    """Read this process's stderr while the block runs; Python's own goes where it went before.

    With ``GRPC_VERBOSITY=DEBUG`` nothing is read, and nothing is lost either: the core writes all of it by itself.
    """
    if os.environ.get("GRPC_VERBOSITY") == "DEBUG":
        yield
        return
    reading, writing = os.pipe()
    # Rather a lost line than a thread of the core that waits for us.
    os.set_blocking(writing, False)
    before = os.dup(2)
    stream = sys.stderr
    crashes = faulthandler.is_enabled()
    own = os.fdopen(before, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    os.dup2(writing, 2)
    os.close(writing)
    sys.stderr = own
    if crashes:
        faulthandler.enable(own)
    reader = Thread(target=_read, args=(reading, before), name="core log", daemon=True)
    reader.start()
    try:
        yield
    finally:
        os.dup2(before, 2)  # the last end of the pipe: the reader comes to its end
        reader.join()
        sys.stderr = stream
        if crashes:
            faulthandler.enable(stream)
        # Left open: handlers of the log have it, and threads may have a last word.


def _read(reading: int, own: int) -> None:
    asked = os.environ.get("GRPC_VERBOSITY") != "INFO"  # by whoever debugs gRPC
    seldom = Seldom()
    silent: Counter[str] = Counter()
    with os.fdopen(reading, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            cause = tls_cause(line)
            if not cause:
                if asked or not _CORE.match(line):
                    with suppress(OSError):  # a full disk, perhaps: the next line may find room
                        os.write(own, line.encode())
            elif seldom.allows(cause):
                more = silent.pop(cause, 0)
                log.warning(
                    "a TLS handshake failed: %s%s", cause, f" (and {more} times before)" if more else ""
                )
            else:
                silent[cause] += 1
