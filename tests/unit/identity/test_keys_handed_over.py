"""A key that root gives to one process of another user is not open to others."""

import pytest

from peer.identity.keys import handed_over

PEER, ROOT = 10001, 0


@pytest.mark.parametrize("mode", [0o400, 0o440])
def test_roots_key_for_a_peer_s_group(mode):
    assert handed_over(mode, ROOT, PEER)


@pytest.mark.parametrize(
    ("mode", "owner", "reader"),
    [
        (0o440, PEER, PEER),  # its own: then its group is nobody's business
        (0o440, ROOT, ROOT),
        (0o444, ROOT, PEER),
        (0o460, ROOT, PEER),
        (0o640, ROOT, PEER),
        (0o441, ROOT, PEER),
    ],
)
def test_a_key_that_others_may_read_or_write(mode, owner, reader):
    assert not handed_over(mode, owner, reader)
