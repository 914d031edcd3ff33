"""A process that must not outlive the one that started it: the peers of a demo or a test."""

import ctypes
import os
import signal
import sys

__all__ = ["end_with_parent"]

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Have the kernel send SIGTERM to this process when its parent ends, even by SIGKILL (Linux).

    Elsewhere only an orderly end of the parent ends its peers.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        # It ended before the kernel knew of our wish.
        os.kill(os.getpid(), signal.SIGTERM)
