"""Few bytes on the wire that would be much in memory, or long to compute, are refused in time."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from peer.protocol.errors import RemoteProtocolError
from peer.protocol.messages import Value
from peer.protocol.payload import Tensor
from peer.wire.bloat import LONG_BYTES
from peer.wire.envelope import decode_message, encode_message
from peer.wire.pb import peer_pb2 as pb

MEGABYTE = 1024 * 1024
VALUE = encode_message(Value("r1", 0, 0, "descent", (), bytes(16), 0))


def varint(number):
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def field(number, content):
    """A field of bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def value(*parts):
    """An envelope with a value: its own fields, and then these bytes."""
    inner = pb.Envelope.FromString(VALUE).value.SerializeToString()
    return field(11, inner + b"".join(parts))


def tensor(*parts):
    return field(7, field(1, b"<f8") + b"".join(parts))


LONGEST = b"\xff" * 8 + b"\x7f"  # an axis of 2^63 - 1
BOMBS = {
    "empty arrays": (value(b"\x3a\x00" * (16 * MEGABYTE)), "Value: found more than 48 fields"),
    "an array of many axes": (value(tensor(field(2, b"\x01" * (32 * MEGABYTE)))), "must be at most 8 axes"),
    "axes one by one": (value(tensor(b"\x10\x01" * (16 * MEGABYTE))), "payload: found more than 48 fields"),
    "many long axes": (value(tensor(field(2, LONGEST * 200_000))), "must be at most 8 axes"),
    "long axes in a short message": (
        value(tensor(field(2, LONGEST * 10_000))),
        "10000 axes, must be at most 8",
    ),
    "unknown fields": (value(field(99, b"") * MEGABYTE), "Value: found more than 48 fields"),
    "groups": (value(b"\x1b\x1c" * MEGABYTE), "found wire type 3"),
    "empty messages": (field(11, b"") * MEGABYTE, "bytes that are not one value"),
    "a long Goodbye": (field(3, field(1, b"a" * (32 * MEGABYTE))), "bytes that are not one value"),
    "a field longer than the message": (
        value(tensor(varint(3 << 3 | 2) + varint(2**40)), bytes(LONG_BYTES)),
        f"found a field of {2**40} bytes where",
    ),
    "a number without an end": (b"\xff" * (2 * LONG_BYTES), "found a number that does not end"),
}

CHILD = """
import resource
from peer.protocol.errors import RemoteProtocolError
from peer.wire.envelope import decode_message
from tests.unit.wire.test_bloat import BOMBS

used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 64 * 2**20, used + 64 * 2**20))
for data, _ in BOMBS.values():
    try:
        decode_message(data)
    except RemoteProtocolError:
        pass
print("all refused")
"""


@pytest.mark.parametrize(("data", "reason"), BOMBS.values(), ids=BOMBS)
def test_it_is_refused_by_what_it_is(data, reason):
    with pytest.raises(RemoteProtocolError) as caught:
        decode_message(data)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_refusing_takes_little_memory():
    """Arrays without entries, 32 MiB of them, would be 1 GB."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        cwd=Path(__file__).parents[3],
        env={"PYTHONPATH": ".", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stdout == "all refused\n", done.stderr[-2000:]


def test_a_long_value_passes():
    data = bytes(8 * MEGABYTE)
    arrays = (Tensor("<f8", (1024, 1024), data), Tensor("|u1", (1,) * 8, b"\x07"))
    long = Value("r1", 1, 1, "descent", arrays, bytes(16), 1)
    assert decode_message(encode_message(long)) == long
    most = Value("r1", 1, 1, "descent", (Tensor("<f8", (1, 1, 1, 2048), data[:16384]),) * 16, bytes(16), 1)
    assert decode_message(encode_message(most)) == most


def test_fields_of_a_later_version_are_passed_over():
    later = value(
        tensor(field(2, varint(20_000)), field(3, bytes(160_000)), field(9, b"new")), field(60, b"new")
    )
    decoded = decode_message(later)
    assert isinstance(decoded, Value)
    assert decoded.payload == (Tensor("<f8", (20_000,), bytes(160_000)),)


def test_what_was_refused_is_not_kept():
    """Labels are looked up in a cache; one of megabytes must not come to lie in it."""
    label = pb.Envelope.FromString(VALUE)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(20):
            label.value.label = f"{number}" + "a" * 100_000
            with pytest.raises(RemoteProtocolError, match=r"Value\.label"):
                decode_message(label.SerializeToString())
        assert tracemalloc.get_traced_memory()[0] - before < 500_000
    finally:
        tracemalloc.stop()
