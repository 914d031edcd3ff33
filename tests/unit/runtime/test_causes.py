"""What gRPC 1.85 says of common faults, word for word, and what is made of it."""

import pytest

from peer.runtime.causes import plain_cause

REFUSED = "ipv4:127.0.0.1:7100: Failed to connect to remote host: connect: Connection refused (111)"
NO_PEER = (
    "INTERNAL: ipv4:127.0.0.1:7100: Failed parsing HTTP/2 (Expected SETTINGS frame as the first frame, got frame type "
    "80) (Trying to connect an http1.x server (HTTP status 400))"
)


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        (f"failed to connect to all addresses; last error: UNKNOWN: {REFUSED}", "Connection refused"),
        (
            "Stream removed (recvmsg:Connection reset by peer (104))",
            "the connection broke (Connection reset by peer)",
        ),
        ("Stream removed (Socket closed)", "the connection broke (Socket closed)"),
        ("Stream removed (ping timeout)", "it answered no ping for 5 s"),
        ("ping timeout", "it answered no ping for 5 s"),
        (
            "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:33847: connection attempt timed "
            "out before receiving SETTINGS frame",
            "it takes connections and says nothing: it stands still, or is no peer",
        ),
        (NO_PEER, "what answers there is no peer: it does not speak gRPC"),
        ("ipv6:%5B::1%5D:7100: connect: Connection refused (111)", "Connection refused"),
        ("Internal error from Core", "the connection broke"),
        ("something new (4 of 5)", "something new (4 of 5)"),
        ("", "no answer"),
        (None, "no answer"),
    ],
)
def test_plain_words(said, plain):
    assert plain_cause(said) == plain
