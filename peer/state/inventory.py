"""What a state folder holds, and taking runs out of it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peer.measure.collect import forget_others
from peer.measure.figures import last_iterations
from peer.measure.journal import journal_files
from peer.program import iteration_of
from peer.protocol.records import Checkpoint, RunState
from peer.registry import spec_head
from peer.state.container import Damaged
from peer.state.durable import clear_partial, disk_errors
from peer.state.folder import LEDGER, PEER_FILE, RUNS, read_peer_file
from peer.state.lock import take_lock
from peer.state.runs import RunFiles, run_files
from topology.errors import InputError, name_hint

__all__ = ["DAMAGED", "Entry", "Inventory", "delete_run", "inventory", "prune_runs"]

DAMAGED = "damaged"
"""State of a run whose record cannot be read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One run in a state folder.

    Attributes
    ----------
    run : str
        Its id.
    state : str
        As ``difpeer status`` says it: the kind of its reason where it has one, else that of
        :class:`peer.protocol.records.RunState`; or `DAMAGED`.
    algorithm : str
        Of its spec; empty where the peer never had one.
    round : int or None
        Of the newest sound checkpoint.
    iteration : int or None
        Of the newest sound checkpoint, where the run goes on from it; else the last one in the ledger.
    bytes : int
        Of its files; rows of the ledger are not among them.
    reason : str
        Why it ended without a result; what is damaged.
    over : bool
        Whether it may be pruned.
    """

    run: str
    state: str
    algorithm: str
    round: int | None
    iteration: int | None
    bytes: int
    reason: str
    over: bool


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a state folder holds.

    Attributes
    ----------
    peer : str
        Whose it is.
    ledger_bytes : int
        Of the ledger's files.
    runs : sequence of Entry
        In the order of ids.
    """

    peer: str
    ledger_bytes: int
    runs: Sequence[Entry]


def inventory(state: Path) -> Inventory:
    """Look at a state folder, also while its peer serves.

    Raises
    ------
    InputError
        If it is none.
    """
    peer = _peer_of(state)
    ledger = state / LEDGER
    # Rows that a serving peer wrote last lie in files beside it.
    files = (ledger, ledger.with_name(f"{LEDGER}-wal"), *journal_files(ledger).values())
    size = sum(map(_size, files))
    iterations = last_iterations(state / LEDGER)
    runs = [_entry(files, iterations.get(files.run)) for files in run_files(state / RUNS, peer)]
    return Inventory(peer, size, runs)


def prune_runs(state: Path, keep: int) -> list[Entry]:
    """Remove runs that are over, all but the ``keep`` newest of them; results go with them.

    Raises
    ------
    InputError
        If the folder is in use.
    """
    with _locked(state):
        found = inventory(state)
        over = [entry for entry in found.runs if entry.over]
        gone = over[: max(len(over) - keep, 0)]
        _remove(state, found, gone)
    return gone


def delete_run(state: Path, run: str) -> Entry:
    """Remove one run, whatever its state.

    Raises
    ------
    InputError
        If there is no such run, or the folder is in use.
    """
    with _locked(state):
        found = inventory(state)
        for entry in found.runs:
            if entry.run == run:
                _remove(state, found, [entry])
                return entry
    known = [entry.run for entry in found.runs]
    raise InputError(f"no run {run!r} here", file=state, field="RUN", mend=name_hint(run, known))


@contextmanager
def _locked(state: Path) -> Iterator[None]:
    _peer_of(state)
    with disk_errors("cannot be written", state):
        lock = take_lock(state, "stop the peer first; its runs can be removed while it does not serve")
    try:
        if (state / RUNS).is_dir():
            with disk_errors("cannot be removed"):
                clear_partial(state / RUNS)
        yield
    finally:
        os.close(lock)


def _remove(state: Path, found: Inventory, entries: Sequence[Entry]) -> None:
    for entry in entries:
        with disk_errors("cannot be removed"):
            RunFiles(state / RUNS, found.peer, entry.run).delete()
    forget_others(state / LEDGER, [entry.run for entry in found.runs if entry not in entries])


def _peer_of(state: Path) -> str:
    if not state.is_dir():
        raise InputError(
            "there is no such folder",
            file=state,
            field="--state",
            mend="give that of `difpeer serve --state`",
        )
    if not (state / PEER_FILE).is_file():
        raise InputError(
            f"is no state folder: it has no {PEER_FILE}",
            file=state,
            field="--state",
            mend="give that of `difpeer serve --state`",
        )
    return read_peer_file(state)[0]


def _entry(files: RunFiles, last: int | None) -> Entry:
    size = files.size()
    try:
        record = files.read_record().record
    except Damaged as damage:
        return Entry(files.run, DAMAGED, "", None, None, size, f"{files.record} {damage}", over=False)
    newest, wrong = _newest(files)
    if record.state in (RunState.DONE, RunState.CLOSED) and not files.checkpoints():
        wrong.append(f"{files.folder}: its result is missing")
    resumed = None if newest is None or not record.live else iteration_of(newest.state)
    reasons = [] if record.reason is None else [f"{record.reason.peer} says: {record.reason.text}"]
    return Entry(
        record.run,
        str(record.state if record.reason is None else record.reason.kind),
        spec_head(record.spec).algorithm,
        None if newest is None else newest.round,
        last if resumed is None else resumed,
        size,
        "; ".join(reasons + wrong),
        over=record.reason is not None or record.state in (RunState.CLOSED, RunState.TOMB),
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # a serving peer may have removed it meanwhile
        return 0


def _newest(files: RunFiles) -> tuple[Checkpoint | None, list[str]]:
    """The newest sound checkpoint, and what is wrong with any: older ones may be needed too."""
    newest: Checkpoint | None = None
    wrong: list[str] = []
    for index in reversed(files.checkpoints()):
        try:
            checkpoint = files.read_checkpoint(index)
            newest = newest or checkpoint
        except Damaged as damage:
            if files.checkpoint(index).exists():  # else a serving peer has removed it meanwhile
                wrong.append(f"{files.checkpoint(index)} {damage}")
    return newest, wrong
