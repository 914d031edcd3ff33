"""Requests for another peer are passed on, hop by hop: one address is enough to reach them all."""

import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import grpc

from peer.runtime.settings import control_channel
from peer.wire.control import Method, decode, encode
from topology.network import Network

__all__ = ["Relay", "Unreached"]


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
    """Control channels to the neighbours, opened when they are needed; data connections bear no requests.

    Parameters
    ----------
    network : Network
        Says which neighbour is the next hop.
    name : str
        This peer.
    """

    def __init__(self, network: Network, name: str) -> None:
        self._network = network
        self._name = name
        self._channels: dict[str, grpc.aio.Channel] = {}

    async def ask(self, method: Method[Any, Any], request: Any, timeout_s: float | None) -> Any:  # noqa: ANN401
        """Pass a request on and return the reply.

        Raises
        ------
        Unreached
            If a hop cannot be reached, or refuses.
        """
        hop, onward = self._next(request)
        call: Any = self._channel(hop).unary_unary(method.path)
        try:
            return decode(method.reply, await call(encode(onward), timeout=timeout_s))
        except grpc.aio.AioRpcError as error:
            raise self._unreached(hop, error) from error

    async def follow(self, method: Method[Any, Any], request: Any) -> AsyncIterator[Any]:  # noqa: ANN401
        """Pass a request on and yield the replies as they come; raises as :meth:`ask`."""
        hop, onward = self._next(request)
        made: Any = self._channel(hop).unary_stream(method.path)
        call = made(encode(onward))
        try:
            while (data := await call.read()) is not grpc.aio.EOF:
                yield decode(method.reply, data)
        except grpc.aio.AioRpcError as error:
            raise self._unreached(hop, error) from error
        finally:
            call.cancel()

    async def close(self) -> None:
        """Close all channels."""
        for channel in self._channels.values():
            await channel.close()

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

    def _channel(self, hop: str) -> grpc.aio.Channel:
        channel = self._channels.get(hop)
        if channel is None:
            address = str(self._network.peers[hop].address)
            channel = self._channels[hop] = grpc.aio.insecure_channel(address, options=control_channel())
        return channel

    def _unreached(self, hop: str, error: grpc.aio.AioRpcError) -> Unreached:
        if error.code() is not grpc.StatusCode.UNAVAILABLE or _told(error):
            return Unreached(error.code(), error.details() or "no reason was given")
        address = self._network.peers[hop].address
        return Unreached(
            grpc.StatusCode.UNAVAILABLE, f"{hop} ({address}) cannot be reached from {self._name}"
        )


def _told(error: grpc.aio.AioRpcError) -> bool:
    """Whether a peer further on has given this reason, not gRPC."""
    return "cannot be reached from" in (error.details() or "")
