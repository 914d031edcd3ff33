"""The state folder of one peer: whose it is, who uses it, and how often its peer was started."""

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from topology.errors import InputError

__all__ = ["StateFolder", "write_durably"]

FORMAT = 1
_PEER = "peer.json"
_LOCK = "lock"
_LEDGER = "ledger.sqlite"
_MEND = "restore the newest copy of this folder, or give a new folder (runs that are on will end by name)"


class StateFolder:
    """A peer's state folder, locked while this object is open.

    Opening it raises the incarnation, durably: whatever this process tells a neighbour is told under a number that
    no earlier process of this folder used. The folder holds the ledger as well. Run records and checkpoints are not
    in it yet: see :class:`peer.runtime.store.MemoryStore`.

    Parameters
    ----------
    path : str or Path
        The folder; made where it is missing.
    peer : str
        The peer it belongs to.

    Raises
    ------
    InputError
        If another process uses the folder, it belongs to another peer, or it cannot be read or written.
    """

    def __init__(self, path: str | Path, peer: str) -> None:
        self.path = Path(path)
        self.peer = peer
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = self._take_lock()
        except OSError as error:
            raise InputError(
                f"cannot be used as a state folder ({error.strerror})",
                file=self.path,
                mend="give a folder where you may write",
            ) from error
        try:
            self.incarnation = self._raise_incarnation()
        except BaseException:
            self.close()
            raise

    @property
    def ledger(self) -> Path:
        """Where the ledger is."""
        return self.path / _LEDGER

    def close(self) -> None:
        """Let others use the folder."""
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take_lock(self) -> int:
        # The kernel drops the lock with the process, however it ends: no stale lock to clear away.
        descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise InputError(
                "the state folder is in use" + (f" by process {owner}" if owner else ""),
                file=self.path,
                mend="stop the other difpeer serve, or give each peer a folder of its own",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return descriptor

    def _raise_incarnation(self) -> int:
        file = self.path / _PEER
        incarnation = 1 + (self._read(file) if file.exists() else 0)
        document = {"format": FORMAT, "peer": self.peer, "incarnation": incarnation}
        try:
            write_durably(file, (json.dumps(document) + "\n").encode())
        except OSError as error:
            raise InputError(
                f"cannot be written ({error.strerror})", file=file, mend="check the disk and the permissions"
            ) from error
        return incarnation

    def _read(self, file: Path) -> int:
        try:
            document: Any = json.loads(file.read_bytes())
        except (OSError, ValueError) as error:
            raise InputError(f"cannot be read ({error})", file=file, mend=_MEND) from error
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise InputError(f"is not a state of format {FORMAT}", file=file, field="format", mend=_MEND)
        if document.get("peer") != self.peer:
            raise InputError(
                f"the state folder belongs to the peer {document.get('peer')!r}, not to {self.peer!r}",
                file=file,
                field="peer",
                mend="give each peer a folder of its own",
            )
        incarnation = document.get("incarnation")
        if type(incarnation) is not int or incarnation < 1:
            raise InputError(f"found {incarnation!r}", file=file, field="incarnation", mend=_MEND)
        return incarnation


def write_durably(path: Path, data: bytes) -> None:
    """Write a file so that after a power failure it is there whole, old or new.

    Temporary file, fsync, rename, fsync of the folder: the rename is durable only with the folder.
    """
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
