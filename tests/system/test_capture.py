"""The ledger's bytes against packet captures: each peer in a network namespace, offloads off, a bridge between them.

What is compared: for each edge and direction, the packets that the data connection's end put on its link between the
connection's first and last row of the run. A first row of zeros stands for the connection's opening: then the capture
counts from its SYN. Rows are written a few microseconds after the kernel has counted, and packets are captured as
much later, so that at either end of the time one packet may be on the other side; over a whole run that is nothing.
"""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass

import pytest

from tests.support.bridged import Case, bridged_run, host
from tests.support.capture import OnTheWire, carried, connections, read_packets

pytestmark = pytest.mark.system

PEERS = ("p0", "p1", "p2")
DATA = b"/difpeer.v1.Exchange/Stream"
CONTROL = b"/difpeer.v1.Control/Collect"
TELEMETRY = b"/difpeer.v1.Control/Watch"

CASES = {
    "ipv4": Case(),
    "ipv4-small": Case(dim=5, rank=1, iterations=80),
    "ipv6": Case(ipv6=True),
    "ipv4-loss": Case(loss=0.01),
    "ipv6-loss": Case(ipv6=True, loss=0.01),
}

PACKET_BYTES = 1500

_BYTES = """
SELECT peer, neighbour, min(bytes_sent), min(at_ns), max(at_ns),
  max(bytes_sent) - min(bytes_sent), max(bytes_retrans) - min(bytes_retrans),
  (max(segs_out) - min(segs_out)) * max(header_bytes), max(segs_out) - min(segs_out)
FROM sockets GROUP BY peer, incarnation, neighbour, connection
"""
_INTERFACES = """
SELECT peer, max(bytes_sent) - min(bytes_sent) FROM interfaces WHERE interface = 'eth0' GROUP BY peer
"""


@dataclass(frozen=True)
class Edge:
    """One direction of an edge, as the ledger and as the capture have it."""

    name: str
    socket_bytes: int
    retrans_bytes: int
    wire_bytes: int
    segments: int
    seen: OnTheWire


@dataclass(frozen=True)
class Captured:
    """A run, its summary, and what was captured of it."""

    case: Case
    summary: dict
    edges: list[Edge]
    said: dict[bytes, set]
    interfaces: dict[str, int]
    link_bytes: dict[str, int]


def look_at(case, folder):
    packets = sorted(packet for name in PEERS for packet in read_packets(folder / f"{name}.pcap"))
    hosts = {host(number, case.ipv6): name for number, name in enumerate(PEERS, 1)}
    clock = json.loads((folder / "clock.json").read_text())
    streams = connections(packets, DATA)
    edges = []
    with closing(sqlite3.connect(folder / "run" / "ledger.sqlite")) as books:
        for peer, neighbour, opened, first, last, sent, again, headers, segments in books.execute(_BYTES):
            (packets_of,) = [
                sent_by[end]
                for ends, sent_by in streams.items()
                for end in sent_by
                if hosts[end[0]] == peer and {hosts[other[0]] for other in ends} == {peer, neighbour}
            ]
            seen = carried(packets_of, clock + first if opened else 0, clock + last)
            edges.append(Edge(f"{peer} to {neighbour}", sent - again, again, sent + headers, segments, seen))
        interfaces = dict(books.execute(_INTERFACES).fetchall())
        since, until = books.execute("SELECT min(at_ns), max(at_ns) FROM interfaces").fetchone()
    link_bytes = dict.fromkeys(PEERS, 0)
    for packet in packets:
        if clock + since < packet.at_ns <= clock + until:
            link_bytes[hosts[packet.source[0]]] += packet.frame_bytes
    said = {word: set(connections(packets, word)) for word in (DATA, CONTROL, TELEMETRY)}
    summary = json.loads((folder / "run" / "summary.json").read_text())
    return Captured(case, summary, edges, said, interfaces, link_bytes)


@pytest.fixture(scope="module", params=CASES)
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("captured")
    bridged_run(CASES[request.param], folder)
    return look_at(CASES[request.param], folder)


def near(value, other, part):
    return abs(value - other) <= part * other


def test_tcp_payload_is_the_ledger_s_socket_bytes_within_a_thousandth(run):
    assert len(run.edges) == 6
    for edge in run.edges:
        print(edge)
        assert near(edge.socket_bytes, edge.seen.payload_bytes, 0.001), edge
    total = sum(edge.seen.payload_bytes for edge in run.edges)
    assert near(run.summary["bytes"]["socket"], total, 0.001)


def test_frames_are_the_ledger_s_estimate_within_two_percent(run):
    for edge in run.edges:
        assert near(edge.wire_bytes, edge.seen.frame_bytes, 0.02), edge
    assert near(run.summary["bytes"]["wire_estimate"], sum(edge.seen.frame_bytes for edge in run.edges), 0.02)


def test_what_tcp_sent_again_is_told_apart(run):
    """With nothing lost, too: on a busy machine TCP may take a late acknowledgement for a loss."""
    for edge in run.edges:
        assert abs(edge.retrans_bytes - edge.seen.again_bytes) <= PACKET_BYTES, edge
    again = sum(edge.seen.again_bytes for edge in run.edges)
    counted = sum(edge.retrans_bytes for edge in run.edges)
    if run.case.loss:
        part = again / sum(edge.seen.payload_bytes for edge in run.edges)
        assert run.case.loss / 4 < part < 4 * run.case.loss
        assert near(counted, again, 0.02)


def test_the_interfaces_of_a_network_of_its_own_count_what_the_peer_sent(run):
    """Of all connections; neighbour discovery and the like are the rest."""
    assert set(run.interfaces) == set(PEERS)
    for peer, sent in run.interfaces.items():
        assert near(sent, run.link_bytes[peer], 0.02), peer


def test_data_control_and_telemetry_share_no_connection(run):
    """Between peers: what p0 passed on to the others for the client that followed and fetched the run."""
    data, control, telemetry = (run.said[word] for word in (DATA, CONTROL, TELEMETRY))
    assert (len(data), len(control), len(telemetry)) == (3, 2, 2)
    assert len(data | control | telemetry) == 7
