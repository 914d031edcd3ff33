"""A second process of one peer: it finds the first, tells it, and keeps away.

Each would take the edges from the other: the neighbours believe whoever has the higher incarnation, and the first one
stops, perhaps because a folder was copied by mistake.
"""

import asyncio
from contextlib import suppress
from typing import Any

import grpc

from peer import __version__
from peer.config import RunFailed
from peer.protocol.messages import PROTOCOL_VERSION, Hello
from peer.runtime.access import Access, Place
from peer.runtime.client import Client
from peer.runtime.settings import data_channel
from peer.wire.envelope import STREAM_PATH, encode_message
from topology.errors import InputError

__all__ = ["find_first"]

ANSWER_S = 3.0
"""Of a busy process; at an ordinary start nobody listens, and the system refuses at once."""


async def find_first(place: Place, access: Access) -> bool:
    """Whether a process serves this peer at its address already; it is told of this one, for its log.

    Parameters
    ----------
    place : Place
        The peer, and its address in the network file.
    access : Access
        With the peer's own key.
    """
    try:
        async with asyncio.timeout(ANSWER_S), Client(place.address, access, patience_s=0) as client:
            first = await client.status()
    except (TimeoutError, InputError, RunFailed):
        return False
    if first.peer != place.name:
        return False
    with suppress(TimeoutError, grpc.RpcError, grpc.aio.BaseError, asyncio.InvalidStateError):
        channel, _ = access.channel(place, data_channel())
        async with asyncio.timeout(ANSWER_S), channel:
            # A Hello by its own name: it closes the stream, and says why in its log.
            call: Any = channel.stream_stream(STREAM_PATH)()
            await call.write(
                encode_message(Hello(PROTOCOL_VERSION, place.name, 1, 1, f"difpeer {__version__}"))
            )
            await call.read()
    return True
