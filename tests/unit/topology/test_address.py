import pytest

from topology.address import loopback_addresses, own_address, parse_address
from topology.errors import InputError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:7100", "127.0.0.1", 7100),
        ("[::1]:1", "::1", 1),
        ("[0:0:0:0:0:0:0:1]:65535", "::1", 65535),
        ("Lab-3.Example.org:80", "lab-3.example.org", 80),
        ("peer_0:7100", "peer_0", 7100),
        ("localhost:07100", "localhost", 7100),
        ("[FE80::1%eth0.12]:7100", "fe80::1%eth0.12", 7100),
        ("[fe80::1%br-lan_1]:7100", "fe80::1%br-lan_1", 7100),
        ("[fe80::1%2]:7100", "fe80::1%2", 7100),
    ],
)
def test_good_addresses(text, host, port):
    assert parse_address(text) == (host, port)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no address"),
        ("127.0.0.1", "no address"),
        (":7100", "no address"),
        ("127.0.0.1:", "port"),
        ("127.0.0.1:0", "port from 1 to 65535"),
        ("127.0.0.1:65536", "port from 1 to 65535"),
        ("127.0.0.1:-1", "port"),
        ("127.0.0.1:7e3", "port"),
        ("127.0.0.1:٧", "port"),
        ("127.0.0.1:7100 ", "port"),
        ("127.0.0.256:7100", "host"),
        ("1.2.3:7100", "host"),
        ("::1:7100", "IPv6 host in brackets"),
        ("[::1:7100", "host"),
        ("[127.0.0.1]:7100", "host"),
        ("[]:7100", "host"),
        ("[fe80::1%]:7100", "host"),
        ("[fe80::1%e\nExecStartPre=touch x]:7100", "host"),
        ("[fe80::1%eth0 --listen]:7100", "host"),
        ("[fe80::1%eth\u0660]:7100", "host"),
        ("[fe80::1%$x]:7100", "host"),
        ("a b:7100", "host"),
        ("http://lab:7100", "host"),
        ("-lab:7100", "host"),
        ("lab..org:7100", "host"),
        (f"{'a' * 64}:7100", "host"),
        (f"{'a.' * 130}a:7100", "host"),
    ],
)
def test_bad_addresses(text, reason):
    with pytest.raises(InputError) as caught:
        parse_address(text)
    assert reason in str(caught.value)
    assert caught.value.mend


def test_loopback_addresses_count_up():
    assert loopback_addresses(2, 65534) == ["127.0.0.1:65534", "127.0.0.1:65535"]


@pytest.mark.parametrize(("peers", "base_port"), [(2, 65535), (2, 0), (70000, 1)])
def test_there_are_only_so_many_ports(peers, base_port):
    with pytest.raises(InputError, match="base-port: found"):
        loopback_addresses(peers, base_port)


@pytest.mark.parametrize(
    ("listen", "host"),
    [
        ("0.0.0.0:7100", "127.0.0.1"),
        ("[::]:7100", "127.0.0.1"),
        ("10.0.0.1:7100", "10.0.0.1"),
        ("[::1]:7100", "::1"),
    ],
)
def test_where_a_peer_is_on_its_own_machine(listen, host):
    assert own_address(listen) == (host, 7100)
