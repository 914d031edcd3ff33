"""The lock of a state folder: one process at a time writes to it."""

import fcntl
import os
from pathlib import Path

from topology.errors import InputError

__all__ = ["take_lock"]

_LOCK = "lock"


def take_lock(folder: Path, mend: str) -> int:
    """Lock a folder for this process.

    Parameters
    ----------
    folder : Path
        The folder.
    mend : str
        What to do where another process has the lock, for the message.

    Returns
    -------
    int
        A descriptor; closing it lets others use the folder.

    Raises
    ------
    InputError
        If another process has the lock; it is named.
    OSError
        If the folder cannot be written.
    """
    # The kernel drops the lock with the process, however it ends: no stale lock to clear away.
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        os.close(descriptor)
        raise InputError(
            "the state folder is in use" + (f" by process {owner}" if owner else ""),
            file=folder,
            mend=mend,
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor
