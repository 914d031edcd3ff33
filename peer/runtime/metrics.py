"""A peer's numbers for Prometheus, over HTTP. Only a peer with ``--metrics`` loads this module.

A scrape has a thread of its own. It asks the loop for the numbers, which takes the loop a fraction of a millisecond,
and writes them out by itself: rounds do not wait for it.
"""

import asyncio
import errno
import logging
import platform
from collections.abc import Callable, Iterator
from importlib.metadata import version

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from peer import __version__
from peer.measure.exposition import Readings, families
from peer.measure.meter import Latencies, Meter
from peer.protocol.records import RunState
from peer.runtime.node import Node
from topology.errors import InputError, NotYet

__all__ = ["readings", "serve_metrics"]

log = logging.getLogger("difpeer")

Numbers = dict[tuple[str, ...], float]

_SOFTWARE = (__version__, platform.python_version(), version("grpcio"))

PATIENCE_S = 5.0
"""How long a scrape waits for a loop that is busy; then it has no numbers."""


def serve_metrics(node: Node, meter: Meter, host: str, port: int) -> Callable[[], None]:
    """Answer scrapes at ``http://HOST:PORT/metrics``.

    Parameters
    ----------
    node : Node
        The peer.
    meter : Meter
        What counts in its recorders.
    host : str
        Where to listen.
    port : int
        Likewise.

    Returns
    -------
    callable
        Ends it.

    Raises
    ------
    InputError
        If the address cannot be used.
    NotYet
        If the port is in use.
    """
    registry = CollectorRegistry()
    registry.register(_Scrapes(node, meter, asyncio.get_running_loop()))
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        kind = NotYet if error.errno == errno.EADDRINUSE else InputError
        raise kind(
            f"cannot listen at {where} ({error.strerror or error})",
            field="--metrics",
            mend="give another port, or end what listens there",
        ) from error
    log.info("metrics at http://%s/metrics", where)

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return end


class _Scrapes(Collector):
    """Gives the numbers of this moment, in the thread of a scrape."""

    def __init__(self, node: Node, meter: Meter, loop: asyncio.AbstractEventLoop) -> None:
        self._node = node
        self._meter = meter
        self._loop = loop

    def describe(self) -> Iterator[Family]:
        """Say which metrics there are, without asking a loop that may not run yet."""
        return families({})

    def collect(self) -> Iterator[Family]:
        """Ask the loop."""

        async def read() -> Readings:
            return readings(self._node, self._meter)

        asked = asyncio.run_coroutine_threadsafe(read(), self._loop)
        try:
            found = asked.result(PATIENCE_S)
        except TimeoutError:
            asked.cancel()
            return iter(())  # the peer stops, or stands still: a gap is what Prometheus understands
        return families(found)


def readings(node: Node, meter: Meter) -> Readings:
    """Read all numbers of a peer, in its loop.

    Parameters
    ----------
    node : Node
        The peer.
    meter : Meter
        What counts in its recorders.

    Returns
    -------
    mapping
        Copies, for another thread.
    """
    return {
        "difpeer_build_info": {(node.name, *_SOFTWARE): 1},
        "difpeer_incarnation": {(): node.incarnation},
        "difpeer_checkpoints_total": {(): node.checkpoints},
        "difpeer_link_up": {(name,): float(state.up) for name, state in node.links.states.items()},
        **_run(node),
        **_traffic(meter),
        **_tcp(meter),
        "difpeer_round_latency_seconds": {
            (label,): Latencies(list(one.counts), one.sum_ns) for label, one in meter.latencies.items()
        },
        "difpeer_gated_rounds_total": {(name,): rounds for name, (rounds, _) in meter.waited_for.items()},
        "difpeer_gated_wait_seconds_total": {
            (name,): waited_ns / 1e9 for name, (_, waited_ns) in meter.waited_for.items()
        },
        "difpeer_requests_total": {(account,): total.calls for account, total in node.books.accounts},
        "difpeer_request_bytes_total": {
            (account, direction): size
            for account, total in node.books.accounts
            for direction, size in (("sent", total.bytes_sent), ("received", total.bytes_received))
        },
    }


def _run(node: Node) -> dict[str, Numbers]:
    """Of the newest run."""
    record = next(reversed(list(node.machine.records.values())), None)
    if record is None:
        return {}
    notes = node.books.notes.get(record.run)  # none while the peer still starts
    driver = None if notes is None else notes.driver
    found: dict[str, Numbers] = {
        "difpeer_run_state": {(state.value,): float(state is record.state) for state in RunState}
    }
    if driver is not None:
        found["difpeer_run_round"] = {(): driver.round}
        found["difpeer_run_iteration"] = {} if driver.iteration is None else {(): driver.iteration}
    return found


def _traffic(meter: Meter) -> dict[str, Numbers]:
    sizes: Numbers = {}
    for (neighbour, direction), (payload, message) in meter.values.items():
        sizes[neighbour, direction, "payload"] = payload
        sizes[neighbour, direction, "message"] = message
    for neighbour, tcp in meter.tcp.items():
        sizes[neighbour, "sent", "socket"] = tcp.sent
        sizes[neighbour, "received", "socket"] = tcp.received
        sizes[neighbour, "sent", "wire"] = tcp.wire_sent
        sizes[neighbour, "received", "wire"] = tcp.wire_received
    return {
        "difpeer_bytes_total": sizes,
        "difpeer_resent_bytes_total": {(neighbour,): size for neighbour, size in meter.resent.items()},
    }


def _tcp(meter: Meter) -> dict[str, Numbers]:
    return {
        "difpeer_retransmitted_bytes_total": {
            (neighbour,): tcp.retransmitted for neighbour, tcp in meter.tcp.items()
        },
        "difpeer_rtt_seconds": {
            (neighbour,): tcp.rtt_us / 1e6 for neighbour, tcp in meter.tcp.items() if tcp.rtt_us is not None
        },
        "difpeer_min_rtt_seconds": {
            (neighbour,): tcp.min_rtt_us / 1e6
            for neighbour, tcp in meter.tcp.items()
            if tcp.min_rtt_us is not None
        },
    }
