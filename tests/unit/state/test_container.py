import hashlib
import json
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.state.container import VERSION, Damaged, Label, pack, unpack

LABEL = Label("checkpoint", "p0", "a", 7)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def sample() -> bytes:
    rng = np.random.default_rng(0)
    return b"".join(pack(LABEL, {"round": 5, "text": "é"}, [rng.bytes(5000), b"", rng.bytes(3001)]))


@settings(deadline=None)
@given(st.dictionaries(st.text(), JSON, max_size=4), st.lists(st.binary(), max_size=4))
def test_content_and_buffers_come_back(content, buffers):
    found, parts = unpack(b"".join(pack(LABEL, content, buffers)), LABEL)
    assert found == content
    assert [bytes(part) for part in parts] == buffers


def test_the_format_is_that_of_the_docs():
    """docs/state.md, read without the code: files of version 1 stay readable."""
    data = b"".join(pack(LABEL, {"round": 5}, [b"abc", b"", b"de"]))
    magic, version, header_bytes, buffer_bytes, crc = struct.unpack_from("<8sIIQI", data)
    assert (magic, version, buffer_bytes) == (b"difpeer\x1a", 1, 5)
    assert crc == zlib.crc32(data[:24])
    assert data[28:60] == hashlib.sha256(data[:24] + data[60:]).digest()
    assert json.loads(data[60 : 60 + header_bytes]) == {
        "kind": "checkpoint",
        "peer": "p0",
        "run": "a",
        "index": 7,
        "content": {"round": 5},
        "sizes": [3, 0, 2],
    }
    assert data[60 + header_bytes :] == b"abcde"


def test_every_flipped_byte_is_damage():
    data = bytearray(sample())
    rng = np.random.default_rng(1)
    positions = [*range(400), *rng.integers(len(data), size=9_600)]
    for position, change in zip(positions, rng.integers(1, 256, size=len(positions)), strict=True):
        data[position] ^= int(change)
        with pytest.raises(Damaged, match="damaged"):
            unpack(bytes(data), LABEL)
        data[position] ^= int(change)
    assert len(positions) == 10_000
    unpack(bytes(data), LABEL)


def test_every_cut_is_told_with_the_bytes_that_are_there():
    data = sample()
    for length in [*range(1, 600), *range(512, len(data), 512), len(data) - 1]:
        with pytest.raises(Damaged, match=f"is cut short: {length:,} bytes"):
            unpack(data[:length], LABEL)


def test_an_empty_file_and_one_with_something_behind_it():
    with pytest.raises(Damaged, match=r"^is empty$"):
        unpack(b"", LABEL)
    with pytest.raises(Damaged, match="is too long"):
        unpack(sample() + b"\0", LABEL)
    with pytest.raises(Damaged, match="is not a file of difpeer"):
        unpack(b"PK\x03\x04" + bytes(200), LABEL)


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (Label("record", "p0", "a", 7), "another kind: 'record', not 'checkpoint'"),
        (Label("checkpoint", "p1", "a", 7), "another peer: 'p1', not 'p0'"),
        (Label("checkpoint", "p0", "b", 7), "another run: 'b', not 'a'"),
        (Label("checkpoint", "p0", "a", 8), "another index: 8, not 7"),
    ],
)
def test_a_file_in_the_wrong_place_is_told_by_what_it_is(label, text):
    data = b"".join(pack(label, {}, [b"x"]))
    unpack(data, label)
    with pytest.raises(Damaged, match=text):
        unpack(data, LABEL)


def test_a_newer_version_is_told_from_damage(monkeypatch):
    monkeypatch.setattr("peer.state.container.VERSION", VERSION + 1)
    newer = sample()
    monkeypatch.undo()
    with pytest.raises(Damaged, match=f"has version {VERSION + 1}, written by a newer difpeer"):
        unpack(newer, LABEL)
