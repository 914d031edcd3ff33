"""TCP packets out of a capture file (pcap with nanoseconds, Ethernet), and what they carried."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

NANOSECONDS = 0xA1B23C4D
ETHERNET = 1
IPV4, IPV6 = 0x0800, 0x86DD
SYN, RST = 0x02, 0x04

Endpoint = tuple[str, int]


class Packet(NamedTuple):
    """One TCP segment in its frame.

    Attributes
    ----------
    at_ns : int
        Since 1970.
    frame_bytes : int
        On the wire: headers of Ethernet, IP and TCP with their options, and payload.
    source, target : (str, int)
        Host and port.
    seq : int
        Of the first byte.
    flags : int
        Of TCP.
    payload_bytes : int
        By the lengths in the headers.
    head : bytes
        As much of the payload as was captured.
    """

    at_ns: int
    frame_bytes: int
    source: Endpoint
    target: Endpoint
    seq: int
    flags: int
    payload_bytes: int
    head: bytes


def read_packets(path: Path) -> Iterator[Packet]:
    data = path.read_bytes()
    magic, *_, link = struct.unpack_from("<IHHiIII", data)
    assert (magic, link) == (NANOSECONDS, ETHERNET), path
    place = 24
    while place < len(data):
        seconds, nanoseconds, kept, length = struct.unpack_from("<IIII", data, place)
        frame = data[place + 16 : place + 16 + kept]
        place += 16 + kept
        yield _packet(seconds * 10**9 + nanoseconds, length, frame)


def _packet(at_ns: int, length: int, frame: bytes) -> Packet:
    (kind,) = struct.unpack_from(">H", frame, 12)
    ip = frame[14:]
    if kind == IPV4:
        start, total = 4 * (ip[0] & 15), int.from_bytes(ip[2:4])
        hosts = ip[12:16], ip[16:20]
    else:
        assert kind == IPV6, hex(kind)
        start, total = 40, 40 + int.from_bytes(ip[4:6])
        hosts = ip[8:24], ip[24:40]
    tcp = ip[start:]
    source, target, seq, _, offset, flags = struct.unpack_from(">HHIIBB", tcp)
    header = 4 * (offset >> 4)
    ends = [(str(ip_address(one)), port) for one, port in zip(hosts, (source, target), strict=True)]
    return Packet(
        at_ns, length, ends[0], ends[1], seq, flags, total - start - header, tcp[header : total - start]
    )


@dataclass
class OnTheWire:
    """What one end put on the wire for a connection.

    Attributes
    ----------
    payload_bytes : int
        Of TCP, each byte once.
    again_bytes : int
        Of TCP, what was sent before.
    frame_bytes : int
        Everything, headers too.
    segments : int
        Likewise.
    """

    payload_bytes: int = 0
    again_bytes: int = 0
    frame_bytes: int = 0
    segments: int = 0


def carried(packets: Iterable[Packet], since_ns: int, until_ns: int) -> OnTheWire:
    """Add up one direction of a connection, from its SYN: what went out after ``since_ns`` and until ``until_ns``."""
    found = OnTheWire()
    first = None
    furthest = 0
    for packet in packets:
        if packet.flags & SYN:
            first = packet.seq + 1
        elif first is None and packet.flags & RST:
            continue  # nobody listened yet; lost on its way, so that the other end knocked again from the same port
        assert first is not None, "the capture began after the connection"
        end = ((packet.seq - first) & 0xFFFFFFFF) + packet.payload_bytes if packet.payload_bytes else furthest
        new = max(0, end - furthest)
        furthest = max(furthest, end)
        if since_ns < packet.at_ns <= until_ns:
            found.payload_bytes += new
            found.again_bytes += packet.payload_bytes - new
            found.frame_bytes += packet.frame_bytes
            found.segments += 1
    return found


def connections(
    packets: Iterable[Packet], word: bytes
) -> dict[frozenset[Endpoint], dict[Endpoint, list[Packet]]]:
    """Return the connections on which a word was said in the clear, with the packets that each end sent."""
    found: dict[frozenset[Endpoint], dict[Endpoint, list[Packet]]] = {}
    for packet in packets:
        ends = found.setdefault(frozenset((packet.source, packet.target)), {})
        ends.setdefault(packet.source, []).append(packet)
    return {
        ends: sent
        for ends, sent in found.items()
        if any(word in packet.head for packets_ in sent.values() for packet in packets_)
    }
