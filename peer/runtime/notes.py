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
        Sent in values.
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

    def waited_s(self, waiting: Waiting) -> float:
        """Seconds since a wait began: for a round since its values went out, else since the state changed."""
        if waiting.kind == "round" and self.driver is not None:
            return max(0.0, (monotonic_ns() - self.driver.sent_ns) / 1e9)
        return monotonic() - self.changed_s
