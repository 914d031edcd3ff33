"""The state folder of one peer: whose it is, who uses it, and how often its peer was started."""

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from peer.state.durable import clear_partial, disk_errors, sync_folder, write_durably
from peer.state.lock import take_lock
from topology.errors import InputError

__all__ = ["LEDGER", "PEER_FILE", "RUNS", "StateFolder", "read_peer_file"]

FORMAT = 1
PEER_FILE = "peer.json"
LEDGER = "ledger.sqlite"
RUNS = "runs"
_MEND = "restore the newest copy of this folder, or give a new folder (runs that are on will end by name)"


class StateFolder:
    """A peer's state folder, locked while this object is open.

    Opening it raises the incarnation, durably: whatever this process tells a neighbour is told under a number that
    no earlier process of this folder used. What an earlier process left unfinished is removed.

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
        self._kept = False
        with disk_errors("cannot be used as a state folder", self.path, "give a folder where you may write"):
            made = [part for part in (self.path, *self.path.parents) if not part.exists()]
            self.path.mkdir(parents=True, exist_ok=True)
            for part in made:
                sync_folder(part.parent)
            self._lock = take_lock(
                self.path, "stop the other difpeer serve, or give each peer a folder of its own"
            )
        try:
            self._prepare()
            self.incarnation = self._raise_incarnation()
        except BaseException:
            self.close()
            raise

    @property
    def ledger(self) -> Path:
        """Where the ledger is."""
        return self.path / LEDGER

    @property
    def runs(self) -> Path:
        """Where each run has a folder."""
        return self.path / RUNS

    def close(self) -> None:
        """Let others use the folder."""
        if not self._kept:
            os.close(self._lock)

    def keep_lock(self) -> None:
        """Let others use the folder only when this process has ended: it still writes."""
        self._kept = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        with disk_errors("cannot be written", self.path):
            self.runs.mkdir(exist_ok=True)
            clear_partial(self.path)
            sync_folder(self.path)

    def _raise_incarnation(self) -> int:
        file = self.path / PEER_FILE
        incarnation = 1
        if file.exists():
            peer, before = read_peer_file(self.path)
            if peer != self.peer:
                raise InputError(
                    f"the state folder belongs to the peer {peer!r}, not to {self.peer!r}",
                    file=file,
                    field="peer",
                    mend="give each peer a folder of its own",
                )
            incarnation += before
        document = {"format": FORMAT, "peer": self.peer, "incarnation": incarnation}
        with disk_errors("cannot be written", file):
            write_durably(file, [(json.dumps(document) + "\n").encode()])
        return incarnation


def read_peer_file(folder: Path) -> tuple[str, int]:
    """Read whose a state folder is, and how often its peer was started.

    Raises
    ------
    InputError
        If that cannot be told.
    """
    file = folder / PEER_FILE
    try:
        document: Any = json.loads(file.read_bytes())
    except (OSError, RecursionError, ValueError) as error:
        raise InputError(f"cannot be read ({error})", file=file, mend=_MEND) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(f"is not a state of format {FORMAT}", file=file, field="format", mend=_MEND)
    peer, incarnation = document.get("peer"), document.get("incarnation")
    if type(peer) is not str:
        raise InputError(f"found {peer!r}", file=file, field="peer", mend=_MEND)
    if type(incarnation) is not int or incarnation < 1:
        raise InputError(f"found {incarnation!r}", file=file, field="incarnation", mend=_MEND)
    return peer, incarnation
