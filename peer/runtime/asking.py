"""Asking every peer of a network at once, where some may be away."""

import asyncio
from collections.abc import Iterable, Sequence

from peer.config import RunFailed
from peer.runtime.access import Access
from peer.runtime.client import Client
from peer.wire.requests import StatusReply
from topology.errors import InputError

__all__ = ["ANSWER_S", "Told", "answers_at", "ask_all"]

Told = dict[str, StatusReply | RunFailed]
"""What came of a question, by peer: a status, or why there is none."""

ANSWER_S = 3.0
"""How long each peer may take to answer; a peer that is away or stands still must not hide what the others say."""


async def ask_all(via: str, access: Access, names: Sequence[str]) -> Told:
    """Ask every peer for its status, through one of them.

    Parameters
    ----------
    via : str
        The one, as :class:`Client` takes it.
    access : Access
        How it is reached.
    names : sequence of str
        Of all peers.

    Returns
    -------
    dict
        In the order of the names; PeerAway for a peer that is away, or behind one that is.

    Raises
    ------
    NoAnswer
        If the peer at the address is away.
    """
    async with Client(via, access, patience_s=0) as client:

        async def ask(name: str) -> StatusReply | RunFailed:
            try:
                async with asyncio.timeout(ANSWER_S):
                    return await client.status(name)
            except TimeoutError:
                text = f"no answer within {ANSWER_S:g} s: it stands still, or a peer on the way to it"
                return RunFailed(text)
            except RunFailed as error:
                return error

        return dict(zip(names, await asyncio.gather(*map(ask, names)), strict=True))


async def answers_at(addresses: Iterable[str], access: Access) -> dict[str, StatusReply]:
    """Ask peers for their status, each at its own address; gives those that answer, in the order of the addresses."""

    async def ask(address: str) -> StatusReply | None:
        try:
            async with (
                asyncio.timeout(ANSWER_S),
                Client(address, access, patience_s=0, field="address") as client,
            ):
                return await client.status()
        except (TimeoutError, InputError, RunFailed):
            return None

    asked = list(addresses)
    replies = await asyncio.gather(*map(ask, asked))
    return {address: reply for address, reply in zip(asked, replies, strict=True) if reply is not None}
