"""Watching a run that a peer may not have heard of yet."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

from peer.runtime.client import Client, UnknownRun
from peer.wire.requests import WatchReply
from tests.support.network import DEADLINE_S

__all__ = ["watch"]


async def watch(client: Client, run: str, peer: str, interval_ms: int = 200) -> AsyncIterator[WatchReply]:
    """Follow a run at one peer, from the moment when it hears of it."""
    due = monotonic() + DEADLINE_S
    while True:
        try:
            async for reply in client.watch(run, peer, interval_ms):
                yield reply
        except UnknownRun:
            if monotonic() > due:
                raise
            await asyncio.sleep(0.02)
        else:
            return
