"""Protocol messages as bytes and back: one ``Envelope`` of ``proto/difpeer/v1/peer.proto`` each."""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError

from peer.protocol.errors import LocalProtocolError, RemoteProtocolError
from peer.protocol.messages import (
    PROTOCOL_VERSION,
    Attach,
    Closed,
    Confirm,
    Done,
    Durable,
    Fact,
    Goodbye,
    Hello,
    Message,
    Offer,
    OldIncarnation,
    Tomb,
    Value,
)
from peer.wire.bloat import refuse_bloat
from peer.wire.bounds import (
    OutOfBounds,
    check_config_digest,
    check_count,
    check_digest,
    check_fact,
    check_operator,
    check_peer,
    check_run,
    check_signature,
    check_software,
    check_spec,
    refuse,
)
from peer.wire.layout import REASON, Layout, Nested, Plain, Text
from peer.wire.pb import peer_pb2 as pb
from peer.wire.values import read_value, write_value

__all__ = ["EXCHANGE_SERVICE", "STREAM", "STREAM_PATH", "MessageEncoder", "decode_message", "encode_message"]

EXCHANGE_SERVICE = "difpeer.v1.Exchange"
STREAM = "Stream"
STREAM_PATH = f"/{EXCHANGE_SERVICE}/{STREAM}"


def _check_version(where: str, version: int) -> None:
    if version != PROTOCOL_VERSION:
        refuse(where, str(version), f"{PROTOCOL_VERSION}; install the same difpeer version at both peers")


_COUNT = Plain(check_count)
_RUN = Plain(check_run)
_PEER = Plain(check_peer)
_DIGEST = Plain(check_digest)
_CONFIG_DIGEST = Plain(check_config_digest)
_LAYOUTS: dict[str, Layout[Any]] = {
    "hello": Layout(
        Hello,
        version=Plain(_check_version),
        name=_PEER,
        incarnation=_COUNT,
        attempt=_COUNT,
        software=Plain(check_software),
    ),
    "old_incarnation": Layout(OldIncarnation, seen=_COUNT),
    "goodbye": Layout(Goodbye, reason=Text()),
    "offer": Layout(
        Offer,
        run=_RUN,
        spec=Plain(check_spec),
        operator=Plain(check_operator),
        signature=Plain(check_signature),
    ),
    "fact": Layout(Fact, run=_RUN, peer=_PEER, fact=Plain(check_fact)),
    "tomb": Layout(Tomb, run=_RUN, reason=Nested(REASON)),
    "done": Layout(Done, run=_RUN, peer=_PEER),
    "closed": Layout(Closed, run=_RUN),
    "attach": Layout(Attach, run=_RUN, config_digest=_CONFIG_DIGEST, wanted=_COUNT, durable=_COUNT),
    "durable": Layout(Durable, run=_RUN, durable=_COUNT),
    "confirm": Layout(Confirm, run=_RUN, seq=_COUNT, round=_COUNT, digest=_DIGEST, durable=_COUNT),
}

_READERS: dict[str, Callable[[Any], Message]] = {name: layout.read for name, layout in _LAYOUTS.items()}
_WRITERS: dict[type[Message], tuple[str, Callable[[Any, Any], None]]] = {
    Value: ("value", write_value),
    **{layout.kind: (name, layout.write) for name, layout in _LAYOUTS.items()},
}


def encode_message(message: Message) -> bytes:
    """Turn a protocol message into the bytes of one envelope; their number is its ``message_bytes``.

    Equal messages give equal bytes. Texts for people (``Goodbye.reason``, ``Reason.text``) are cut to 4096 bytes;
    everything else is sent as it is or refused.

    Raises
    ------
    LocalProtocolError
        If a field is out of its bounds: the receiver would refuse it. The text names the field.
    """
    try:
        return _fill(message).SerializeToString()
    except (ValueError, TypeError) as error:
        raise _local_error(message, error) from error


def decode_message(data: bytes) -> Message:
    """Turn the bytes of one envelope into a protocol message, every field checked.

    What only a run can tell (known run, next sequence number, expected shape, finite entries) is left to the
    machine and the program.

    Raises
    ------
    RemoteProtocolError
        For any bytes that are not one message within its bounds. The text names the field and what was found.
    """
    try:
        refuse_bloat(data)
        envelope = pb.Envelope.FromString(data)
        kind = envelope.WhichOneof("message")
        if kind == "value":
            return read_value(envelope.value)
        if kind is None:
            refuse(
                "Envelope", f"no known message in {len(data)} bytes", "one message of this protocol version"
            )
        return _READERS[kind](getattr(envelope, kind))
    except DecodeError as error:
        raise RemoteProtocolError(f"Envelope: {len(data)} bytes that are not protobuf ({error})") from error
    except OutOfBounds as error:
        raise RemoteProtocolError(str(error)) from error


class MessageEncoder:
    """Encode like :func:`encode_message`; a value for several neighbours, one object, is encoded once."""

    def __init__(self) -> None:
        self._last: Value | None = None
        self._data = b""

    def encode(self, message: Message) -> bytes:
        """Turn a protocol message into the bytes of one envelope.

        Raises
        ------
        LocalProtocolError
            As :func:`encode_message`.
        """
        if type(message) is not Value:
            return encode_message(message)
        if message is not self._last:
            self._data = encode_message(message)
            self._last = message
        return self._data


def _fill(message: Message) -> pb.Envelope:
    kind, write = _WRITERS[type(message)]
    envelope = pb.Envelope()
    inner = getattr(envelope, kind)
    # Messages without any field set to other than its default are there, too.
    inner.SetInParent()
    write(inner, message)
    return envelope


def _local_error(message: Message, error: Exception) -> LocalProtocolError:
    return LocalProtocolError(f"cannot send {type(message).__name__}: {error}")
