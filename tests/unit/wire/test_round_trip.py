"""Every message comes out as it went in; what goes over the wire is pinned."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from peer.protocol.messages import (
    DONE,
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
from peer.protocol.payload import EMPTY, Tensor, payload_digest
from peer.wire.envelope import (
    EXCHANGE_SERVICE,
    STREAM,
    STREAM_PATH,
    MessageEncoder,
    decode_message,
    encode_message,
)
from peer.wire.pb import peer_pb2 as pb
from tests.unit.wire.strategies import MESSAGES, counts, digests, messages, payloads, values

DIGEST = bytes(range(16))
CONFIG_DIGEST = bytes(range(32))
VALUE = Value("r1", 3, 4, "gossip", (Tensor("<f8", (1, 2), bytes(range(16))),), DIGEST, 2)

# Written down by hand from proto/difpeer/v1/peer.proto: a peer in another language must make the same bytes.
DIGEST_HEX = DIGEST.hex()
GOLDEN = [
    (Hello(1, "p0", 2, 3, "x"), "0a0d" "0801" "12027030" "1802" "2003" "2a0178"),
    (OldIncarnation(7), "1202" "0807"),
    (OldIncarnation(0), "1200"),
    (Goodbye("bye"), "1a05" "0a03627965"),
    (Goodbye(""), "1a00"),
    (Offer("r1", b"{}"), "2208" "0a027231" "12027b7d"),
    (Offer("r1", b"{}", "al", b"\1\2"), "2210" "0a027231" "12027b7d" "1a02616c" "22020102"),
    (Fact("r1", "p0", b"{}"), "2a0c" "0a027231" "12027030" "1a027b7d"),
    (
        Tomb("r1", Reason(TombKind.FAILED, "p0", "no")),
        "3210" "0a027231" "120a" "0804" "12027030" "1a026e6f",
    ),
    (Done("r1", "p0"), "3a08" "0a027231" "12027030"),
    (Closed("r1"), "4204" "0a027231"),
    (
        Attach("r1", CONFIG_DIGEST, 5, DONE),
        "4a32" "0a027231" f"1220{CONFIG_DIGEST.hex()}" "1805" "20ffffffffffffffff7f",
    ),
    (Durable("r1", 300), "5207" "0a027231" "10ac02"),
    (
        VALUE,
        "5a41"
        "0803" "12027231" "1804" "2206676f73736970" f"2a10{DIGEST_HEX}" "3002"
        "3a1b" "0a033c6638" "12020102" f"1a10{bytes(range(16)).hex()}",
    ),
    (Confirm("r1", 3, 4, DIGEST, 2), "621c" "0803" "12027231" "1804" f"2210{DIGEST_HEX}" "2802"),
]  # fmt: skip


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_every_message_comes_out_as_it_went_in(kind):
    @given(MESSAGES[kind])
    def check(message):
        encoded = encode_message(message)
        decoded = decode_message(encoded)
        assert type(encoded) is bytes
        assert type(decoded) is kind
        assert decoded == message
        assert encode_message(decoded) == encoded

    check()


@pytest.mark.parametrize(("message", "expected"), GOLDEN, ids=lambda case: type(case).__name__)
def test_bytes_on_the_wire_are_pinned(message, expected):
    assert encode_message(message).hex() == expected
    assert decode_message(bytes.fromhex(expected)) == message


def test_each_message_is_pinned():
    assert {type(message) for message, _ in GOLDEN} == set(MESSAGES)


def test_the_examples_of_the_documentation_hold():
    text = "".join((Path(__file__).parents[3] / "docs" / "wire.md").read_text(encoding="utf-8").split())
    assert encode_message(VALUE).hex() in text
    assert payload_digest(VALUE.round, VALUE.label, VALUE.payload).hex() in text


@pytest.mark.parametrize(
    ("shape", "written"),
    [((), b"()"), ((2,), b"(2,)"), ((1, 2), b"(1, 2)")],
    ids=["scalar", "vector", "matrix"],
)
def test_the_digest_is_over_the_bytes_that_the_documentation_lists(shape, written):
    data = bytes(8 * int(np.prod(shape)))
    listed = b"12\x00agreement\x00" + b"<f8\x00" + written + b"\x00" + data
    assert payload_digest(12, "agreement", (Tensor("<f8", shape, data),)) == xxhash.xxh3_128(listed).digest()


def test_an_array_comes_out_with_its_bits():
    array = np.random.default_rng(1).standard_normal((600, 4))
    tensor = Tensor(array.dtype.str, array.shape, array.tobytes())
    value = Value("run", 1, 1, "agreement", (tensor,), bytes(16), 0)
    decoded = decode_message(encode_message(value))
    assert isinstance(decoded, Value)
    (arrived,) = decoded.payload
    assert type(arrived.data) is bytes
    assert np.array_equal(np.frombuffer(arrived.data, arrived.dtype).reshape(arrived.shape), array)


def test_framing_of_a_typical_value_is_small():
    """A 600 x 4 float64 estimate travels with about a hundred bytes around it."""
    tensor = Tensor("<f8", (600, 4), bytes(19_200))
    value = Value("20260101-120000-abcdef", 5_000, 5_000, "agreement", (tensor,), DIGEST, 4_990)
    assert len(encode_message(value)) - 19_200 <= 110


@given(
    values,
    st.lists(
        st.tuples(counts, st.none() | counts, st.none() | counts, st.none() | digests, st.none() | payloads),
        max_size=6,
    ),
)
def test_encoder_gives_the_same_bytes_for_any_order_of_values(value, changes):
    encoder = MessageEncoder()
    for seq, number, durable, digest, payload in changes:
        value = replace(
            value,
            seq=seq,
            round=value.round if number is None else number,
            durable=value.durable if durable is None else durable,
            digest=value.digest if digest is None else digest,
            payload=value.payload if payload is None else payload,
        )
        assert encoder.encode(value) == encode_message(value)


@pytest.mark.parametrize(
    "change",
    [
        {"run": "r2"},
        {"seq": 0},
        {"round": 5},
        {"label": "adapt"},
        {"payload": EMPTY},
        {"digest": bytes(16)},
        {"durable": 3},
    ],
    ids=lambda change: next(iter(change)),
)
def test_encoder_sees_every_field_that_differs_between_values(change):
    encoder = MessageEncoder()
    encoder.encode(VALUE)
    other = replace(VALUE, **change)
    assert encoder.encode(other) == encode_message(other)
    assert encoder.encode(VALUE) == encode_message(VALUE)


@given(st.lists(messages, max_size=8))
def test_encoder_keeps_kinds_apart(several):
    encoder = MessageEncoder()
    assert [encoder.encode(message) for message in several] == [
        encode_message(message) for message in several
    ]


def test_the_stream_is_the_one_of_the_proto_file():
    service = pb.DESCRIPTOR.services_by_name["Exchange"]
    method = service.methods_by_name[STREAM]
    assert service.full_name == EXCHANGE_SERVICE
    assert f"/{service.full_name}/{method.name}" == STREAM_PATH
    assert method.input_type.name == method.output_type.name == "Envelope"
    assert method.client_streaming
    assert method.server_streaming
