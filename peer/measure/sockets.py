"""What TCP carried on a data connection: the kernel's counters of gRPC's own sockets (Linux).

gRPC does not hand out its sockets, but they are among the process's open files: they are recognised by their
addresses, duplicated, and asked for TCP_INFO whenever a sample is due. A duplicate keeps its counters after gRPC
has closed the connection, and does not keep the connection open: gRPC shuts the socket down when it closes it.

Addresses are pairs of host and port in one form: gRPC's sockets are AF_INET6 even for 127.0.0.1, and their
IPv4-mapped addresses become plain IPv4 here.
"""

import os
import socket
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from typing import Any
from urllib.parse import unquote

from peer.measure.tcp_info import (
    HEADERS_IPV4,
    HEADERS_IPV6,
    OPEN_FILES,
    UNKNOWN,
    SocketSample,
    available,
    established,
    missing_fields,
    opened,
    parse_tcp_info,
    tcp_info,
)
from topology.address import parse_address

__all__ = [
    "UNKNOWN",
    "Endpoint",
    "SocketFinder",
    "SocketSample",
    "TcpSocket",
    "available",
    "endpoints",
    "missing_fields",
    "opened",
    "peer_endpoint",
]

Endpoint = tuple[str, int]
"""Host (an address, never a name) and port."""


class TcpSocket:
    """A duplicate of a socket that someone else in this process owns.

    Parameters
    ----------
    duplicate : socket.socket
        It is closed with this object.
    inode : int
        Identity of the socket behind all its duplicates.
    local, remote : tuple of str and int
        Its two ends.
    """

    def __init__(self, duplicate: socket.socket, inode: int, local: Endpoint, remote: Endpoint) -> None:
        self.inode = inode
        self.local = local
        self.remote = remote
        self._socket = duplicate
        self._headers = HEADERS_IPV6 if ":" in remote[0] else HEADERS_IPV4

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._socket.fileno() < 0

    @property
    def established(self) -> bool:
        """Whether the connection is open in both directions."""
        return established(tcp_info(self._socket))

    @property
    def user_timeout_ms(self) -> int:
        """TCP_USER_TIMEOUT; gRPC sets it to the channel's ``grpc.keepalive_timeout_ms``."""
        return self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)

    def sample(self) -> SocketSample:
        """Read the counters; still right after gRPC has closed the connection.

        Returns
        -------
        SocketSample
            As of now.

        Raises
        ------
        OSError
            After `close`.
        """
        return parse_tcp_info(tcp_info(self._socket), self._headers)

    def close(self) -> None:
        """Release the duplicate; the owner's connection is not touched."""
        self._socket.close()


class SocketFinder:
    """Finds the sockets of connections that gRPC opened or accepted in this process.

    A socket that was found is not found again until it is closed. Since counters are cumulative, nothing is lost
    when a socket is found late.
    """

    def __init__(self) -> None:
        self._taken: dict[int, TcpSocket] = {}

    def find(
        self,
        remotes: Collection[Endpoint],
        *,
        local: Endpoint | None = None,
        user_timeout_ms: int | None = None,
    ) -> TcpSocket | None:
        """Find the one open connection with these addresses.

        Parameters
        ----------
        remotes : collection of (str, int)
            The other end may have any of them: `peer_endpoint` of gRPC's peer string at an accepted stream,
            `endpoints` of the address at a dialled one.
        local : (str, int), optional
            This end, where it is known.
        user_timeout_ms : int, optional
            ``grpc.keepalive_timeout_ms`` of the channel. Where a process has several channels to one address,
            values that differ tell their sockets apart: gRPC does not say the local port.

        Returns
        -------
        TcpSocket or None
            To be closed by the caller; None where no connection or more than one fits, or where the platform
            cannot: ask again later.
        """
        if not available():
            return None
        self._taken = {inode: taken for inode, taken in self._taken.items() if not taken.closed}
        fitting: list[TcpSocket] = []
        for candidate in _tcp_sockets(set(self._taken)):
            if (
                candidate.remote in remotes
                and local in (None, candidate.local)
                and user_timeout_ms in (None, candidate.user_timeout_ms)
                and candidate.established
            ):
                fitting.append(candidate)
            else:
                candidate.close()
        if len(fitting) != 1:
            for candidate in fitting:
                candidate.close()
            return None
        found = fitting[0]
        self._taken[found.inode] = found
        return found


def endpoints(address: str) -> frozenset[Endpoint]:
    """Return the addresses behind ``host:port``; a host's name is looked up, which may take a while.

    Parameters
    ----------
    address : str
        As in the network file.

    Returns
    -------
    frozenset of (str, int)
        Empty where the name is unknown.

    Raises
    ------
    InputError
        If it is no address.
    """
    host, port = parse_address(address)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        return frozenset()
    return frozenset(_endpoint(entry[4]) for entry in found)


def peer_endpoint(peer: str) -> Endpoint | None:
    """Read gRPC's peer string.

    Parameters
    ----------
    peer : str
        Such as ``ipv4:127.0.0.1:1234`` or ``ipv6:%5B::1%5D:1234``.

    Returns
    -------
    (str, int) or None
        None where it is not an IP address: a Unix socket.
    """
    family, _, rest = unquote(peer).partition(":")
    host, _, port = rest.rpartition(":")
    if family not in ("ipv4", "ipv6") or not port.isdecimal():
        return None
    try:
        return _endpoint((host.strip("[]"), int(port)))
    except ValueError:
        return None


def _tcp_sockets(skip: set[int]) -> Iterator[TcpSocket]:
    """Duplicates of this process's connected TCP sockets, each once, but for those with an inode to skip."""
    seen = set(skip)
    for entry in os.listdir(OPEN_FILES):  # noqa: PTH208
        # gRPC's threads may close a socket at any moment: then it is passed over.
        with suppress(OSError):
            found = os.fstat(int(entry))
            if stat.S_ISSOCK(found.st_mode) and found.st_ino not in seen:
                duplicate = _duplicate(int(entry))
                if duplicate is not None and duplicate.inode not in seen:
                    seen.add(duplicate.inode)
                    yield duplicate
                elif duplicate is not None:
                    duplicate.close()


def _duplicate(descriptor: int) -> TcpSocket | None:
    copy = os.dup(descriptor)
    found = os.fstat(copy)
    if not stat.S_ISSOCK(found.st_mode):
        # The number went to a file since we looked. Closing the copy would drop the process's locks on that
        # file (POSIX), the ledger's perhaps: rather leave it open.
        return None
    duplicate = socket.socket(fileno=copy)
    with suppress(OSError, ValueError):
        if duplicate.family in (socket.AF_INET, socket.AF_INET6) and duplicate.type == socket.SOCK_STREAM:
            local, remote = _endpoint(duplicate.getsockname()), _endpoint(duplicate.getpeername())
            return TcpSocket(duplicate, found.st_ino, local, remote)
    duplicate.close()
    return None


def _endpoint(address: tuple[Any, ...]) -> Endpoint:
    host, port = address[:2]
    ip = ip_address(host.partition("%")[0])
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return str(ip), port
