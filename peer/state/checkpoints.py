"""A checkpoint as bytes and back."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from peer.protocol.payload import Payload, Tensor
from peer.protocol.records import Checkpoint, EdgeMark, Sent
from peer.state.container import Label, Part, pack, unpack
from peer.state.sense import count, digest, flag, making_sense, mapping, sequence, text
from peer.state.values import decode_state, encode_state

__all__ = ["checkpoint_label", "decode_checkpoint", "encode_checkpoint"]


def checkpoint_label(peer: str, run: str, index: int) -> Label:
    """What the file of a checkpoint says it is."""
    return Label("checkpoint", peer, run, index)


def encode_checkpoint(checkpoint: Checkpoint, peer: str) -> list[Part]:
    """Make the file of a checkpoint.

    What a broadcast sent is one object on all edges, and is in the file once.

    Raises
    ------
    ProgramError
        If the program's state holds what no file can.
    """
    buffers: list[Part] = []
    messages = _Messages(buffers)
    state = checkpoint.state
    if checkpoint.final:
        # Nothing is computed from a result: how its arrays lie in memory is no part of it.
        state = {k: np.array(v, order="C") if isinstance(v, np.ndarray) else v for k, v in state.items()}
    content = {
        "round": checkpoint.round,
        "needs": checkpoint.needs,
        "final": checkpoint.final,
        "state": encode_state(state, buffers),
        "edges": {name: _encode_mark(mark, messages) for name, mark in checkpoint.edges.items()},
        "messages": messages.described,
    }
    return pack(checkpoint_label(peer, checkpoint.run, checkpoint.index), content, buffers)


def decode_checkpoint(data: bytes, peer: str, run: str, index: int) -> Checkpoint:
    """Read the file of a checkpoint.

    Raises
    ------
    Damaged
        If it is not what this peer wrote as this checkpoint.
    """
    content, buffers = unpack(data, checkpoint_label(peer, run, index))
    with making_sense():
        messages = [
            (count(number), text(label), _payload(tensors, buffers), digest(digits))
            for number, label, tensors, digits in sequence(content["messages"])
        ]
        return Checkpoint(
            run,
            index,
            count(content["round"]),
            count(content["needs"]),
            flag(content["final"]),
            decode_state(sequence(content["state"]), buffers),
            {name: _decode_mark(mapping(mark), messages) for name, mark in mapping(content["edges"]).items()},
        )


class _Messages:
    """What was sent, each message once, however many edges carried it."""

    def __init__(self, buffers: list[Part]) -> None:
        self.described: list[list[Any]] = []
        self._buffers = buffers
        self._known: dict[tuple[int, int, str], int] = {}

    def add(self, sent: Sent) -> int:
        """The number of a message in the file."""
        key = (id(sent.payload), sent.round, sent.label)
        number = self._known.get(key)
        if number is None:
            number = self._known[key] = len(self.described)
            tensors = [self._tensor(tensor) for tensor in sent.payload]
            self.described.append([sent.round, sent.label, tensors, sent.digest.hex()])
        return number

    def _tensor(self, tensor: Tensor) -> list[Any]:
        self._buffers.append(tensor.data)
        return [tensor.dtype, tensor.shape, len(self._buffers) - 1]


def _encode_mark(mark: EdgeMark, messages: _Messages) -> dict[str, Any]:
    return {
        "sent_seq": mark.sent_seq,
        "used_seq": mark.used_seq,
        "neighbour_durable": mark.neighbour_durable,
        "sent": [[sent.seq, messages.add(sent)] for sent in mark.sent],
        "used": [[seq, number, digest.hex()] for seq, number, digest in mark.used],
    }


def _decode_mark(mark: Mapping[str, Any], messages: Sequence[tuple[int, str, Payload, bytes]]) -> EdgeMark:
    return EdgeMark(
        count(mark["sent_seq"]),
        count(mark["used_seq"]),
        count(mark["neighbour_durable"]),
        tuple(Sent(count(seq), *messages[count(number)]) for seq, number in sequence(mark["sent"])),
        tuple((count(seq), count(number), digest(digits)) for seq, number, digits in sequence(mark["used"])),
    )


def _payload(tensors: object, buffers: Sequence[memoryview]) -> Payload:
    return tuple(
        Tensor(text(dtype), tuple(map(count, sequence(shape))), bytes(buffers[count(number)]))
        for dtype, shape, number in sequence(tensors)
    )
