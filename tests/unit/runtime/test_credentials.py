from pathlib import Path

import pytest

from peer.runtime.credentials import check_loopback
from topology.errors import InputError


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1:7100", ("127.0.0.1", 7100)), ("[::1]:7100", ("::1", 7100)), ("[0::1]:1", ("::1", 1))],
)
def test_loopback_addresses_are_taken(address, expected):
    assert check_loopback(address, True, field="--listen") == expected


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0:7100",
        "10.0.0.5:7100",
        "127.0.0.2:7100",
        "[::]:7100",
        "lab.example.org:7100",
        "localhost:7100",
    ],
)
def test_plaintext_stays_on_this_machine(address):
    with pytest.raises(InputError, match="loopback interface") as caught:
        check_loopback(address, True, field="peers.p3.address")
    assert caught.value.field == "peers.p3.address"
    assert address in str(caught.value)
    assert "TLS" in str(caught.value.mend)


def test_without_the_option_there_is_no_connection_at_all():
    with pytest.raises(InputError, match="--insecure-loopback"):
        check_loopback("127.0.0.1:7100", False, field="--listen")
    with pytest.raises(InputError, match=r"^lab\.yaml: peers\.p0\.address: "):
        check_loopback("127.0.0.1:7100", False, field="peers.p0.address", file=Path("lab.yaml"))


def test_what_is_no_address_is_refused_as_such():
    with pytest.raises(InputError, match="no address"):
        check_loopback("p0", True, field="--via")
