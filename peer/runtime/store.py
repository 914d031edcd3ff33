"""Where run records and checkpoints are kept."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from peer.config import RunFailed
from peer.protocol.errors import ProgramError
from peer.protocol.records import Checkpoint, RunRecord, RunState
from peer.runtime.worker import Worker
from peer.state.container import Damaged
from peer.state.folder import StateFolder
from peer.state.recording import KeptRecord
from peer.state.runs import RunFiles

__all__ = ["CHECKPOINTS_THREAD", "FileStore"]

log = logging.getLogger("difpeer")

CHECKPOINTS_THREAD = "checkpoints"

Written = Callable[[ProgramError | RunFailed | None], None]
"""Told in the loop what came of a write: None when it is on disk; ProgramError where no file can hold the program's
state; RunFailed where the peer must not go on."""


class FileStore:
    """Keeps everything in the peer's state folder.

    Checkpoints are written by a thread of their own, one after the other: transactions of the ledger, which wait in
    another one, do not delay them.

    Parameters
    ----------
    folder : StateFolder
        Open.
    records : iterable of RunRecord
        What it holds.
    rests_on : mapping of str to str
        See :class:`peer.state.recording.KeptRecord`.
    """

    def __init__(
        self, folder: StateFolder, records: Iterable[RunRecord], rests_on: Mapping[str, str]
    ) -> None:
        self._folder = folder
        self._records = {record.run: record for record in records}
        self._rests_on = rests_on
        self._loop = asyncio.get_running_loop()
        self._disk = Worker(CHECKPOINTS_THREAD)
        self._files_of: dict[str, RunFiles] = {}

    def persist(self, record: RunRecord) -> None:
        """Make a record durable before returning.

        Raises
        ------
        RunFailed
            If the disk does not.
        """
        files = self._files(record.run)
        try:
            files.write_record(KeptRecord(record, self._rests_on))
        except OSError as error:
            raise self._failure(files, error) from error
        self._records[record.run] = record

    def write(
        self, checkpoint: Checkpoint, keep_from: int, written: Written, *, first: Callable[[], None]
    ) -> None:
        """Write a checkpoint beside the rounds; those of the run with an index below ``keep_from`` go after it.

        ``first`` is done before it, in the same thread: waking another one costs more than a small file.
        """
        files = self._files(checkpoint.run)

        def work() -> ProgramError | RunFailed | None:
            try:
                first()
                files.write_checkpoint(checkpoint)
            except OSError as error:
                return self._failure(files, error)
            except ProgramError as error:
                return error
            except Exception as error:
                # The loop waits for an answer.
                log.exception("an error of this peer in writing a checkpoint")
                return RunFailed(
                    f"{self._folder.peer} stops by an error of its own ({error}); its log has the details"
                )
            _complain(_removed(partial(files.remove_below, keep_from)))
            return None

        self._disk.post(self._loop, work, written)

    def drop(self, run: str) -> None:
        """Remove all checkpoints but the result, behind the writes that are under way."""
        files, record = self._files(run), self._records[run]
        self._disk.post(self._loop, partial(_removed, partial(files.keep_result, record)), _complain)

    def result(self, run: str) -> Checkpoint | None:
        """Read the final checkpoint of a run, where there is one; from any thread.

        Raises
        ------
        RunFailed
            If it is damaged.
        """
        record, files = self._records[run], self._files(run)
        if record.state not in (RunState.DONE, RunState.CLOSED):
            return None
        indexes = files.checkpoints()
        if not indexes:
            return None
        try:
            return files.read_checkpoint(indexes[-1])
        except Damaged as damage:
            raise RunFailed(
                f"the result of run {run} at {self._folder.peer} cannot be read: {files.checkpoint(indexes[-1])} "
                f"{damage}; restore it from a copy, or submit the run anew"
            ) from None

    def close(self, timeout_s: float) -> None:
        """Let the writes under way come to an end, for at most ``timeout_s``."""
        if not self._disk.close(timeout_s):
            log.warning("the disk is slow: a checkpoint is not written to its end")
            self._folder.keep_lock()

    def _files(self, run: str) -> RunFiles:
        files = self._files_of.get(run)
        if files is None:
            files = self._files_of[run] = RunFiles(self._folder.runs, self._folder.peer, run)
        return files

    def _failure(self, files: RunFiles, error: OSError) -> RunFailed:
        return RunFailed(
            f"{self._folder.peer} stops: {files.folder} cannot be written ({error.strerror}), and what is not on disk "
            "may not be told; make room or mend the disk, then start it again: it goes on from what is there"
        )


def _removed(removal: Callable[[], None]) -> str:
    """Remove files; what cannot be removed only takes room."""
    try:
        removal()
    except OSError as error:
        return f"{error.filename}: cannot be removed ({error.strerror}); it is not needed any more"
    return ""


def _complain(problem: str) -> None:
    if problem:
        log.warning("%s", problem)
