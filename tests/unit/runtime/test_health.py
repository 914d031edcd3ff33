"""Where the peer on this machine is asked for its health."""

import pytest

from peer.runtime.health import dialled
from topology.errors import InputError


@pytest.mark.parametrize(
    ("listen", "dials"),
    [
        ("0.0.0.0:7100", "127.0.0.1:7100"),
        ("[::]:7100", "127.0.0.1:7100"),
        ("[fd00::1]:7100", "[fd00::1]:7100"),
        ("10.0.0.1:7100", "10.0.0.1:7100"),
        ("p0:7100", "p0:7100"),
    ],
)
def test_what_is_dialled(listen, dials):
    assert dialled(listen) == dials


def test_what_is_no_address():
    with pytest.raises(InputError):
        dialled("7100")
