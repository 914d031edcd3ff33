"""Requests for another peer are passed on, hop by hop: one address is enough to reach them all."""

import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

from peer.protocol.errors import RemoteProtocolError
from peer.runtime.access import Access, Grounds, Place
from peer.runtime.accounts import Accounts, Channels
from peer.runtime.causes import is_unresolved
from peer.runtime.reach import Offers
from peer.wire.control import Method, decode, encode
from topology.errors import InputError
from topology.network import Network

__all__ = ["Relay", "Unreached"]

log = logging.getLogger("difpeer")


class Unreached(Exception):
    """A request could not be passed on; the text names the hop.

    Parameters
    ----------
    code : grpc.StatusCode
        For the client.
    text : str
        Likewise.
    """

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Relay:
    """Connections to the neighbours, opened when they are needed; data connections bear no requests.

    Parameters
    ----------
    network : Network
        Says which neighbour is the next hop.
    name : str
        This peer.
    accounts : Accounts
        Where the bytes of what is passed on are counted.
    access : Access
        How the neighbours are reached.

    Attributes
    ----------
    offers : Offers
        Streams of neighbours that cannot be dialled.
    """

    def __init__(self, network: Network, name: str, accounts: Accounts, access: Access) -> None:
        self._network = network
        self._name = name
        self._accounts = accounts
        self._access = access
        self.offers = Offers()
        self._channels: dict[str, Channels] = {}
        self._closing: set[asyncio.Future[None]] = set()

    async def ask(self, method: Method[Any, Any], request: Any, timeout_s: float | None) -> Any:  # noqa: ANN401
        """Pass a request on and return the reply.

        Raises
        ------
        Unreached
            If a hop cannot be reached, refuses, or answers what is no reply.
        """
        hop, onward = self._next(request)
        call: Any = (await self._channel(hop, method)).unary_unary(method.path)
        totals = self._accounts.of(method)
        try:
            data = await call(totals.sent(encode(onward)), timeout=timeout_s)
            return self._read(hop, method, totals.received(data))
        except grpc.aio.AioRpcError as error:
            raise self._unreached(hop, error) from error

    async def follow(self, method: Method[Any, Any], request: Any) -> AsyncIterator[Any]:  # noqa: ANN401
        """Pass a request on and yield the replies as they come; raises as :meth:`ask`."""
        hop, onward = self._next(request)
        made: Any = (await self._channel(hop, method)).unary_stream(method.path)
        totals = self._accounts.of(method)
        call = made(totals.sent(encode(onward)))
        try:
            while (data := await call.read()) is not grpc.aio.EOF:
                yield self._read(hop, method, totals.received(data))
        except grpc.aio.AioRpcError as error:
            raise self._unreached(hop, error) from error
        finally:
            call.cancel()

    def renew(self) -> None:
        """Close all connections, and open new ones with the keys of now where they are needed."""
        for hop in list(self._channels):
            self._drop(hop)

    def recheck(self, over: Callable[[Grounds], str]) -> None:
        """Close the connections whose grounds do not hold any more: what was passed on there ends."""
        for hop, channels in list(self._channels.items()):
            why = next(filter(None, map(over, channels.grounds)), "")
            if why:
                log.info("closed the connections for requests to %s: %s", hop, why)
                self._drop(hop)

    def _drop(self, hop: str) -> None:
        channels = self._channels.pop(hop, None)
        if channels is not None:
            closing = asyncio.ensure_future(channels.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close all connections."""
        self.renew()
        await self.offers.close()
        await asyncio.gather(*self._closing)

    def _next(self, request: Any) -> tuple[str, Any]:  # noqa: ANN401
        if request.peer not in self._network.names:
            raise Unreached(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"{request.peer!r} is not a peer of the network {self._network.name} (asked {self._name})",
            )
        if request.hops >= len(self._network.names):
            raise Unreached(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"a request for {request.peer} goes in circles: the peers have different network files",
            )
        hop = self._network.next_hop(self._name, request.peer)
        return hop, dataclasses.replace(request, hops=request.hops + 1)

    async def _channel(self, hop: str, method: Method[Any, Any]) -> Any:  # noqa: ANN401
        address = str(self._network.peers[hop].address)
        if not self._network.can_dial(self._name, hop):
            address = await self.offers.address(hop)
        channels = self._channels.get(hop)
        if channels is None:
            place = Place(hop, address)
            try:
                channels = self._channels[hop] = Channels(place, self._access)
            except InputError as error:
                text = f"{hop} cannot be reached from {self._name}: {error.problem}"
                raise Unreached(grpc.StatusCode.UNAVAILABLE, text) from error
        return channels.of(method)

    def _read(self, hop: str, method: Method[Any, Any], data: bytes) -> Any:  # noqa: ANN401
        try:
            return decode(method.reply, data)
        except RemoteProtocolError as error:
            # Not the client's fault, and none that another attempt mends.
            text = f"{hop} answers {self._name} what is no {method.name} reply ({error}); is it of another version?"
            raise Unreached(grpc.StatusCode.INTERNAL, text) from error

    def _unreached(self, hop: str, error: grpc.aio.AioRpcError) -> Unreached:
        if error.code() is grpc.StatusCode.PERMISSION_DENIED and not error.details():
            return Unreached(error.code(), f"{hop} does not take it from {self._name}")
        if error.code() is not grpc.StatusCode.UNAVAILABLE or _told(error):
            return Unreached(error.code(), error.details() or "no reason was given")
        if is_unresolved(error.details()):
            # A channel looks for a name again after up to two minutes, whoever asks meanwhile; a new one at once.
            self._drop(hop)
        where = str(self._network.peers[hop].address)
        if not self._network.can_dial(self._name, hop):
            where = f"which has to connect to {self._name} itself, and has not"
        return Unreached(grpc.StatusCode.UNAVAILABLE, f"{hop} ({where}) cannot be reached from {self._name}")


def _told(error: grpc.aio.AioRpcError) -> bool:
    """Whether a peer further on has given this reason, not gRPC."""
    return "cannot be reached from" in (error.details() or "")
