import socket
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from peer.measure import tcp_info
from peer.measure.sockets import SocketFinder, endpoints, peer_endpoint
from peer.measure.tcp_info import available, missing_fields
from tests.unit.measure.relay import echo_server, echo_stream, relay_to
from topology.errors import InputError

HAS_IPV6 = Path("/proc/net/if_inet6").exists()
FILES = Path("/proc/self/fd")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO of own sockets is Linux's")


@contextmanager
def pair(host="127.0.0.1", family=socket.AF_INET):
    """Both ends of a connection in this process."""
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.bind((host, 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()[:2]) as dialled:
            accepted, _ = listener.accept()
            with accepted:
                yield dialled, accepted


def both_ends(dialled):
    finder = SocketFinder()
    here, there = dialled.getsockname()[:2], dialled.getpeername()[:2]
    return finder.find({there}), finder.find({here})


def receive(source, count):
    while count:
        count -= len(source.recv(count))


@pytest.mark.parametrize(
    ("host", "family", "headers"),
    [("127.0.0.1", socket.AF_INET, 66), ("::1", socket.AF_INET6, 86)],
)
def test_counters_are_what_was_sent(host, family, headers):
    if family == socket.AF_INET6 and not HAS_IPV6:
        pytest.skip("no IPv6 here")
    with pair(host, family) as (dialled, accepted):
        near, far = both_ends(dialled)
        assert near.sample()[:4] == (0, 0, near.sample().bytes_acked, 0)
        dialled.sendall(b"x" * 100_000)
        receive(accepted, 100_000)
        accepted.sendall(b"y" * 777)
        receive(dialled, 777)
        for end, sent, received in ((near, 100_000, 777), (far, 777, 100_000)):
            sample = end.sample()
            assert (sample.bytes_sent - sample.bytes_retrans, sample.bytes_received) == (sent, received)
            assert min(sample.segs_out, sample.segs_in) > 0
            assert 0 < sample.min_rtt_us < 10**7
            assert 0 < sample.rtt_us < 10**7
            assert sample.header_bytes == headers
            end.close()


def test_a_duplicate_outlives_its_socket_and_does_not_hold_the_connection_open():
    with pair() as (dialled, accepted):
        near, far = both_ends(dialled)
        dialled.sendall(b"x" * 500)
        receive(accepted, 500)
        # as gRPC does when it closes a connection
        dialled.shutdown(socket.SHUT_RDWR)
        dialled.close()
        assert accepted.recv(1) == b""
        assert near.sample().bytes_sent == 500
        assert not near.established
        near.close()
        assert near.closed
        with pytest.raises(OSError, match="descriptor"):
            near.sample()
        far.close()


def test_a_socket_is_found_once_until_it_is_released():
    with pair() as (dialled, _):
        finder = SocketFinder()
        remote = {dialled.getpeername()}
        found = finder.find(remote)
        assert found.local == dialled.getsockname()
        assert finder.find(remote) is None
        found.close()
        again = finder.find(remote)
        assert again.inode == found.inode
        again.close()


def test_of_two_that_fit_none_is_found():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        remote = listener.getsockname()
        with socket.create_connection(remote) as first, socket.create_connection(remote) as second:
            finder = SocketFinder()
            assert finder.find({remote}) is None
            found = finder.find({remote}, local=first.getsockname())
            other = finder.find({remote})  # with one of them taken, the other is the one
            assert (found.local, other.local) == (first.getsockname(), second.getsockname())
            found.close()
            other.close()


def test_searching_leaves_no_descriptors():
    with pair() as (dialled, _):
        finder = SocketFinder()
        before = sorted(FILES.iterdir())
        assert finder.find({("192.0.2.1", 9)}) is None
        finder.find({dialled.getpeername()}).close()
        assert sorted(FILES.iterdir()) == before


def test_only_open_connections_are_found():
    with pair() as (dialled, accepted):
        remote = dialled.getpeername()
        accepted.close()
        assert dialled.recv(1) == b""
        assert SocketFinder().find({remote}) is None


def test_searching_keeps_the_locks_on_files(tmp_path):
    # Closing any descriptor of a file drops all of the process's POSIX locks on it, SQLite's among them.
    path = tmp_path / "locked.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection, pair() as (dialled, _):
        connection.execute("BEGIN EXCLUSIVE")
        SocketFinder().find({dialled.getpeername()}).close()
        script = (
            "import sqlite3, sys\n"
            "sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None).execute('BEGIN EXCLUSIVE')"
        )
        other = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, timeout=60)
        assert b"database is locked" in other.stderr


def sent_once(counters):
    """Bytes that a socket has sent for the first time: on a busy machine TCP may send some again, even here."""
    sample = counters.sample()
    return sample.bytes_sent - sample.bytes_retrans


async def exchange(relay, peers, count, message):
    """Echo messages through the relay; the sockets of both ends."""
    async with echo_stream(f"127.0.0.1:{relay.port}") as call:
        await call.write(b"hello")
        await call.read()
        finder = SocketFinder()
        dialled = finder.find(endpoints(f"127.0.0.1:{relay.port}"))
        accepted = finder.find({peer_endpoint(peers.get_nowait())})
        before = sent_once(dialled)
        for _ in range(count):
            await call.write(message)
            assert await call.read() == message
        await relay.until(lambda: sent_once(dialled) == accepted.sample().bytes_received == relay.up)
        await relay.until(lambda: sent_once(accepted) == dialled.sample().bytes_received == relay.down)
        # gRPC's frames around each message are some 40 bytes, and now and then there is a ping
        framing = sent_once(dialled) - before - count * len(message)
        assert 14 * count <= framing <= 100 * count
    return dialled, accepted


async def test_grpc_bytes_are_what_tcp_carried():
    async with echo_server("127.0.0.1") as (port, peers), relay_to(port) as relay:
        dialled, accepted = await exchange(relay, peers, 25, b"m" * 19_330)
        # The channel is gone: gRPC closes the connection, whoever holds duplicates of its socket.
        await relay.finish()
        last = dialled.sample()
        assert last.bytes_sent - last.bytes_retrans == relay.up
        assert not dialled.established
        dialled.close()
        accepted.close()


async def test_channels_to_one_address_are_told_apart_by_their_timeout():
    async with echo_server("127.0.0.1") as (port, _):
        address = f"127.0.0.1:{port}"
        async with echo_stream(address, 5000) as data, echo_stream(address, 5001) as control:
            for call in (data, control):
                await call.write(b"hello")
                await call.read()
            finder = SocketFinder()
            assert finder.find(endpoints(address)) is None
            found = finder.find(endpoints(address), user_timeout_ms=5000)
            before = found.sample().bytes_sent
            await control.write(b"c" * 50_000)
            await control.read()
            assert found.sample().bytes_sent < before + 1000
            await data.write(b"d" * 50_000)
            await data.read()
            assert found.sample().bytes_sent >= before + 50_000
            found.close()


async def test_grpc_over_ipv6():
    if not HAS_IPV6:
        pytest.skip("no IPv6 here")
    async with echo_server("[::1]") as (port, peers), echo_stream(f"[::1]:{port}") as call:
        await call.write(b"m" * 1000)
        await call.read()
        peer = peers.get_nowait()
        assert peer.startswith("ipv6:")
        finder = SocketFinder()
        accepted, dialled = finder.find({peer_endpoint(peer)}), finder.find(endpoints(f"[::1]:{port}"))
        assert accepted.local == dialled.remote == ("::1", port)
        assert dialled.sample().bytes_sent > 1000
        accepted.close()
        dialled.close()


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("ipv4:127.0.0.1:1234", ("127.0.0.1", 1234)),
        ("ipv6:%5B::1%5D:1234", ("::1", 1234)),
        ("ipv6:[::1]:1234", ("::1", 1234)),
        ("ipv6:%5Bfe80::1%25eth0%5D:80", ("fe80::1", 80)),
        ("ipv6:%5B::ffff:10.0.0.7%5D:99", ("10.0.0.7", 99)),
        ("unix:/tmp/socket", None),
        ("unix:", None),
        ("", None),
        ("ipv4:127.0.0.1", None),
        ("ipv4:nonsense:1", None),
    ],
)
def test_peer_strings(peer, expected):
    assert peer_endpoint(peer) == expected


def test_endpoints():
    assert endpoints("127.0.0.1:7100") == {("127.0.0.1", 7100)}
    assert endpoints("[::1]:7100") == {("::1", 7100)}
    assert ("127.0.0.1", 7100) in endpoints("localhost:7100")
    assert endpoints("no-such-host.invalid:7100") == set()
    with pytest.raises(InputError):
        endpoints("7100")


def test_other_platforms_cannot(monkeypatch):
    tcp_info._info_length.cache_clear()
    try:
        with monkeypatch.context() as patched:
            patched.setattr(sys, "platform", "darwin")
            assert not available()
            assert set(missing_fields()) == set(tcp_info.SocketSample._fields) - {"header_bytes"}
            with pair() as (dialled, _):
                assert SocketFinder().find({dialled.getpeername()}) is None
    finally:
        tcp_info._info_length.cache_clear()
