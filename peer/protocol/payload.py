"""What one message carries: arrays as little-endian bytes with their dtype and shape."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Tensor:
    """One array as it travels.

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
    return sum(len(tensor.data) for tensor in payload)


def payload_digest(round_number: int, label: str, payload: Sequence[Tensor]) -> bytes:
    """SHA-256 of a message: of its round, its label and all that it carries, (32,) bytes."""
    digest = hashlib.sha256(f"{round_number}\x00{label}\x00".encode())
    for tensor in payload:
        digest.update(f"{tensor.dtype}\x00{tensor.shape}\x00".encode())
        digest.update(tensor.data)
    return digest.digest()
