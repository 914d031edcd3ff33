"""Counters of network interfaces: the file as it is, and what this machine's loopback counts."""

import socket

import pytest

from peer.measure import interfaces
from peer.measure.interfaces import InterfaceSample, interface_samples

FILE = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed
    lo:    1000      10    0    0    0     0          0         0  1000      10    0    0    0     0       0          0
  eth0:9007199254740993 7 0 0 0 0 0 0 5 3 0 0 0 0 0 0
"""


def test_the_file_is_read_column_by_column(tmp_path, monkeypatch):
    (tmp_path / "dev").write_text(FILE)
    monkeypatch.setattr(interfaces, "DEVICES", tmp_path / "dev")
    assert interface_samples() == {
        "lo": InterfaceSample(1000, 1000, 10, 10),
        "eth0": InterfaceSample(5, 2**53 + 1, 3, 7),
    }


def test_a_name_may_have_any_bytes(tmp_path, monkeypatch):
    (tmp_path / "dev").write_bytes(FILE.encode().replace(b"eth0", b"\xc3\xb6th\xff"))
    monkeypatch.setattr(interfaces, "DEVICES", tmp_path / "dev")
    assert list(interface_samples()) == ["lo", "öth\ufffd"]


def test_a_system_without_the_file_has_no_interfaces(tmp_path, monkeypatch):
    monkeypatch.setattr(interfaces, "DEVICES", tmp_path / "dev")
    assert interface_samples() == {}


@pytest.mark.skipif(not interfaces.DEVICES.exists(), reason="no /proc/self/net/dev")
def test_loopback_counts_what_is_sent_over_it():
    before = interface_samples()["lo"]
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as one,
    ):
        other, _ = server.accept()
        with other:
            one.sendall(bytes(100_000))
            received = 0
            while received < 100_000:
                received += len(other.recv(65536))
    after = interface_samples()["lo"]
    assert after.bytes_sent - before.bytes_sent >= 100_000
    assert after.packets_sent > before.packets_sent
