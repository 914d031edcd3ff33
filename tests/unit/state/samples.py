"""Checkpoints and records for the tests of the state folder."""

import numpy as np

from peer.config import canonical_spec
from peer.protocol.messages import Reason, TombKind
from peer.protocol.payload import Payload, Tensor, payload_digest
from peer.protocol.records import Checkpoint, EdgeMark, RunRecord, RunState, Sent
from peer.state.recording import KeptRecord
from tests.support.problems import dif_spec

PEER = "p0"
SPEC = canonical_spec(dif_spec(rank=2, iterations=9))
RUN = "20260105-101500-a1b2c3"


def payload(seed: int, dim: int = 30, rank: int = 2) -> Payload:
    values = np.random.default_rng(seed).standard_normal((dim, rank))
    return (Tensor("<f8", values.shape, values.tobytes()),)


def mark(first: int, sent: dict[int, Payload], neighbour_durable: int = 0) -> EdgeMark:
    messages = tuple(
        Sent(first + k, number, "descent", carried, payload_digest(number, "descent", carried))
        for k, (number, carried) in enumerate(sent.items())
    )
    used = tuple((first + k, number, bytes(range(k, k + 16))) for k, number in enumerate(sent))
    return EdgeMark(first + len(sent), first + len(sent), neighbour_durable, messages, used)


def checkpoint(
    index: int = 1, *, run: str = RUN, needs: int | None = None, final: bool = False, dim: int = 30
) -> Checkpoint:
    """After 3 rounds an interval: a broadcast to p1 and p2, the second of them to p1 alone."""
    first = 3 * (index - 1)
    sent = {number: payload(number, dim) for number in range(first, first + 3)}
    some = {number: carried for number, carried in sent.items() if number != first + 1}
    return Checkpoint(
        run,
        index,
        3 * index,
        index if needs is None else needs,
        final,
        {"U": np.random.default_rng(index).standard_normal((1, dim, 2)), "iteration": index, "done": final},
        {"p1": mark(first, sent), "p2": mark(first, some)},
    )


def kept(
    state: RunState = RunState.RUNNING, *, run: str = RUN, reason: Reason | None = None, fact: bytes = b"{}"
) -> KeptRecord:
    table = {} if state is RunState.ACCEPTED else {"p0": fact, "p1": b"\xff\x00", "p2": b""}
    record = RunRecord(run, SPEC, state, fact, table, reason)
    return KeptRecord(record, {"data": "d" * 64, "network": "n" * 64})


def failed(text: str = "p1: ∅") -> Reason:
    return Reason(TombKind.FAILED, "p1", text)
