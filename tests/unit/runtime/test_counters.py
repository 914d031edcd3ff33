"""Sockets of data connections: their descriptors go with them, and what they have sent stays counted."""

import sys
from contextlib import suppress
from pathlib import Path

import pytest

from peer.measure.framing import OPENING_ACCEPTED_BYTES, OPENING_DIALLED_BYTES
from tests.support.problems import local_data, make_tasks, network_of
from tests.unit.runtime.nodes import lab, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO of own sockets is Linux's")

NETWORK = network_of([("p0", "p1")])
DATA = local_data(make_tasks(NETWORK.names, (2, 3), 9, seed=8))
FILES = Path("/proc/self/fd")


def counts(nodes):
    return [node.books.socket_bytes() for node in nodes]


def open_sockets():
    """Of this process, in which both peers are."""
    found = 0
    for entry in FILES.iterdir():
        with suppress(OSError):
            found += str(entry.readlink()).startswith("socket:")
    return found


async def test_a_hundred_connections_leave_no_descriptor_and_their_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr("peer.runtime.links.FIRST_DELAY_S", 0.0)
    async with lab(NETWORK, DATA, tmp_path) as peers:
        nodes = [running.node for running in peers.peers.values()]

        async def connected(beyond=0):
            """Both ends are up on a connection with a higher number, and have found its socket."""

            def number():
                streams = [node.links.up() for node in nodes]
                links = [state for node in nodes for state in node.links.states.values()]
                new = all(len(one) == 1 and one[0].number > beyond for one in streams)
                if not new or not all(link.up for link in links):
                    return None
                # The socket of the connection before it may be in the way until gRPC has closed it.
                return streams[0][0].number if None not in counts(nodes) else None

            return await until(number)

        number = await connected()
        few, sent = [], counts(nodes)
        for count in range(100):
            nodes[1].links.up()[0].close("the test ends it")
            number = await connected(number)
            now = counts(nodes)
            assert all(later >= before for later, before in zip(now, sent, strict=True))
            sent = now
            if count < 5:
                few.append(open_sockets())
        # Of each connection at least what opened it.
        assert sent[0] > 100 * OPENING_DIALLED_BYTES
        assert sent[1] > 100 * OPENING_ACCEPTED_BYTES
        await until(lambda: open_sockets() <= max(few))
