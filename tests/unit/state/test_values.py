import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from peer.protocol.errors import ProgramError
from peer.state.values import decode_state, encode_state

DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?"),
    hnp.complex_number_dtypes(endianness="?"),
)
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
SCALARS = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(),
    hnp.arrays(DTYPES, (1,)).map(lambda array: array[0]),
)


def again(state):
    """Through bytes, as they lie in a file."""
    buffers = []
    described = json.loads(json.dumps(encode_state(state, buffers)))
    return decode_state(described, [memoryview(bytes(part)) for part in buffers])


def bits(entry):
    if isinstance(entry, np.ndarray | np.generic):
        return entry.dtype, entry.shape, entry.tobytes()
    return struct.pack("<d", entry) if isinstance(entry, float) else entry


@settings(deadline=None)
@given(st.dictionaries(st.text(), ARRAYS | SCALARS))
def test_the_same_types_and_bits_in_the_same_order(state):
    found = again(state)
    assert list(found) == list(state)
    for name, entry in state.items():
        assert type(found[name]) is type(entry)
        assert bits(found[name]) == bits(entry)


@settings(deadline=None)
@given(ARRAYS, st.randoms())
def test_arrays_lie_in_memory_as_before(array, random):
    order = list(range(array.ndim))
    random.shuffle(order)
    turned = array.transpose(order).copy(order="K")
    found = again({"x": turned})["x"]
    assert [n for n, size in zip(found.strides, found.shape, strict=True) if size > 1] == [
        n for n, size in zip(turned.strides, turned.shape, strict=True) if size > 1
    ] or turned.size == 0
    assert bits(found) == bits(turned)


@pytest.mark.parametrize("cut", [np.s_[:, ::2], np.s_[::-1], np.s_[:, 1:]], ids=["gaps", "backwards", "part"])
def test_what_lies_with_gaps_or_backwards_is_refused(cut):
    """What comes back would lie otherwise, and a product with it may have other last bits."""
    with pytest.raises(ProgramError, match=r"'U' is a view with gaps.* keep a copy"):
        encode_state({"U": np.arange(12.0).reshape(3, 4)[cut]}, [])


def test_arrays_are_read_only_and_aligned_as_they_were_after_their_checkpoint():
    found = again({"odd": np.arange(3, dtype=np.uint8), "x": np.arange(4.0)})["x"]
    assert not found.flags.writeable
    assert found.flags.aligned


def test_nan_keeps_its_payload():
    odd = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_DEAD_BEEF))[0]
    assert bits(again({"x": odd})["x"]) == bits(odd)
    assert math.copysign(1, again({"x": -0.0})["x"]) == -1


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("text", "a str"),
        (None, "a NoneType"),
        ([1.0], "a list"),
        (np.str_("text"), "a str_"),
        (np.array([{}], dtype=object), "an array of dtype object"),
        (np.zeros(2, dtype=[("a", "<f8")]), "an array of dtype"),
        (np.ma.masked_array([1.0]), "a MaskedArray"),
    ],
)
def test_what_a_checkpoint_cannot_hold_is_named(entry, found):
    with pytest.raises(ProgramError, match=f"state 'x' is {found}.*keep numpy arrays of numbers"):
        encode_state({"x": entry}, [])
