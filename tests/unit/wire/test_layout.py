"""Tables of fields."""

import pytest

from peer.protocol.messages import Done
from peer.wire.bounds import check_peer, check_run
from peer.wire.layout import Layout, Plain


def test_a_layout_has_the_fields_of_its_dataclass_in_their_order():
    with pytest.raises(
        TypeError, match=r"Done has the fields \['run', 'peer'\], its layout \['peer', 'run'\]"
    ):
        Layout(Done, peer=Plain(check_peer), run=Plain(check_run))
