"""What the shell writes down of a peer: rows of the ledger, counters, and notes for status and watchers."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import monotonic_ns

from peer.measure.figures import sent_before
from peer.measure.interfaces import interface_samples
from peer.measure.ledger import Ledger
from peer.measure.recorder import Direction, Recorder
from peer.measure.sockets import UNKNOWN, SocketSample, available, missing_fields, opened
from peer.protocol.facts import PeerFact, profiles_differ
from peer.protocol.messages import Confirm, Message, Value
from peer.protocol.payload import payload_bytes
from peer.protocol.records import RunRecord
from peer.runtime.accounts import Accounts
from peer.runtime.counters import SocketCounters
from peer.runtime.notes import RunNotes
from peer.runtime.status import over
from peer.runtime.stream import Stream
from peer.runtime.worker import Worker
from topology.errors import InputError

__all__ = ["Books"]

log = logging.getLogger("difpeer")

FLUSH_ROWS = 500
"""Rows worth a transaction, which costs as much as some 50 of them."""

MOST_ROWS = 2_000
"""Rows that may wait in memory at a checkpoint: how many come in a second depends on how fast the rounds are."""


class Books:
    """The ledger of one peer and what is counted beside it; nothing here waits.

    Parameters
    ----------
    peer : str
        Its name.
    incarnation : int
        Of this process.
    ledger : Ledger
        Open for writing.
    disk : Worker
        Where rows are written.

    Attributes
    ----------
    accounts : Accounts
        Of requests that are not data.
    """

    def __init__(self, peer: str, incarnation: int, ledger: Ledger, disk: Worker) -> None:
        self.notes: dict[str, RunNotes] = {}
        self.current: RunNotes | None = None
        self.accounts = Accounts()
        self._peer = peer
        self._incarnation = incarnation
        self._ledger = ledger
        self._disk = disk
        self._loop = asyncio.get_running_loop()
        self._no_run = ledger.recorder(peer, "", incarnation)
        self._counters = SocketCounters()

    def where(self) -> tuple[str, int | None]:
        """The run that is on and its round, for log lines; from any thread."""
        current = self.current
        if current is None or current.driver is None:
            return "", None
        return current.run, current.driver.round

    def of(self, record: RunRecord) -> RunNotes:
        """Notes of a run, made when it is heard of."""
        notes = self.notes.get(record.run)
        if notes is None:
            recorder = self._ledger.recorder(self._peer, record.run, self._incarnation)
            notes = self.notes[record.run] = RunNotes.of(record, recorder)
            if not over(record):
                self._account_rows(notes)
        return notes

    def recall(self, record: RunRecord) -> None:
        """Take notes of a run that this process finds begun: what was sent in it before is in the ledger."""
        notes = self.of(record)
        if record.live:
            self._disk.post(
                self._loop, partial(_sent_before, self._ledger.path, record.run, self._incarnation), notes.add
            )

    # Messages

    def sent(self, stream: Stream, message: Message, size: int, resent: bool = False) -> None:
        """Count a message handed to its stream."""
        at_ns = monotonic_ns()
        neighbour = stream.neighbour
        if neighbour is None:
            return  # an answer to a stranger
        if type(message) is not Value:
            self._other("sent", neighbour, message, size, at_ns, resent)
            return
        notes = self.notes[message.run]
        payload = payload_bytes(message.payload)
        notes.payload_bytes += payload
        notes.message_bytes += size
        driver = notes.driver
        if driver is not None and driver.round == message.round and not resent:
            driver.sent_ns = at_ns
        notes.recorder.message(
            "sent",
            neighbour,
            payload,
            size,
            at_ns,
            round_number=message.round,
            seq=message.seq,
            resent=resent,
        )

    def received(self, stream: Stream, message: Message, size: int, at_ns: int) -> None:
        """Count a message that arrived, before the machine has it."""
        neighbour = stream.neighbour
        if neighbour is None:
            return
        if type(message) is not Value:
            self._other("received", neighbour, message, size, at_ns)
            return
        notes = self.notes.get(message.run)
        if notes is None:
            return
        if notes.driver is not None:
            notes.driver.arrived(neighbour, message.round, at_ns)
        payload = payload_bytes(message.payload)
        notes.recorder.message(
            "received", neighbour, payload, size, at_ns, round_number=message.round, seq=message.seq
        )

    def _other(
        self,
        direction: Direction,
        neighbour: str,
        message: Message,
        size: int,
        at_ns: int,
        resent: bool = False,
    ) -> None:
        notes = self.notes.get(getattr(message, "run", ""))
        recorder = self._no_run if notes is None else notes.recorder
        if isinstance(message, Confirm):
            recorder.message(
                direction,
                neighbour,
                0,
                size,
                at_ns,
                kind="confirm",
                round_number=message.round,
                seq=message.seq,
                resent=resent,
            )
        else:
            recorder.message(direction, neighbour, 0, size, at_ns, kind="control", resent=resent)

    # Connections

    def opened(self, stream: Stream) -> None:
        """Both sides have said Hello: count from the connection's first byte."""
        self._counters.watch(stream)
        assert stream.neighbour is not None
        if available():
            recorder, number = self._now()
            recorder.socket(stream.neighbour, stream.number, number, monotonic_ns(), opened())

    def closed(self, stream: Stream) -> None:
        """The stream has ended: its last counters."""
        sample = self._counters.close(stream)
        if stream.neighbour is not None and available():
            recorder, number = self._now()
            recorder.socket(stream.neighbour, stream.number, number, monotonic_ns(), sample or UNKNOWN)

    def run_starts(self, streams: Iterable[Stream], notes: RunNotes) -> None:
        """A run starts, and is the one that is on: its bytes are counted from here.

        Of a connection whose socket has not been found yet the counters are those at its opening; what it carried
        since then is little: Hellos and the run's own offer and facts.
        """
        self.current = notes
        notes.socket_base = self.socket_bytes()
        for stream in streams:
            self._socket_row(
                stream, notes, None, self._counters.sample(stream) or self._counters.last(stream)
            )
        self._interface_rows(notes, None)
        if missing_fields():
            self.event("unmeasured", f"this system does not count {', '.join(missing_fields())}", notes)

    def sample(self, streams: Iterable[Stream], notes: RunNotes, number: int | None) -> None:
        """Read the counters of all data connections, at a moment between two agreements."""
        for stream in streams:
            self._socket_row(stream, notes, number, self._counters.sample(stream))

    def run_ends(self, streams: Iterable[Stream], notes: RunNotes, number: int | None) -> None:
        """A run is over: a connection that was never told from another leaves a row without counters."""
        for stream in streams:
            self._socket_row(stream, notes, number, self._counters.sample(stream) or UNKNOWN)
        self._interface_rows(notes, number)
        self._account_rows(notes)

    def _socket_row(
        self, stream: Stream, notes: RunNotes, number: int | None, sample: SocketSample | None
    ) -> None:
        if sample is not None and stream.neighbour is not None and available():
            notes.recorder.socket(stream.neighbour, stream.number, number, monotonic_ns(), sample)

    def _interface_rows(self, notes: RunNotes, number: int | None) -> None:
        at_ns = monotonic_ns()
        for name, sample in interface_samples().items():
            notes.recorder.interface(name, number, at_ns, sample)

    def _account_rows(self, notes: RunNotes) -> None:
        at_ns = monotonic_ns()
        for account, total in self.accounts:
            notes.recorder.account(account, at_ns, total.calls, total.bytes_sent, total.bytes_received)

    def socket_bytes(self) -> int | None:
        """What TCP has sent on data connections since the start; None where the system cannot tell."""
        return self._counters.sent_bytes()

    # Events, and the file

    def event(self, kind: str, text: str, notes: RunNotes | None = None) -> None:
        """Add a row about something that happened."""
        recorder = self._now()[0] if notes is None else notes.recorder
        recorder.event(monotonic_ns(), datetime.now(UTC), kind, text)

    def profiles(self, table: Mapping[str, PeerFact], notes: RunNotes) -> None:
        """Say which peers' results may have other last bits."""
        for profile, names in profiles_differ(table).items():
            text = f"{', '.join(names)}: {profile}; the last bits of results may differ between profiles"
            log.warning("%s", text)
            self.event("profiles-differ", text, notes)

    def note(self) -> Callable[[], None]:
        """Take the rows since the last note, for the thread that writes a checkpoint.

        Returns
        -------
        callable
            Puts them on disk; to be called before the checkpoint is durable: its rounds are not done again, and their
            rows should not be lost with both ends of an edge.
        """
        noted, ledger = self._ledger.note(), self._ledger

        def append() -> None:
            try:
                ledger.append(noted)
            except Exception as error:
                # They are in memory still; a disk that is full stops the peer by its checkpoint.
                rows = sum(map(len, noted))
                _complain(
                    f"a kill would lose {rows} rows of the ledger: {error}; check the disk of {ledger.path}"
                )

        return append

    def flush(self, at_least: int = 1) -> None:
        """Write the rows so far in the disk's thread, where there are as many."""
        if self._ledger.pending < at_least:
            return
        batch = self._ledger.take()
        ledger = self._ledger

        def write() -> str:
            try:
                ledger.write(batch)
            except Exception as error:
                return f"the ledger lost {len(batch)} rows: {error}; check the disk of {ledger.path}"
            return ""

        self._disk.post(self._loop, write, _complain)

    def _now(self) -> tuple[Recorder, int | None]:
        """The recorder of the run that is on, and its last round that is over."""
        current = self.current
        if current is None:
            return self._no_run, None
        if current.driver is None or current.driver.round == 0:
            return current.recorder, None
        return current.recorder, current.driver.round - 1


def _sent_before(path: Path, run: str, incarnation: int) -> tuple[int, int]:
    try:
        return sent_before(path, run, incarnation)
    except InputError as error:
        log.warning("what was sent in run %s before this start is not counted: %s", run, error)
        return 0, 0


def _complain(problem: str) -> None:
    # A run goes on without its ledger: it measures, nothing is computed from it.
    if problem:
        log.error("%s", problem)
