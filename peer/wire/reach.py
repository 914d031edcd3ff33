"""Pieces of a connection that is passed through a stream: ``Piece`` of ``proto/difpeer/v1/reach.proto``."""

from google.protobuf.message import DecodeError

from peer.protocol.errors import RemoteProtocolError
from peer.wire.pb import reach_pb2 as pb

__all__ = ["MAX_PIECE_BYTES", "OFFER", "OFFER_PATH", "REACH_SERVICE", "decode_piece", "encode_piece"]

REACH_SERVICE = "difpeer.v1.Reach"
OFFER = "Offer"
OFFER_PATH = f"/{REACH_SERVICE}/{OFFER}"

MAX_PIECE_BYTES = 64 * 1024


def encode_piece(data: bytes) -> bytes:
    """Write 1 to ``MAX_PIECE_BYTES`` bytes of a connection as a message."""
    return pb.Piece(data=data).SerializeToString()


def decode_piece(message: bytes) -> bytes:
    """Read the bytes of a message.

    Raises
    ------
    RemoteProtocolError
        If the sender may not send it.
    """
    try:
        data: bytes = pb.Piece.FromString(message).data
    except DecodeError as error:
        raise RemoteProtocolError("Piece: not a protobuf message") from error
    if not 1 <= len(data) <= MAX_PIECE_BYTES:
        raise RemoteProtocolError(f"Piece.data: found {len(data)} bytes, must be 1 to {MAX_PIECE_BYTES}")
    return data
