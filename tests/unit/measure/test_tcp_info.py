import sys

import pytest

from peer.measure.tcp_info import available, missing_fields, opened, parse_tcp_info


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO of own sockets is Linux's")
def test_this_kernel_has_all_counters():
    assert available()
    assert missing_fields() == ()
    assert opened() == (0, 0, 0, 0, 0, 0, None, None, 0, 0)


def test_an_older_kernel_says_less():
    info = bytearray(range(256)) * 2
    full = parse_tcp_info(bytes(info[:280]), 54)
    assert None not in full
    assert full.bytes_sent == int.from_bytes(bytes(range(200, 208)), sys.byteorder)
    assert full.segs_in == int.from_bytes(bytes(range(140, 144)), sys.byteorder)
    # Linux 4.18 ends after tcpi_delivered_ce: bytes_sent and bytes_retrans came with 4.19
    old = parse_tcp_info(bytes(info[:200]), 54)
    assert old == full._replace(bytes_sent=None, bytes_retrans=None)
    assert parse_tcp_info(bytes(104), 54) == (None,) * 6 + (0, None, 0, 54)


def test_no_round_trip_was_measured_yet():
    info = bytearray(232)
    info[148:152] = b"\xff" * 4
    assert parse_tcp_info(bytes(info), 54).min_rtt_us is None


@pytest.mark.parametrize(("options", "expected"), [(0, 54), (1, 66), (6, 54), (7, 66)])
def test_headers_depend_on_timestamps(options, expected):
    info = bytearray(232)
    info[5] = options
    assert parse_tcp_info(bytes(info), 54).header_bytes == expected
