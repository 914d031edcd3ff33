"""Writing a file so that whoever reads it meanwhile sees the old one or the new one, whole."""

import os
import stat
from contextlib import suppress
from pathlib import Path

__all__ = ["replace_file"]


def replace_file(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Write a file at once: a peer that serves may be reading it.

    Parameters
    ----------
    path : Path
        The file, or a link to it, which stays. One that is there keeps its mode, and its owner where that is allowed.
    content : bytes
        What is in it from then on.
    mode : int, optional
        Of a new file; by default as the umask says.

    Raises
    ------
    OSError
        If it cannot be written; what was there is there still.
    """
    path = Path(os.path.realpath(path))
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    try:
        with new.open("xb") as file:
            _dress(file.fileno(), path, mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise


def _dress(descriptor: int, path: Path, mode: int | None) -> None:
    """Give a file the owner and the mode of the one whose place it takes."""
    try:
        before = path.stat()
    except FileNotFoundError:
        if mode is not None:
            os.fchmod(descriptor, mode)
        return
    # The owner first: who gives a file away loses some modes. Not all systems of files know either.
    with suppress(PermissionError):
        os.fchown(descriptor, before.st_uid, before.st_gid)
    with suppress(PermissionError):
        os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
