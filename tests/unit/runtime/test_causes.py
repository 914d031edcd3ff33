"""What gRPC 1.85 says of common faults, word for word, and what is made of it."""

import pytest

from peer.runtime.causes import is_unresolved, plain_cause

REFUSED = "ipv4:127.0.0.1:7100: Failed to connect to remote host: connect: Connection refused (111)"
NO_PEER = (
    "INTERNAL: ipv4:127.0.0.1:7100: Failed parsing HTTP/2 (Expected SETTINGS frame as the first frame, got frame type "
    "80) (Trying to connect an http1.x server (HTTP status 400))"
)
UNRESOLVED = (
    "errors resolving nowhere.invalid:7399: [field:hostname lookup error:address lookup failed for "
    "nowhere.invalid:7399: Domain name not found]"
)
RESOLVE = "correct the address in the network file, or this machine's DNS or /etc/hosts"
TLS = "ipv4:127.0.0.1:7311: Tls handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: error:"
VERIFY = f"{TLS}1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED: self signed certificate: OK"


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
        (UNRESOLVED, f"the name nowhere.invalid cannot be resolved (Domain name not found): {RESOLVE}"),
        (
            "errors resolving lab:7100: [field:hostname lookup error]",
            f"the name lab cannot be resolved: {RESOLVE}",
        ),
        (VERIFY, "the certificate of the other side is none that is here for a pinned key"),
        (
            f"{TLS}100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER: OK",
            "the other side does not speak TLS",
        ),
        ("Internal error from Core", "the connection broke"),
        ("something new (4 of 5)", "something new (4 of 5)"),
        ("", "no answer"),
        (None, "no answer"),
    ],
)
def test_plain_words(said, plain):
    assert plain_cause(said) == plain


def test_a_name_that_stands_for_nothing_is_told_from_a_peer_that_is_away():
    assert is_unresolved(UNRESOLVED)
    assert not is_unresolved(f"failed to connect to all addresses; last error: UNKNOWN: {REFUSED}")
    assert not is_unresolved(None)
