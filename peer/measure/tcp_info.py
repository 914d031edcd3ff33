"""The kernel's ``struct tcp_info``: what it counts for one TCP connection (Linux)."""

import os
import socket
import struct
import sys
from functools import cache
from typing import Any, NamedTuple

__all__ = [
    "HEADERS_IPV4",
    "HEADERS_IPV6",
    "OPEN_FILES",
    "UNKNOWN",
    "SocketSample",
    "available",
    "established",
    "missing_fields",
    "opened",
    "parse_tcp_info",
    "tcp_info",
]

OPEN_FILES = "/proc/self/fd"

# Offsets and types in the kernel's struct tcp_info (include/uapi/linux/tcp.h). The kernel only ever appends to
# it; an older one returns fewer bytes.
_FIELDS = {
    "bytes_sent": (200, struct.Struct("=Q")),
    "bytes_received": (128, struct.Struct("=Q")),
    "bytes_acked": (120, struct.Struct("=Q")),
    "bytes_retrans": (208, struct.Struct("=Q")),
    "segs_out": (136, struct.Struct("=I")),
    "segs_in": (140, struct.Struct("=I")),
    "rtt_us": (68, struct.Struct("=I")),
    "min_rtt_us": (148, struct.Struct("=I")),
    "total_retrans": (100, struct.Struct("=I")),
}
# All of them in one go, in the kernel's order.
_ALL = struct.Struct("=68xI28xI16xQQII4xI48xQQ")
_INFO_BYTES = 256
_STATE, _OPTIONS = 0, 5
_ESTABLISHED = 1
_TIMESTAMPS = 1
_NO_MIN_RTT = 0xFFFFFFFF
_MIN_RTT = 7  # its place in a sample

# Ethernet, IP and TCP without options; timestamps are the one option of ordinary segments.
HEADERS_IPV4 = 14 + 20 + 20
HEADERS_IPV6 = 14 + 40 + 20
_TIMESTAMP_BYTES = 12


class SocketSample(NamedTuple):
    """Counters of one TCP connection since it was opened; None where the kernel is too old for one.

    Attributes
    ----------
    bytes_sent, bytes_received : int or None
        Payload of TCP segments; what was sent includes ``bytes_retrans``.
    bytes_acked : int or None
        Sent and acknowledged; counts the opening SYN as one.
    bytes_retrans : int or None
        Sent more than once.
    segs_out, segs_in : int or None
        Segments, bare acknowledgements included.
    rtt_us, min_rtt_us : int or None
        Smoothed and least round-trip time in microseconds; the least is None before the first measurement.
    total_retrans : int or None
        Segments sent more than once.
    header_bytes : int
        Ethernet, IP and TCP headers of one segment, for estimates of what a link carried.
    """

    bytes_sent: int | None
    bytes_received: int | None
    bytes_acked: int | None
    bytes_retrans: int | None
    segs_out: int | None
    segs_in: int | None
    rtt_us: int | None
    min_rtt_us: int | None
    total_retrans: int | None
    header_bytes: int


UNKNOWN = SocketSample(*(None,) * 9, header_bytes=0)
"""Counters of a connection whose socket was not found."""


def tcp_info(connection: socket.socket) -> bytes:
    """Ask the kernel; raises OSError where the socket is closed."""
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)


def established(info: bytes) -> bool:
    """Whether the connection is open in both directions."""
    return info[_STATE] == _ESTABLISHED


def available() -> bool:
    """Whether this platform lets a process read the counters of its own sockets."""
    return _info_length() > 0


def missing_fields() -> tuple[str, ...]:
    """Names of `SocketSample`'s counters that this kernel does not have; all of them where none can be read."""
    return tuple(name for name, (at, kind) in _FIELDS.items() if at + kind.size > _info_length())


@cache
def opened() -> SocketSample:
    """Counters of a connection before its first byte: zeros, None for what this kernel does not count."""
    return parse_tcp_info(bytes(_info_length() or 8), 0)._replace(rtt_us=None, min_rtt_us=None)


def parse_tcp_info(info: bytes, headers: int) -> SocketSample:
    """Read the kernel's ``struct tcp_info``.

    Parameters
    ----------
    info : bytes
        As long as the kernel made it.
    headers : int
        Bytes of a segment's headers without TCP options.

    Returns
    -------
    SocketSample
        With None for what lies beyond its end.
    """
    counters: list[Any]
    if len(info) >= _ALL.size:
        # At once: this is done for every connection after each agreement.
        rtt, total, acked, received, out, into, least, sent, again = _ALL.unpack_from(info)
        counters = [sent, received, acked, again, out, into, rtt, least, total]
    else:
        counters = [
            kind.unpack_from(info, at)[0] if at + kind.size <= len(info) else None
            for at, kind in _FIELDS.values()
        ]
    if counters[_MIN_RTT] == _NO_MIN_RTT:
        counters[_MIN_RTT] = None
    stamped = _TIMESTAMP_BYTES if info[_OPTIONS] & _TIMESTAMPS else 0
    return SocketSample._make((*counters, headers + stamped))


@cache
def _info_length() -> int:
    if sys.platform != "linux" or not os.path.isdir(OPEN_FILES):  # noqa: PTH112
        return 0
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            return len(tcp_info(probe))
    except OSError:
        return 0
