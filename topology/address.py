"""Addresses at which peers reach each other: ``host:port``, an IPv6 host in brackets."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from topology.errors import InputError

__all__ = ["loopback_addresses", "own_address", "parse_address"]

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"  # containers' names may hold underscores
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_SCOPE = re.compile(r"[A-Za-z0-9_.-]+")  # an interface; units of systemd and command lines hold addresses
_PORT = re.compile(r"[0-9]{1,5}")


def parse_address(text: str) -> tuple[str, int]:
    """Split ``host:port``.

    Parameters
    ----------
    text : str
        Such as ``127.0.0.1:7100``, ``lab-3.example.org:7100`` or ``[::1]:7100``.

    Returns
    -------
    host : str
        In its shortest form, lower case, without brackets: equal hosts compare equal.
    port : int
        From 1 to 65535.

    Raises
    ------
    InputError
        If host or port cannot be used.
    """
    mend = "write host:port, an IPv6 host in brackets: [::1]:7100"
    host, colon, port = text.rpartition(":")
    if not colon or not host:
        raise InputError(f"{text!r} is no address", mend=mend)
    if not _PORT.fullmatch(port) or not 1 <= int(port) <= 65535:
        raise InputError(f"{text!r} has the port {port!r}", mend="give a port from 1 to 65535")
    try:
        return _canonical_host(host), int(port)
    except AddressValueError:
        raise InputError(f"{text!r} has the host {host!r}", mend=mend) from None


def _canonical_host(host: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        address = IPv6Address(host[1:-1])
        if address.scope_id is not None and not _SCOPE.fullmatch(address.scope_id):
            raise AddressValueError(host)
        return str(address)
    last_label = host.rpartition(".")[2]
    if last_label.isdecimal():
        return str(IPv4Address(host))
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise AddressValueError(host)
    return host.lower()


def loopback_addresses(num_peers: int, base_port: int) -> list[str]:
    """Addresses for peers on this machine.

    Parameters
    ----------
    num_peers : int
        How many.
    base_port : int
        Port of the first; each other one has the next.

    Returns
    -------
    list of str
        Such as ``127.0.0.1:7100``.

    Raises
    ------
    InputError
        If there are not so many ports.
    """
    if not 1 <= base_port <= 65536 - num_peers:
        raise InputError(
            f"found {base_port}", field="base-port", mend=f"give a port from 1 to {65536 - num_peers}"
        )
    return [f"127.0.0.1:{base_port + position}" for position in range(num_peers)]


def own_address(listen: str) -> tuple[str, int]:
    """Return where a process of this machine reaches a peer that listens so.

    Parameters
    ----------
    listen : str
        ``host:port``; the host may stand for all addresses.

    Returns
    -------
    host : str
        Without brackets.
    port : int
        From 1 to 65535.

    Raises
    ------
    InputError
        If it is no address.
    """
    host, port = parse_address(listen)
    # Who listens at all addresses of IPv6 has all of IPv4 with them: gRPC's doing.
    return ("127.0.0.1" if host in ("0.0.0.0", "::") else host), port  # noqa: S104 - compared, not listened at
