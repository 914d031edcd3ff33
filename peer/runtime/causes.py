"""Why a connection failed, in plain words: what gRPC says of it names its own parts, and the system's error last."""

import re

from peer.runtime.settings import PING_TIMEOUT_MS

__all__ = ["TLS_CAUSES", "is_unresolved", "plain_cause", "tls_cause"]

_TLS_FAILED = re.compile(
    r"(?:Handshake failed with error|Tls handshake failed \(\w+\):) (?:SSL_ERROR_SSL: )?(?P<cause>.*)"
)
_OTHER_NAME = re.compile(r"No match found for server name|Hostname Verification Check failed")
_TLS_CAUSES = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the other side has shown no certificate",
    "certificate has expired": "the certificate of the other side has expired",
    "certificate is not yet valid": "the certificate of the other side begins later, or this machine's clock is wrong",
    "self signed certificate": "the certificate of the other side is none that is here for a pinned key",
    "WRONG_VERSION_NUMBER": "the other side does not speak TLS",
    "HTTP_REQUEST": "the other side does not speak TLS",
    "ALERT_CERTIFICATE_EXPIRED": "the other side says that the certificate of this side has expired",
    "ALERT_CERTIFICATE_UNKNOWN": "the other side does not take the certificate of this side",
    "ALERT_UNKNOWN_CA": "the other side does not take the certificate of this side",
}
"""By a part of what the TLS library says."""

_OTHER_PEER = "the certificate of the other side has another name"

TLS_CAUSES = frozenset((*_TLS_CAUSES.values(), _OTHER_PEER))
"""What :func:`tls_cause` says where it knows the cause: somebody is there, and one side does not take the other."""

_UNRESOLVED = re.compile(r"errors resolving (?P<name>.+?):\d+: .*?(?:: (?P<why>[^:\]]+))?\]?$", re.DOTALL)

_WRAPPED = re.compile(
    r"^(?:.*(?:last error|Failed to connect to remote host): )?"  # what came before, and of which address
    r"(?:[A-Z_]+: )?(?:ipv[46]:\S+: )?"  # a status, the address once more
    r"(?P<lost>Stream removed \()?"
    r"(?:(?:recvmsg|sendmsg|connect): ?)?"  # the system's call
    r"(?P<cause>.*?)"
    r"(?: \(\d+\))?(?(lost)\))$",  # the error's number
    re.DOTALL,
)

_PLAIN = {
    "ping timeout": f"it answered no ping for {PING_TIMEOUT_MS / 1000:g} s",
    "connection attempt timed out before receiving SETTINGS frame": (
        "it takes connections and says nothing: it stands still, or is no peer"
    ),
    "Internal error from Core": "the connection broke",
}


def tls_cause(text: str) -> str:
    """Say why a TLS handshake failed.

    Parameters
    ----------
    text : str
        A line of gRPC's core, or the details of an error.

    Returns
    -------
    str
        Empty where the text is about something else.
    """
    if _OTHER_NAME.search(text):
        return _OTHER_PEER
    found = _TLS_FAILED.search(text)
    if found is None:
        return ""
    return next((plain for words, plain in _TLS_CAUSES.items() if words in found["cause"]), found["cause"])


def is_unresolved(details: str | None) -> bool:
    """Whether the details of a gRPC error say that a name stands for no address."""
    return _UNRESOLVED.match(details or "") is not None


def plain_cause(details: str | None) -> str:
    """Say why a connection failed.

    Parameters
    ----------
    details : str or None
        Of a gRPC error, such as ``UNKNOWN: ipv4:127.0.0.1:7100: connect: Connection refused (111)``.

    Returns
    -------
    str
        Such as ``Connection refused``; what is not known comes back without its wrapping.
    """
    unresolved = _UNRESOLVED.match(details or "")
    if unresolved is not None:
        why = f" ({unresolved['why'].strip()})" if unresolved["why"] else ""
        return (
            f"the name {unresolved['name']} cannot be resolved{why}: correct the address in the network file, or this "
            "machine's DNS or /etc/hosts"
        )
    refused = tls_cause(details or "")
    if refused:
        return refused
    found = _WRAPPED.fullmatch(details or "")
    if not details or found is None:
        return details or "no answer"
    cause = found["cause"]
    if cause.startswith("Failed parsing HTTP/2"):
        return "what answers there is no peer: it does not speak gRPC"
    plain = _PLAIN.get(cause)
    if plain is not None:
        return plain
    return f"the connection broke ({cause})" if found["lost"] else cause
