"""Why a connection failed, in plain words: what gRPC says of it names its own parts, and the system's error last."""

import re

from peer.runtime.settings import PING_TIMEOUT_MS

__all__ = ["plain_cause"]

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
