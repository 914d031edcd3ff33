"""What one message carries: arrays as little-endian bytes with their dtype and shape."""

from collections.abc import Sequence
from dataclasses import dataclass

import xxhash

DIGEST_BYTES = 16


# What is made for every message is not frozen: a frozen object takes four times as long to make.


@dataclass(slots=True)
class Tensor:
    """One array as it travels; never changed once made.

    Attributes
    ----------
    dtype : str
        numpy's dtype string, little-endian (``"<f8"``, ``"<f4"``, ``"|u1"``).
    shape : tuple of int
        Without the axis of the peers.
    data : bytes
        C order.
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes


Payload = tuple[Tensor, ...]

EMPTY: Payload = ()
"""An active edge that carries nothing in this direction: it is the back-pressure of the other one."""


def payload_bytes(payload: Payload) -> int:
    """Bytes of the value as the codec encoded it, without any framing."""
    if len(payload) == 1:
        return len(payload[0].data)
    return sum(len(tensor.data) for tensor in payload)


def payload_digest(round_number: int, label: str, payload: Sequence[Tensor]) -> bytes:
    """XXH3-128 of a message: of its round, its label and all that it carries, (16,) bytes.

    It shows whether a message made again has the same bits. A faster hash than a cryptographic one is enough for
    that, and it is computed for every message.
    """
    digest = xxhash.xxh3_128(f"{round_number}\x00{label}\x00".encode())
    for tensor in payload:
        digest.update(f"{tensor.dtype}\x00{tensor.shape}\x00".encode())
        digest.update(tensor.data)
    return digest.digest()
