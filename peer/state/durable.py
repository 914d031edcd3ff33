"""Writing so that a file is there whole after a crash or a power failure, old or new."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from peer.state.container import Part
from topology.errors import InputError

__all__ = ["PARTIAL", "clear_partial", "disk_errors", "sync_folder", "write_durably"]

PARTIAL = ".partial"
"""Ends the name of a file that was not finished; it begins with a dot."""


def write_durably(path: Path, parts: Iterable[Part]) -> None:
    """Write a file in an existing folder.

    Temporary file, fsync, rename, fsync of the folder: the rename is durable only with the folder.

    Raises
    ------
    OSError
        If any of it fails: then nobody may be told of the file. What was at ``path`` is there still, or the new
        file is, whole.
    """
    partial = path.with_name(f".{path.name}{PARTIAL}")
    # Few system calls: this runs beside the rounds, and after each one it has to win the interpreter back.
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            _write_all(descriptor, b"".join(parts))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        partial.rename(path)
    except OSError:
        with suppress(OSError):
            partial.unlink()  # a full disk has no room for it
        raise
    sync_folder(path.parent)


def _write_all(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, data[written:])


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clear_partial(folder: Path) -> None:
    """Remove what a process that was killed left unfinished in a folder."""
    for path in folder.iterdir():
        if path.name.startswith(".") and PARTIAL in path.name:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


@contextmanager
def disk_errors(
    what: str,
    file: Path | None = None,
    mend: str = "check the disk and the permissions",
    *,
    field: str | None = None,
) -> Iterator[None]:
    """Turn OSError into InputError: ``what`` could not be done, and why; at the error's own file by default."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{what} ({error.strerror})", file=file or error.filename, field=field, mend=mend
        ) from error
