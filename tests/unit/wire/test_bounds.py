"""What the decoder refuses, by field and with what was found; the encoder refuses the same as our own fault."""

from dataclasses import replace

import numpy as np
import pytest

from peer.protocol.errors import LocalProtocolError, RemoteProtocolError
from peer.protocol.messages import (
    Attach,
    Closed,
    Confirm,
    Done,
    Durable,
    Fact,
    Goodbye,
    Hello,
    Offer,
    OldIncarnation,
    Reason,
    Tomb,
    TombKind,
    Value,
)
from peer.protocol.payload import Tensor
from peer.wire.bounds import cut_text
from peer.wire.envelope import MessageEncoder, decode_message, encode_message
from peer.wire.pb import peer_pb2 as pb

DIGEST = bytes(16)
BIG = 2**63
VALID = {
    "hello": Hello(1, "p0", 1, 1, "difpeer 0.1"),
    "old_incarnation": OldIncarnation(7),
    "offer": Offer("r1", b"{}"),
    "fact": Fact("r1", "p0", b"{}"),
    "tomb": Tomb("r1", Reason(TombKind.FAILED, "p0", "no")),
    "done": Done("r1", "p0"),
    "closed": Closed("r1"),
    "attach": Attach("r1", bytes(32), 1, 1),
    "durable": Durable("r1", 1),
    "value": Value("r1", 1, 1, "x", (Tensor("<f8", (2,), bytes(16)),), DIGEST, 1),
    "confirm": Confirm("r1", 1, 1, DIGEST, 1),
    "goodbye": Goodbye("bye"),
}
NOT_A_RUN = ["", "a" * 65, "a/b", "..", ".hidden", "-x", "_x", "r 1", "r1\n", "é"]
NOT_A_PEER = ["", "a" * 33, "P0", "p_0", "../p", "p0\n", "é"]
NOT_A_LABEL = ["a" * 65, "a\nb", "\x00", "\x1b[31m", "\u2028", "\u202e"]

BREACHES = [
    *[(kind, "run", bad) for kind in VALID if hasattr(VALID[kind], "run") for bad in NOT_A_RUN],
    *[(kind, "peer", bad) for kind in ("fact", "done") for bad in NOT_A_PEER],
    *[("hello", "name", bad) for bad in NOT_A_PEER],
    *[("value", "label", bad) for bad in NOT_A_LABEL],
    *[("hello", "software", bad) for bad in ("a" * 129, "a\nb")],
    *[("hello", "version", bad) for bad in (0, 2, BIG)],
    *[(kind, "digest", bytes(size)) for kind in ("value", "confirm") for size in (0, 15, 17)],
    *[("attach", "config_digest", bytes(size)) for size in (0, 31, 33)],
    ("offer", "spec", bytes(65_537)),
    *[("offer", "operator", bad) for bad in NOT_A_PEER[1:]],
    ("offer", "signature", bytes(129)),
    ("fact", "fact", bytes(65_537)),
    ("hello", "incarnation", BIG),
    ("hello", "attempt", BIG),
    ("old_incarnation", "seen", BIG),
    ("attach", "wanted", 2**64 - 1),
    *[(kind, "durable", BIG) for kind in ("attach", "durable", "value", "confirm")],
    *[(kind, field, BIG) for kind in ("value", "confirm") for field in ("seq", "round")],
]


def envelope(kind):
    """A valid protobuf message of this kind, to be spoiled."""
    return pb.Envelope.FromString(encode_message(VALID[kind]))


def refusal(message):
    """What the decoder says to a protobuf message."""
    with pytest.raises(RemoteProtocolError) as caught:
        decode_message(message.SerializeToString())
    return str(caught.value)


def found(value):
    """How an error shows what it found."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, str):
        return ascii(value[:80])
    return str(value)


@pytest.mark.parametrize(("kind", "field", "bad"), BREACHES)
def test_a_breach_is_refused_by_field_and_value(kind, field, bad):
    spoiled = envelope(kind)
    setattr(getattr(spoiled, kind), field, bad)
    text = refusal(spoiled)
    assert text.startswith(f"{type(VALID[kind]).__name__}.{field}: found {found(bad)}")
    assert "must be" in text


@pytest.mark.parametrize(("kind", "field", "bad"), BREACHES)
@pytest.mark.parametrize("encode", [encode_message, MessageEncoder().encode])
def test_we_do_not_send_what_others_refuse(encode, kind, field, bad):
    with pytest.raises(LocalProtocolError, match=rf"{type(VALID[kind]).__name__}\.{field}: found "):
        encode(replace(VALID[kind], **{field: bad}))


@pytest.mark.parametrize(
    ("kind", "field", "good"),
    [
        ("value", "run", "a" * 64),
        ("value", "run", "0..-_Z"),
        ("value", "label", "é" * 64),
        ("value", "label", ""),
        ("value", "durable", 2**63 - 1),
        ("done", "peer", "-" * 32),
        ("hello", "software", "a" * 128),
        ("offer", "spec", bytes(65_536)),
        ("fact", "fact", bytes(65_536)),
        ("goodbye", "reason", "é" * 2048),
    ],
)
def test_the_bounds_themselves_may_be_reached(kind, field, good):
    message = replace(VALID[kind], **{field: good})
    assert decode_message(encode_message(message)) == message


@pytest.mark.parametrize("field", ["seq", "round", "durable"])
def test_negative_numbers_are_not_sent(field):
    with pytest.raises(LocalProtocolError, match=f"Value.{field}: found -1"):
        encode_message(replace(VALID["value"], **{field: -1}))


def test_encoder_checks_the_sequence_number_of_a_repeated_value():
    encoder = MessageEncoder()
    encoder.encode(VALID["value"])
    for seq in (-1, BIG):
        with pytest.raises(LocalProtocolError, match=f"Value.seq: found {seq}"):
            encoder.encode(replace(VALID["value"], seq=seq))
    assert encoder.encode(VALID["value"]) == encode_message(VALID["value"])


def test_a_hello_of_another_version_is_refused_for_its_version():
    spoiled = pb.Envelope(hello=pb.Hello(version=2, name="A name that version 2 may allow"))
    assert (
        refusal(spoiled)
        == "Hello.version: found 2, must be 1; install the same difpeer version at both peers"
    )


def test_long_foreign_text_is_shown_cut_and_escaped():
    text = refusal(pb.Envelope(closed=pb.Closed(run="\x1b[31m" + "a" * 100_000)))
    assert text.startswith("Closed.run: found '\\x1b[31maaa")
    assert len(text) < 300


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "Envelope: found no known message in 0 bytes"),
        (b"\xfa\x01\x00", "Envelope: found no known message in 3 bytes"),
        (b"\x08", "Envelope: 1 bytes that are not protobuf"),
        (b"\x5a\x0f", "Envelope: 2 bytes that are not protobuf"),
        (b"\x42\x03\x0a\x01\xff", "Envelope: 5 bytes that are not protobuf"),
    ],
    ids=["empty", "later kind", "truncated tag", "truncated value", "not UTF-8"],
)
def test_bytes_without_a_message_are_refused(data, text):
    with pytest.raises(RemoteProtocolError, match=text):
        decode_message(data)


def test_unknown_fields_are_kept_out():
    known = encode_message(VALID["closed"])
    with_unknown = bytes([known[0], known[1] + 3]) + known[2:] + b"\xf8\x07\x01" + b"\xf8\x07\x02"
    assert decode_message(with_unknown) == VALID["closed"]


@pytest.mark.parametrize(("kind", "field"), [("offer", "spec"), ("fact", "fact")])
def test_documents_are_utf_8(kind, field):
    spoiled = envelope(kind)
    setattr(getattr(spoiled, kind), field, b"{}\xff")
    assert refusal(spoiled).startswith(
        f"{type(VALID[kind]).__name__}.{field}: found byte 0xff at 2, must be UTF-8"
    )


# Tombstones


@pytest.mark.parametrize("number", [0, 5, -1])
def test_a_tombstone_of_an_unknown_kind_is_refused(number):
    spoiled = envelope("tomb")
    spoiled.tomb.reason.kind = number
    assert refusal(spoiled).startswith(f"Reason.kind: found number {number}, must be one of")


def test_a_tombstone_needs_a_reason():
    spoiled = envelope("tomb")
    spoiled.tomb.ClearField("reason")
    assert refusal(spoiled).startswith("Tomb.reason: found nothing")
    with pytest.raises(LocalProtocolError, match=r"Tomb\.reason: found nothing"):
        encode_message(Tomb("r1", None))  # type: ignore[arg-type]


def test_a_tombstone_of_an_unknown_kind_is_not_sent():
    with pytest.raises(LocalProtocolError, match=r"Reason\.kind: found 'eaten'"):
        encode_message(Tomb("r1", Reason("eaten", "p0", "")))  # type: ignore[arg-type]


def test_a_tombstone_names_a_peer():
    spoiled = envelope("tomb")
    spoiled.tomb.reason.peer = "No peer"
    assert refusal(spoiled).startswith("Reason.peer: found 'No peer'")


def test_a_reason_of_any_length_can_be_told():
    long = "é" * 5_000
    sent = Tomb("r1", Reason(TombKind.FAILED, "p0", long))
    received = decode_message(encode_message(sent))
    assert isinstance(received, Tomb)
    assert len(received.reason.text.encode()) <= 4096
    assert received.reason.text[:-1] == long[: len(received.reason.text) - 1]
    assert received.reason.text.endswith("…")
    assert decode_message(encode_message(received)) == received


def test_a_text_that_is_not_unicode_can_be_told():
    """Names of files that are not UTF-8 come as lone surrogates in error texts."""
    assert decode_message(encode_message(Goodbye("no file \udcff"))) == Goodbye("no file ?")


@pytest.mark.parametrize("size", [4094, 4095, 4096, 4097, 4098, 4099])
def test_a_cut_text_fits(size):
    for letter in ("a", "é", "€", "🙂"):
        text = (letter * 5000).encode()[:size].decode("utf-8", "ignore")
        assert len(cut_text(text).encode()) <= 4096
        assert (cut_text(text) == text) == (len(text.encode()) <= 4096)


def test_a_received_reason_has_a_bound():
    spoiled = envelope("tomb")
    spoiled.tomb.reason.text = "a" * 4097
    assert refusal(spoiled).startswith("Reason.text: found 4097 bytes")
    assert refusal(pb.Envelope(goodbye=pb.Goodbye(reason="a" * 4097))).startswith(
        "Goodbye.reason: found 4097 bytes"
    )


# Payloads

PAYLOAD_BREACHES = [
    (Tensor(">f8", (2,), bytes(16)), "dtype: found '>f8'"),
    (Tensor("|O", (2,), bytes(16)), "dtype: found '|O'"),
    (Tensor("<M8[ns]", (2,), bytes(16)), "dtype: found '<M8[ns]'"),
    (Tensor("float64", (2,), bytes(16)), "dtype: found 'float64'"),
    (Tensor("", (2,), bytes(16)), "dtype: found ''"),
    (Tensor("<f8", (3,), bytes(16)), "data: found 16 bytes, must be 24 for shape (3,) of <f8"),
    (Tensor("<f8", (2,), bytes(15)), "data: found 15 bytes, must be 16"),
    (Tensor("<f8", (2,), b""), "data: found 0 bytes, must be 16"),
    (Tensor("<f8", (), b""), "data: found 0 bytes, must be 8 for shape () of <f8"),
    (Tensor("<f4", (2,), bytes(16)), "data: found 16 bytes, must be 8"),
    (Tensor("<f8", (0, 2), bytes(16)), "data: found 16 bytes, must be 0"),
    (Tensor("<f8", (1,) * 9, bytes(8)), "shape: found 9 axes"),
    # In 64 bits these products wrap to 16 bytes and to none.
    (Tensor("<f8", (2**61 + 1, 2, 1), bytes(16)), "shape: found (2305843009213693953, 2, 1)"),
    (Tensor("<f8", (2**32, 2**32), b""), "shape: found (4294967296, 4294967296)"),
    (Tensor("<f8", (0, 2**63), b""), "shape: found (0, 9223372036854775808)"),
    (Tensor("<f8", (0, 2**32, 2**32), b""), "shape: found (0, 4294967296, 4294967296)"),
    (Tensor("|b1", (2,), b"\x01\x02"), "data: found a byte above 1"),
]


def spoiled_value(tensors):
    """A value with any arrays, unchecked."""
    spoiled = envelope("value")
    del spoiled.value.payload[:]
    spoiled.value.payload.extend(
        pb.Tensor(dtype=tensor.dtype, shape=tensor.shape, data=tensor.data) for tensor in tensors
    )
    return spoiled


@pytest.mark.parametrize(("tensor", "text"), PAYLOAD_BREACHES)
def test_a_wrong_array_is_refused_by_field(tensor, text):
    good = Tensor("|u1", (1,), b"x")
    assert refusal(spoiled_value([good, tensor])).startswith(f"Value.payload[1].{text}")
    with pytest.raises(LocalProtocolError) as caught:
        encode_message(replace(VALID["value"], payload=(good, tensor)))
    assert f"Value.payload[1].{text}" in str(caught.value)


def test_a_negative_length_is_not_sent():
    with pytest.raises(LocalProtocolError):
        encode_message(replace(VALID["value"], payload=(Tensor("<f8", (-1, -2), bytes(16)),)))


@pytest.mark.parametrize("count", [17, 10_000])
def test_too_many_arrays_are_refused(count):
    many = [Tensor("|u1", (0,), b"")] * count
    assert refusal(spoiled_value(many)).startswith(f"Value.payload: found {count} arrays, must be at most 16")
    with pytest.raises(LocalProtocolError, match=f"Value.payload: found {count} arrays"):
        encode_message(replace(VALID["value"], payload=tuple(many)))


def test_sixteen_arrays_of_eight_axes_may_travel():
    value = replace(VALID["value"], payload=(Tensor("<f8", (1,) * 8, bytes(8)),) * 16)
    assert decode_message(encode_message(value)) == value


@pytest.mark.parametrize("shape", [(0,), (0, 2**40), (3, 0, 2), (2**59, 0)])
def test_arrays_without_entries_may_travel_and_numpy_takes_them(shape):
    value = replace(VALID["value"], payload=(Tensor("<f8", shape, b""),))
    assert decode_message(encode_message(value)) == value
    assert np.ndarray(shape, "<f8", b"").shape == shape


def test_bytes_fields_take_bytes_only():
    with pytest.raises(LocalProtocolError, match="cannot send Value"):
        encode_message(replace(VALID["value"], payload=(Tensor("|u1", (2,), bytearray(2)),)))  # type: ignore[arg-type]
