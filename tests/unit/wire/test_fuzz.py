"""Whatever arrives: a message within its bounds, or RemoteProtocolError, and nothing else."""

from hypothesis import given, settings
from hypothesis import strategies as st

from peer.protocol.errors import RemoteProtocolError
from peer.protocol.messages import Message
from peer.wire.control import METHODS, decode, encode
from peer.wire.envelope import decode_message, encode_message
from peer.wire.pb import peer_pb2 as pb
from tests.unit.wire.strategies import CONTROL, messages

edits = st.lists(
    st.tuples(st.sampled_from(["flip", "insert", "delete", "repeat"]), st.integers(0), st.integers(0, 255)),
    min_size=1,
    max_size=4,
)


def mutated(data, changes):
    """The bytes with some of them changed, added, removed or doubled."""
    data = bytearray(data)
    for how, where, byte in changes:
        at = where % (len(data) + 1)
        if how == "flip" and at < len(data):
            data[at] ^= byte
        elif how == "insert":
            data.insert(at, byte)
        elif how == "delete":
            del data[at : at + 1 + byte % 8]
        elif how == "repeat":
            data[at:at] = data[at : at + 1 + byte % 32]
    return bytes(data)


def decode_or_refuse(data):
    """Decode; what comes out is within its bounds, so it can be sent on and means the same."""
    try:
        message = decode_message(data)
    except RemoteProtocolError:
        return
    assert isinstance(message, Message)
    assert decode_message(encode_message(message)) == message


@given(st.binary(max_size=300))
def test_random_bytes(data):
    decode_or_refuse(data)


@settings(max_examples=400)
@given(messages, edits)
def test_mutated_messages(message, changes):
    decode_or_refuse(mutated(encode_message(message), changes))


@given(messages, st.integers(0))
def test_truncated_messages(message, where):
    encoded = encode_message(message)
    decode_or_refuse(encoded[: where % len(encoded)])


@given(messages, messages)
def test_two_messages_in_one_envelope(first, second):
    """Protobuf merges them, or takes the last; either way one message within its bounds, or none."""
    decode_or_refuse(encode_message(first) + encode_message(second))


@given(
    st.dictionaries(
        st.sampled_from([field.number for field in pb.Envelope.DESCRIPTOR.fields]), st.binary(max_size=60)
    )
)
def test_random_bytes_within_the_kinds_of_messages(parts):
    """Random bytes seldom reach the fields of a message; here they are one level in."""
    decode_or_refuse(b"".join(bytes([number << 3 | 2, len(part)]) + part for number, part in parts.items()))


@settings(max_examples=400)
@given(st.data())
def test_control_messages(data):
    kind = data.draw(st.sampled_from([kind for method in METHODS for kind in (method.request, method.reply)]))
    encoded = encode(data.draw(CONTROL[kind]))
    try:
        message = decode(kind, mutated(encoded, data.draw(edits)))
    except RemoteProtocolError:
        return
    assert isinstance(message, kind)
    assert repr(decode(kind, encode(message))) == repr(message)
