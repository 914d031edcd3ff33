"""The files of each run: ``runs/<run>/record`` and ``runs/<run>/checkpoint-<index>``."""

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from peer.protocol.records import Checkpoint, RunRecord, RunState
from peer.state.checkpoints import decode_checkpoint, encode_checkpoint
from peer.state.container import Damaged
from peer.state.durable import PARTIAL, clear_partial, sync_folder, write_durably
from peer.state.recording import KeptRecord, decode_record, encode_record

__all__ = ["RunFiles", "run_files"]

_RECORD = "record"
_CHECKPOINT = re.compile(r"checkpoint-([1-9][0-9]{0,17})")


class RunFiles:
    """What one run has on disk.

    Parameters
    ----------
    runs : Path
        The folder of all runs.
    peer, run : str
        Whose and which.
    """

    def __init__(self, runs: Path, peer: str, run: str) -> None:
        self.run = run
        self.folder = runs / run
        self.record = self.folder / _RECORD
        self._peer = peer
        self._lowest: int | None = None

    def checkpoint(self, index: int) -> Path:
        """Where a checkpoint is."""
        return self.folder / f"checkpoint-{index}"

    def checkpoints(self) -> list[int]:
        """Indexes of the checkpoints that are there, ascending."""
        if not self.folder.is_dir():
            return []
        found = (_CHECKPOINT.fullmatch(path.name) for path in self.folder.iterdir())
        return sorted(int(match[1]) for match in found if match is not None)

    def read_record(self) -> KeptRecord:
        """Read the record; raises Damaged."""
        return decode_record(_read(self.record), self._peer, self.run)

    def read_checkpoint(self, index: int) -> Checkpoint:
        """Read a checkpoint; raises Damaged."""
        return decode_checkpoint(_read(self.checkpoint(index)), self._peer, self.run, index)

    def write_record(self, kept: KeptRecord) -> None:
        """Write the record durably; raises OSError."""
        if not self.folder.is_dir():
            self.folder.mkdir()
            sync_folder(self.folder.parent)
        write_durably(self.record, encode_record(kept, self._peer))

    def write_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint durably; raises OSError, and ProgramError where no file can hold the state."""
        write_durably(self.checkpoint(checkpoint.index), encode_checkpoint(checkpoint, self._peer))

    def remove_below(self, index: int) -> None:
        """Remove checkpoints with a lower index."""
        # The folder is listed once: this follows every checkpoint.
        held = self.checkpoints() if self._lowest is None else range(self._lowest, index)
        self._remove(number for number in held if number < index)
        self._lowest = index

    def keep_result(self, record: RunRecord) -> None:
        """Of a run that is over remove all checkpoints but the final one, where there is a result."""
        indexes = self.checkpoints()
        self._remove(indexes if record.state is RunState.TOMB else indexes[:-1])

    def tidy(self) -> None:
        """Remove what a killed process left unfinished, and make the names that are left durable.

        A process may have been killed between a rename and the folder's fsync: then what is read here could still be
        lost with the power, after it was told to others.
        """
        clear_partial(self.folder)
        sync_folder(self.folder)

    def size(self) -> int:
        """Bytes on disk; a serving peer may remove files meanwhile."""
        total = 0
        for path in self.folder.iterdir():
            with suppress(FileNotFoundError):
                total += path.stat().st_size
        return total

    def delete(self) -> None:
        """Remove the run: all of it or, where that is cut off, what the next start removes."""
        going = self.folder.with_name(f".{self.run}{PARTIAL}")
        self.folder.rename(going)
        sync_folder(self.folder.parent)
        shutil.rmtree(going)

    def _remove(self, indexes: Iterable[int]) -> None:
        failed: OSError | None = None
        for index in indexes:
            try:
                self.checkpoint(index).unlink(missing_ok=True)
            except OSError as error:
                failed = failed or error
        if failed is not None:
            raise failed


def run_files(runs: Path, peer: str) -> Iterator[RunFiles]:
    """Every run that has a folder, in the order of ids, which is that of time for ids of ``difpeer run``."""
    if runs.is_dir():
        for path in sorted(runs.iterdir()):
            if path.is_dir() and not path.name.startswith("."):
                yield RunFiles(runs, peer, path.name)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise Damaged("is missing") from None
    except OSError as error:
        raise Damaged(f"cannot be read ({error.strerror})") from error
