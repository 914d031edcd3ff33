"""What is told of specifications that nobody here can run."""

import pytest

from peer.registry import SpecHead, spec_head


@pytest.mark.parametrize(
    ("data", "head"),
    [
        (b'{"algorithm":"gone","iterations":7}', SpecHead("gone", 7)),
        (b'{"algorithm":"gone"}', SpecHead("gone", 0)),
        (b'{"algorithm":["gone"],"iterations":true}', SpecHead()),
        (b'{"algorithm":"' + b"x" * 65 + b'","iterations":-1}', SpecHead()),
        (b'{"algorithm":"a\\u0000b","iterations":4294967296}', SpecHead()),
        (b"[]", SpecHead()),
        (b"?", SpecHead()),
        (b"", SpecHead()),
    ],
)
def test_the_head_is_read_without_the_algorithm(data, head):
    assert spec_head(data) == head
