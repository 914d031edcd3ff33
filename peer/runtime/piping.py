"""A connection's bytes, passed through a stream of gRPC."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import grpc

from peer.wire.reach import MAX_PIECE_BYTES, decode_piece, encode_piece

__all__ = ["ENDED", "close", "join"]

Read = Callable[[], Awaitable[object]]
Write = Callable[[bytes], Awaitable[None]]

ENDED = (grpc.RpcError, grpc.aio.BaseError, asyncio.InvalidStateError, OSError)
"""What a stream or a connection raises that is over."""


async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, read: Read, write: Write) -> None:
    """Pass bytes both ways until one side ends, however it does; then the connection is closed.

    Parameters
    ----------
    reader, writer : StreamReader, StreamWriter
        The connection.
    read, write : callable
        Of the stream; ``read`` gives ``grpc.aio.EOF`` at its end.

    Raises
    ------
    RemoteProtocolError
        If the other side sends what is no piece of a connection.
    """

    async def outward() -> None:
        while data := await reader.read(MAX_PIECE_BYTES):
            await write(encode_piece(data))

    async def inward() -> None:
        while isinstance(message := await read(), bytes):
            writer.write(decode_piece(message))
            await writer.drain()

    ways = [asyncio.create_task(outward()), asyncio.create_task(inward())]
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in done:
            with suppress(*ENDED):
                way.result()
    finally:
        for way in ways:
            way.cancel()
        # A cancelled read cancels its stream, which has no use any more.
        await asyncio.gather(*ways, return_exceptions=True)
        await close(writer)


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection that may be broken already."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
