"""How peers trust each other. For now: not at all, and therefore on one machine only."""

from pathlib import Path

from topology.address import parse_address
from topology.errors import InputError

__all__ = ["check_loopback"]

_LOOPBACK = ("127.0.0.1", "::1")
_MEND = "use 127.0.0.1 or ::1; connections between machines need TLS, which is not available yet"


def check_loopback(
    address: str, insecure_loopback: bool, *, field: str, file: Path | None = None
) -> tuple[str, int]:
    """Refuse an address that plaintext must not be used with.

    Certificate rotation and expiry (``grpc.max_connection_age_ms``) have no meaning without certificates.

    Parameters
    ----------
    address : str
        ``host:port`` to listen at or to connect to.
    insecure_loopback : bool
        Whether the user has asked for connections without TLS.
    field : str
        What the address is, for the message.
    file : Path, optional
        Where it was read, likewise.

    Returns
    -------
    host : str
        The address of the loopback interface.
    port : int
        From 1 to 65535.

    Raises
    ------
    InputError
        Without ``--insecure-loopback``, or for an address beyond this machine. A name such as ``localhost`` is
        beyond it: what it stands for is decided elsewhere.
    """
    if not insecure_loopback:
        raise InputError(
            "connections with TLS are not available yet",
            file=file,
            field=field,
            mend="give --insecure-loopback, for peers on this machine",
        )
    try:
        host, port = parse_address(address)
    except InputError as error:
        raise InputError(error.problem, file=file, field=field, mend=error.mend) from None
    if host not in _LOOPBACK:
        problem = f"{address} is not an address of this machine's loopback interface"
        raise InputError(problem, file=file, field=field, mend=_MEND)
    return host, port
