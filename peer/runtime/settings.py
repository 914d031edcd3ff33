"""Settings of gRPC's channels and servers, each with its reason.

The values were measured with grpcio 1.85 on Linux; the ones that rest on undocumented keys have a test that
notices when they stop working (``tests/integration/test_canaries.py``).
"""

from collections.abc import Sequence
from typing import Any

from peer.runtime.descriptors import MOST_CONNECTIONS

__all__ = [
    "DATA_USER_TIMEOUT_MS",
    "HANDSHAKE_TIMEOUT_MS",
    "MAX_MESSAGE_BYTES",
    "MESSAGE_MARGIN_BYTES",
    "Options",
    "control_channel",
    "data_channel",
    "server_options",
]

Options = Sequence[tuple[str, Any]]

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Longest message on a data stream; a spec whose values need more is refused before it starts."""

MESSAGE_MARGIN_BYTES = 1024
"""What an envelope may add to the value it bears: ids, label, digest, shapes."""

HANDSHAKE_TIMEOUT_MS = 5_000
IDLE_MS = 30_000
"""After this, and before twice as long, gRPC closes a connection on which no call is; channels connect again."""
PING_TIMEOUT_MS = 5_000
PING_AFTER_MS = 5_000
"""Not above the time after which a cut connection is given up by the end that has something unacknowledged there.

That end says nothing (no packet gets through), and the other one, with nothing unacknowledged, learns of it by its own
next ping. Were that later, a cut that heals in between would hold up a run by the difference.
"""
DATA_USER_TIMEOUT_MS = PING_TIMEOUT_MS
CONTROL_USER_TIMEOUT_MS = PING_TIMEOUT_MS + 1
CONNECT_TIMEOUT_MS = 4_000
"""In a cut the kernel tries to connect after 0, 1 and 3 s (newer ones each second), then after 7 s.

Waiting for more than the third of them only delays the next attempt, with its own first packet, beyond the healing.
"""


def _both() -> list[tuple[str, Any]]:
    return [
        # The timeout that rules when a peer is frozen or cut off. keepalive_timeout_ms does not: with it alone a
        # stopped process was noticed after 61 s, with this one after the ping interval and this timeout.
        ("grpc.http2.ping_timeout_ms", PING_TIMEOUT_MS),
        # Without this, pings stop (or become rare) on a stream that has nothing to say.
        ("grpc.http2.max_pings_without_data", 0),
        # A link without a run is idle and must notice a lost neighbour all the same.
        ("grpc.keepalive_permit_without_calls", 1),
        # The default is 4 MiB; never -1: a stranger could make us allocate anything.
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES + MESSAGE_MARGIN_BYTES),
    ]


def _channel(user_timeout_ms: int) -> list[tuple[str, Any]]:
    return [
        *_both(),
        # Its own connection: the counters of the data connections must be data, and a slow reader of results
        # must not hold up rounds, nor those who watch them.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.keepalive_time_ms", PING_AFTER_MS),
        # Only sets TCP_USER_TIMEOUT. Data and control channels have different ones: gRPC does not tell a
        # channel's local port, and this tells their sockets apart.
        ("grpc.keepalive_timeout_ms", user_timeout_ms),
        # Doubles as the time to connect. A channel here is made for one attempt, so it delays no later one.
        ("grpc.min_reconnect_backoff_ms", CONNECT_TIMEOUT_MS),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        # A retry by gRPC would hide a fault and count bytes twice; the protocol sends again what is missing.
        ("grpc.enable_retries", 0),
        # Peers are reached at the address in the network file, never through a proxy of the environment.
        ("grpc.enable_http_proxy", 0),
    ]


def data_channel() -> Options:
    """Options of a channel that bears the stream of one edge."""
    return _channel(DATA_USER_TIMEOUT_MS)


def control_channel() -> Options:
    """Options of a channel for requests of operators, and for those passed on; one channel for each account."""
    return _channel(CONTROL_USER_TIMEOUT_MS)


def server_options(num_peers: int, connections: int = MOST_CONNECTIONS) -> Options:
    """Options of a peer's server.

    Parameters
    ----------
    num_peers : int
        Of the network.
    connections : int, optional
        Most that may come in at a time; see :func:`peer.runtime.descriptors.most_connections`.
    """
    return [
        *_both(),
        ("grpc.keepalive_time_ms", PING_AFTER_MS),
        ("grpc.keepalive_timeout_ms", PING_TIMEOUT_MS),
        # With 1, the default, a second server binds the same port in silence; with 0 it is an error.
        ("grpc.so_reuseport", 0),
        # Less than a client's ping interval, else a punctual client is sent away ("too_many_pings"): an idle link
        # every 30 s. The core's name for it; the one of gRPC's guides, with "recv" in it, is read by nobody.
        ("grpc.http2.min_ping_interval_without_data_ms", PING_AFTER_MS // 2),
        # Who connects and says nothing is closed after this; the default is minutes.
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_TIMEOUT_MS),
        # A connection on which no call is: those whose key has gone would else stay for ever. An age at which all are
        # closed would cut the streams of edges.
        ("grpc.max_connection_idle_ms", IDLE_MS),
        # One more is closed at once. The default is none: strangers could take every descriptor.
        ("grpc.max_allowed_incoming_connections", connections),
        # For each connection. One neighbour may pass on the requests of several operators, each of whom follows all
        # peers for long.
        ("grpc.max_concurrent_streams", max(1024, 8 * num_peers)),
    ]
