"""Strangers, and neighbours and operators gone bad, who wear a peer down: each in a process of its own.

``python -m tests.support.attackers KIND HOST:PORT [NETWORK_FILE WHO PEER]`` goes on until it is told to stop (SIGTERM),
and then prints what it did, as one JSON line. They speak TCP, TLS and HTTP/2 by themselves: gRPC's client would not let
them. They give way to every other process (nice 19): real ones bring processors of their own.
"""

import json
import os
import selectors
import signal
import socket
import ssl
import struct
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

from peer.identity.certificates import tls_name
from peer.identity.ring import certificate_file, key_file
from peer.runtime.parent import end_with_parent
from peer.wire.control import WATCH, encode
from peer.wire.envelope import STREAM_PATH
from peer.wire.requests import WatchRequest
from tests.support.http2 import PREFACE

CROWD = 1_000
SLOW = 200
STREAMS = 10_000
RETRY_S = 0.2
DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4

Address = tuple[str, int]


class Stop(BaseException):
    """It is told to stop; no error that something else would take for its own."""


class Crowd:
    """Many connections that are kept up: one that the other side closes is replaced.

    Parameters
    ----------
    address : tuple
        Whom to connect to.
    number : int
        How many at a time.
    opening : bytes
        Sent at once.
    drip : bytes
        Sent one byte a second.
    """

    def __init__(self, address: Address, number: int, opening: bytes = b"", drip: bytes = b"") -> None:
        self.counts: Counter[str] = Counter()
        self.lifetimes: list[float] = []
        self._address = address
        self._number = number
        self._opening = opening
        self._drip = drip
        self._selector = selectors.DefaultSelector()
        self._since: dict[socket.socket, float] = {}

    def go_on(self) -> None:
        """For ever."""
        next_drip = 0.0
        while True:
            for _ in range(min(50, self._number - len(self._since))):
                self._open()
            for key, _ in self._selector.select(0.02):
                self._hear(key.fileobj)  # type: ignore[arg-type]
            if self._drip and monotonic() > next_drip:
                next_drip = monotonic() + 1
                for one, since in list(self._since.items()):
                    at = int(monotonic() - since) % len(self._drip)
                    try:
                        one.send(self._drip[at : at + 1])
                    except OSError:
                        self._gone(one)

    def _open(self) -> None:
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(self._address)
        self._since[one] = monotonic()
        self._selector.register(one, selectors.EVENT_READ | (selectors.EVENT_WRITE if self._opening else 0))
        self.counts["connections"] += 1
        self.counts["most at a time"] = max(self.counts["most at a time"], len(self._since))

    def _hear(self, one: socket.socket) -> None:
        try:
            if self._selector.get_key(one).events & selectors.EVENT_WRITE:
                one.send(self._opening)
                self._selector.modify(one, selectors.EVENT_READ)
            elif not one.recv(65_536):
                self._gone(one)
        except BlockingIOError:
            pass
        except OSError:
            self._gone(one)

    def _gone(self, one: socket.socket) -> None:
        self._selector.unregister(one)
        self.lifetimes.append(monotonic() - self._since.pop(one))
        one.close()


def client_hello(name: str = "p1") -> bytes:
    """The first flight of a TLS handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    half = context.wrap_bio(incoming, outgoing, server_hostname=tls_name(name))
    with suppress(ssl.SSLWantReadError):
        half.do_handshake()
    return outgoing.read()


class Insider:
    """HTTP/2 under the identity of a neighbour or operator, frame by frame."""

    def __init__(self, address: Address, network_file: Path, who: str, peer: str) -> None:
        self.counts: Counter[str] = Counter()
        self.lifetimes: list[float] = []
        self._address = address
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context.load_verify_locations(certificate_file(network_file, peer))
        self._context.load_cert_chain(certificate_file(network_file, who), key_file(network_file, who))
        self._context.set_alpn_protocols(["h2"])
        self._peer = peer

    def again_and_again(self, attack: Callable[["Connection"], None]) -> None:
        """Attack on one connection after the other."""
        while True:
            began = monotonic()
            try:
                plain = socket.create_connection(self._address, timeout=20)
                with self._context.wrap_socket(plain, server_hostname=tls_name(self._peer)) as secured:
                    self.counts["connections"] += 1
                    attack(Connection(secured, self.counts))
            except OSError as error:
                self.counts[f"ended: {type(error).__name__}"] += 1
                sleep(RETRY_S)
            self.lifetimes.append(monotonic() - began)


class Connection:
    """A connection on which the preface has been sent."""

    def __init__(self, secured: ssl.SSLSocket, counts: Counter[str]) -> None:
        self._socket = secured
        self.counts = counts
        self._number = 1
        secured.sendall(PREFACE + frame(SETTINGS, 0, 0))

    def send(self, what: str, data: bytes, number: int = 1) -> None:
        """Send frames, and throw away what comes back."""
        self._socket.sendall(data)
        self.counts[what] += number
        self.drain()

    def drain(self, seconds: float = 0.0) -> None:
        """Read what is there, or comes in a time."""
        due = monotonic() + seconds
        while True:
            self._socket.settimeout(max(1e-6, due - monotonic()))
            try:
                if not self._socket.recv(65_536):
                    raise ConnectionResetError("closed by the other side")
            except (TimeoutError, ssl.SSLWantReadError):
                return
            finally:
                self._socket.settimeout(20)

    def stream(self) -> int:
        """The number of a new one."""
        self._number += 2
        return self._number - 2


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    """A frame of HTTP/2."""
    return struct.pack(">I", len(body))[1:] + struct.pack(">BBI", kind, flags, stream) + body


def request(stream: int, path: str) -> bytes:
    """The headers of a call, without compression."""
    headers = {
        ":method": "POST",
        ":scheme": "https",
        ":path": path,
        ":authority": "p1",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    body = b"".join(
        b"\0" + b"".join(bytes([len(part)]) + part.encode() for part in header) for header in headers.items()
    )
    return frame(HEADERS, END_HEADERS, stream, body)


def message(stream: int, data: bytes, claimed: int | None = None, end: bool = True) -> bytes:
    """A message of gRPC, or the beginning of one that says it is longer."""
    size = len(data) if claimed is None else claimed
    return frame(DATA, END_STREAM if end else 0, stream, b"\0" + struct.pack(">I", size) + data)


def streams(connection: Connection) -> None:
    """Open streams of the edge, all at once, and say nothing on them."""
    for _ in range(STREAMS // 100):
        opened = b"".join(request(connection.stream(), STREAM_PATH) for _ in range(100))
        connection.send("streams", opened, 100)
    connection.drain(5.0)


def watches(connection: Connection) -> None:
    """Watch a run ten thousand times."""
    asked = encode(WatchRequest("", "flooded", 10))
    for _ in range(STREAMS // 100):
        numbers = [connection.stream() for _ in range(100)]
        opened = b"".join(request(number, WATCH.path) + message(number, asked) for number in numbers)
        connection.send("watches", opened, 100)
    connection.drain(5.0)


def resets(connection: Connection) -> None:
    """Open streams and reset them at once."""
    while True:
        numbers = [connection.stream() for _ in range(100)]
        cancel = struct.pack(">I", 8)
        both = (request(number, STREAM_PATH) + frame(RST_STREAM, 0, number, cancel) for number in numbers)
        connection.send("resets", b"".join(both), 100)


def settings(connection: Connection) -> None:
    """Each wants an acknowledgement."""
    while True:
        connection.send("settings", frame(SETTINGS, 0, 0) * 500, 500)


def pings(connection: Connection) -> None:
    """Likewise."""
    while True:
        connection.send("pings", frame(PING, 0, 0, bytes(8)) * 500, 500)


def oversized(connection: Connection) -> None:
    """Messages that say they have 2 GB, and then one byte more than may be."""
    for size in (2**32 - 1, 64 * 1024 * 1024 + 1025):
        number = connection.stream()
        connection.send(
            "oversized", request(number, STREAM_PATH) + message(number, bytes(8000), size, end=False)
        )
    connection.drain(0.2)


KINDS = {each.__name__: each for each in (streams, watches, resets, settings, pings, oversized)}


def attacks(words: list[str]) -> tuple[Crowd | Insider, Callable[[], None]]:
    """Who attacks, and how."""
    kind, where, *rest = words
    host, _, port = where.rpartition(":")
    address = (host, int(port))
    if kind in KINDS:
        network_file, who, peer = rest
        insider = Insider(address, Path(network_file), who, peer)
        return insider, lambda: insider.again_and_again(KINDS[kind])
    hello = client_hello()
    crowd = {
        "silent": lambda: Crowd(address, CROWD),
        "half": lambda: Crowd(address, CROWD, opening=hello),
        "slow": lambda: Crowd(address, SLOW, drip=hello),
    }[kind]()
    return crowd, crowd.go_on


def main(words: list[str]) -> None:
    """Attack until told to stop."""

    def stop(*_: object) -> None:
        raise Stop

    end_with_parent()
    signal.signal(signal.SIGTERM, stop)
    os.nice(19)
    who, go_on = attacks(words)
    print("ready", flush=True)
    with suppress(Stop):
        go_on()
    lived = sorted(who.lifetimes)
    print(json.dumps({"counts": who.counts, "ended": len(lived), "longest_s": lived[-1] if lived else None}))


if __name__ == "__main__":
    main(sys.argv[1:])
