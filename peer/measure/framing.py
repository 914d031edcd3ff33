"""What gRPC adds to the messages of a data connection, from constants; ``docs/framing.md`` says how they were found.

A message goes out behind gRPC's prefix in one HTTP/2 DATA frame, a long one in two. For each message that arrives two
WINDOW_UPDATE frames go back, mostly with the next message: one gives the stream its room again, one the connection.
All else is rare and depends on time: pings, which become rarer, and updates for two messages in one.

With TLS a message goes out, with its frames and updates, in records of at most 16 KiB; each message begins a new one.
"""

from math import sqrt
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LONG_BYTES",
    "OPENING_ACCEPTED_BYTES",
    "OPENING_DIALLED_BYTES",
    "RECORD_BYTES",
    "RECORD_HOLDS",
    "TLS_OPENING_ACCEPTED_BYTES",
    "TLS_OPENING_DIALLED_BYTES",
    "Carried",
    "records",
    "socket_bytes",
]

Sizes = TypeVar("Sizes", int, NDArray[np.int64])

PREFIX_BYTES = 5
"""gRPC's: one byte says whether it is compressed, four how long it is."""

FRAME_BYTES = 9
"""Header of an HTTP/2 frame."""

UPDATE_BYTES = FRAME_BYTES + 4
"""A WINDOW_UPDATE frame."""

UPDATES = 2
"""For a message that has arrived: of the stream and of the connection."""

PING_BYTES = FRAME_BYTES + 8
"""A PING frame, and its acknowledgement."""

LONG_BYTES = 131_072 - PREFIX_BYTES - UPDATE_BYTES
"""Longer messages take two DATA frames: gRPC hands TCP 128 KiB at once, with the updates that go along.

While a message fills more than two of those, they become half as long again, and so it soon takes two again.
"""

OPENING_DIALLED_BYTES = 324
"""Preface, SETTINGS and the acknowledgement of the other side's, the connection's window, HEADERS; without pings.

HEADERS name the address and gRPC's version: these are for an address of 15 characters such as ``127.0.0.1:50051``.
"""

OPENING_ACCEPTED_BYTES = 148
"""Likewise at the end that was dialled, without preface."""

TLS_OPENING_DIALLED_BYTES = 2462
"""Likewise with TLS, its handshake included; names, keys and signatures make it some tens of bytes more or less."""

TLS_OPENING_ACCEPTED_BYTES = 3280
"""Likewise at the end that was dialled."""

RECORD_BYTES = 22
"""What TLS 1.3 adds to a record: header 5, type of the content 1, tag 16."""

RECORD_HOLDS = 16_384 - 100
"""Bytes in a full record: gRPC keeps 100 free for what TLS adds, whichever cipher it is."""

_PINGS_SQUARED_PER_S = 20.0


class Carried(NamedTuple):
    """What one end of a connection did in a time.

    Attributes
    ----------
    messages : int
        Sent.
    message_bytes : int
        Theirs, as handed to gRPC.
    long_messages : int
        Those of them with more than `LONG_BYTES`.
    received : int
        Messages that arrived.
    seconds : float
        How long.
    records : int
        Of TLS, for the messages sent; 0 without TLS.
    """

    messages: int
    message_bytes: int
    long_messages: int
    received: int
    seconds: float
    records: int = 0


def records(message_bytes: Sizes) -> Sizes:
    """Say in how many records of TLS a message goes, with what gRPC adds to it; a long one begins anew in the middle.

    Parameters
    ----------
    message_bytes : int, or array of int
        As handed to gRPC.

    Returns
    -------
    int, or array of int
        At least 1.
    """
    whole = message_bytes + PREFIX_BYTES + FRAME_BYTES + UPDATES * UPDATE_BYTES
    return -(whole // -RECORD_HOLDS) + (message_bytes > LONG_BYTES)


def socket_bytes(carried: Carried) -> int:
    """Say what TCP sent for these messages, in bytes, retransmissions apart.

    Parameters
    ----------
    carried : Carried
        On a connection that is open; what opened it comes beside that.

    Returns
    -------
    int
        In exchanges within less than a tenth of a second it is right to within 8 bytes a message; in slower ones
        each ping may have two updates more with it, and 8 bytes a message may be exceeded.
    """
    data = carried.message_bytes + carried.messages * (PREFIX_BYTES + FRAME_BYTES)
    updates = carried.received * UPDATES * UPDATE_BYTES
    # To learn the link's bandwidth each end pings when something has arrived, after 0.1 s and then ever more seldom,
    # and acknowledges the other's pings.
    pings = 2 * min(carried.received, sqrt(_PINGS_SQUARED_PER_S * carried.seconds)) * PING_BYTES
    tls = carried.records * RECORD_BYTES
    return round(data + carried.long_messages * FRAME_BYTES + updates + pings + tls)
