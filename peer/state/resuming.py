"""What a peer finds in its state folder when it starts: runs to go on with, or a reason not to start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from peer.protocol.records import Checkpoint, RunRecord, RunState, loadable
from peer.state.container import Damaged
from peer.state.durable import clear_partial, disk_errors
from peer.state.folder import StateFolder
from peer.state.runs import RunFiles, run_files
from topology.errors import InputError

__all__ = ["HeldRun", "delete_mend", "read_runs"]


@dataclass(frozen=True, slots=True)
class HeldRun:
    """A run in the state folder.

    Attributes
    ----------
    record : RunRecord
        Its record.
    rests_on : dict of str to str
        See :class:`peer.state.recording.KeptRecord`.
    file : Path
        Of the record.
    checkpoints : sequence of Checkpoint
        What a restart loads; see :func:`peer.protocol.records.loadable`.
    passed_over : sequence of str
        Checkpoints that cannot be used, each with what is wrong.
    """

    record: RunRecord
    rests_on: Mapping[str, str]
    file: Path
    checkpoints: Sequence[Checkpoint] = ()
    passed_over: Sequence[str] = ()


def read_runs(folder: StateFolder) -> list[HeldRun]:
    """Read all runs of a folder, and tidy it up.

    Returns
    -------
    list of HeldRun
        In the order of their ids.

    Raises
    ------
    InputError
        If going on without a damaged file would be a silent fresh start, or the folder cannot be written.
    """
    held = []
    with disk_errors("cannot be read or tidied up"):
        clear_partial(folder.runs)
        for files in run_files(folder.runs, folder.peer):
            files.tidy()
            if any(files.folder.iterdir()):
                held.append(_read_run(files, folder.path))
            else:
                files.folder.rmdir()  # the process was killed before the run had a record
    return held


def delete_mend(run: str, state: Path) -> str:
    """The last mend where a run cannot go on from what is there."""
    return f"`difpeer runs delete {run} --state {state}` (if it is on, its neighbours then end it by name)"


def _read_run(files: RunFiles, state: Path) -> HeldRun:
    try:
        kept = files.read_record()
    except Damaged as damage:
        raise _refusal(files, files.record, str(damage), state) from None
    record = kept.record
    if record.state not in (RunState.RUNNING, RunState.DONE) or record.reason is not None:
        if not record.live:
            files.keep_result(record)  # the process may have been killed before it did
        return HeldRun(record, kept.rests_on, files.record)
    sound, wrong = _read_checkpoints(files)
    chain = loadable(sound)
    if record.state is RunState.RUNNING and not chain and (sound or wrong):
        what = f"no checkpoint of the running run {files.run} can be loaded" + (
            ": the sound ones rest on others" if sound else ""
        )
        raise _not_loadable(files, sound, wrong, what, state)
    if record.state is RunState.DONE and not any(c.final for c in chain) and any(c.final for c in sound):
        what = f"the result of run {files.run} is there, but not all that its neighbours may still ask for"
        raise _not_loadable(files, sound, wrong, what, state)
    passed_over = [f"{files.checkpoint(index)} {what}" for index, what in wrong.items()]
    return HeldRun(record, kept.rests_on, files.record, chain, passed_over)


def _read_checkpoints(files: RunFiles) -> tuple[list[Checkpoint], dict[int, str]]:
    sound: list[Checkpoint] = []
    wrong: dict[int, str] = {}
    for index in files.checkpoints():
        try:
            sound.append(files.read_checkpoint(index))
        except Damaged as damage:
            wrong[index] = str(damage)
    return sound, wrong


def _not_loadable(
    files: RunFiles, sound: Sequence[Checkpoint], wrong: Mapping[int, str], what: str, state: Path
) -> InputError:
    if wrong:
        index = max(wrong)
        problem = wrong[index]
    else:
        index = max(checkpoint.index for checkpoint in sound)
        problem = "needs an older checkpoint, which is missing"
    return _refusal(files, files.checkpoint(index), f"{problem}; {what}", state)


def _refusal(files: RunFiles, file: Path, problem: str, state: Path) -> InputError:
    mend = f"restore the newest copy of the state folder, or {delete_mend(files.run, state)}"
    return InputError(problem, file=file, mend=mend)
