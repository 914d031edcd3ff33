"""What the shell knows of a run beside the machine."""

from dataclasses import dataclass
from time import monotonic, monotonic_ns

from peer.measure.recorder import Recorder
from peer.protocol.records import RunRecord
from peer.protocol.rounds import Waiting
from peer.registry import spec_head
from peer.runtime.driver import Driver

__all__ = ["RunNotes"]


@dataclass(slots=True)
class RunNotes:
    """What the shell knows of a run beside the machine.

    Attributes
    ----------
    run : str
        Its id.
    recorder : Recorder
        For the run's rows in the ledger.
    algorithm, iterations : str, int
        Of its spec.
    changed_s : float
        When its state changed, of :func:`time.monotonic`.
    driver : Driver or None
        Of its program, kept for its numbers when it has ended.
    payload_bytes, message_bytes : int
        Sent in values, by earlier processes of this peer too.
    socket_base : int or None
        What the data connections had sent before it.
    """

    run: str
    recorder: Recorder
    algorithm: str
    iterations: int
    changed_s: float
    driver: Driver | None = None
    payload_bytes: int = 0
    message_bytes: int = 0
    socket_base: int | None = None

    @classmethod
    def of(cls, record: RunRecord, recorder: Recorder) -> "RunNotes":
        """Notes of a run that this peer has just heard of."""
        head = spec_head(record.spec)
        return cls(record.run, recorder, head.algorithm, head.iterations, monotonic())

    def add(self, sent: tuple[int, int]) -> None:
        """Payload and message bytes were sent in values by another process of this peer."""
        self.payload_bytes += sent[0]
        self.message_bytes += sent[1]

    def waited_s(self, waiting: Waiting) -> float:
        """Seconds since a wait began.

        For a round that is since its values went out, for the disk since it was given the newest checkpoint, else
        since the state changed.
        """
        if self.driver is None or waiting.kind not in ("round", "disk"):
            return monotonic() - self.changed_s
        since_ns = self.driver.sent_ns if waiting.kind == "round" else self.driver.checkpoint_ns
        return max(0.0, (monotonic_ns() - since_ns) / 1e9)
