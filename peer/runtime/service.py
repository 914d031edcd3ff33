"""A peer's gRPC server: the streams of its edges, the requests of operators, health.

gRPC gets no serializers: bytes in, bytes out, so that counts are exact, malformed bytes meet our own checks, and no
text of an exception of ours goes out.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

from peer.protocol.errors import RemoteProtocolError
from peer.runtime.node import Node
from peer.runtime.operations import Operations, Refused
from peer.runtime.relay import Relay, Unreached
from peer.runtime.settings import server_options
from peer.wire.control import CANCEL, COLLECT, CONTROL_SERVICE, STATUS, SUBMIT, WATCH, Method, decode, encode
from peer.wire.envelope import EXCHANGE_SERVICE, STREAM
from topology.address import parse_address
from topology.errors import InputError

__all__ = ["Service"]

log = logging.getLogger("difpeer")

FORWARD_TIMEOUT_S = 30.0
"""For a request without a deadline of its own."""


class Service:
    """The server of one peer.

    Parameters
    ----------
    node : Node
        The peer.
    operations : Operations
        Answers to operators.
    """

    def __init__(self, node: Node, operations: Operations) -> None:
        self._node = node
        self._operations = operations
        self._relay = Relay(node.network, node.name)
        self._server = grpc.aio.server(options=server_options(len(node.network.names)))
        self._health = health_aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        control = {
            SUBMIT.name: self._unary(SUBMIT, operations.submit),
            STATUS.name: self._unary(STATUS, operations.status),
            CANCEL.name: self._unary(CANCEL, operations.cancel),
            WATCH.name: self._stream(WATCH, operations.watch),
            COLLECT.name: self._stream(COLLECT, operations.collect),
        }
        exchange: dict[str, Any] = {STREAM: grpc.stream_stream_rpc_method_handler(self._exchange)}
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(EXCHANGE_SERVICE, exchange),
                grpc.method_handlers_generic_handler(CONTROL_SERVICE, control),
            )
        )

    async def start(self, listen: str) -> None:
        """Listen at an address.

        Raises
        ------
        InputError
            If the address cannot be had: a port in use.
        """
        try:
            self._server.add_insecure_port(listen)
        except RuntimeError as error:
            raise InputError(
                f"cannot listen at {listen}: {_bind_error(listen)}",
                field="--listen",
                mend="stop the process that uses the port, or give another address",
            ) from error
        await self._server.start()
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, grace_s: float) -> None:
        """Stop listening; calls that are still on have ``grace_s`` to end."""
        await self._health.enter_graceful_shutdown()
        await self._relay.close()
        await self._server.stop(grace_s)

    async def _exchange(self, requests: object, context: Any) -> None:  # noqa: ANN401
        del requests  # read() and the iterator must not be mixed on one call
        async with self._guard(context):
            await self._node.links.accept(context)

    def _unary(self, method: Method[Any, Any], answer: Callable[[Any], Awaitable[Any]]) -> Any:  # noqa: ANN401
        async def handle(data: bytes, context: Any) -> bytes:  # noqa: ANN401
            reply = b""
            async with self._guard(context):
                request = decode(method.request, data)
                if self._ours(request):
                    reply = encode(await answer(request))
                else:
                    timeout = context.time_remaining() or FORWARD_TIMEOUT_S
                    reply = encode(await self._relay.ask(method, request, timeout))
            return reply

        return grpc.unary_unary_rpc_method_handler(handle)

    def _stream(self, method: Method[Any, Any], answer: Callable[[Any], AsyncIterator[Any]]) -> Any:  # noqa: ANN401
        async def handle(data: bytes, context: Any) -> None:  # noqa: ANN401
            async with self._guard(context):
                request = decode(method.request, data)
                follow = answer if self._ours(request) else partial(self._relay.follow, method)
                async for reply in follow(request):
                    await context.write(encode(reply))

        return grpc.unary_stream_rpc_method_handler(handle)

    def _ours(self, request: Any) -> bool:  # noqa: ANN401
        return request.peer in ("", self._node.name)

    @asynccontextmanager
    async def _guard(self, context: Any) -> AsyncIterator[None]:  # noqa: ANN401
        """Turn what goes wrong in a handler into a status; details go to our own log only."""
        try:
            yield
        except RemoteProtocolError as error:
            # The text names a field of the caller's own request and what was found there.
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except (Refused, Unreached) as error:
            await context.abort(error.code, error.text)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # by gRPC: the caller is gone, or the server stops
            # From inside, such as a passed-on call that ended as cancelled. If it escaped, gRPC would send no
            # status and the caller would hang until its own deadline (grpc/grpc#29248).
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the request was cancelled on its way")
        except grpc.aio.AbortError:
            raise
        except Exception:
            log.exception("a request failed by an error of this peer")
            text = f"an error of {self._node.name}; its log has the details"
            await context.abort(grpc.StatusCode.INTERNAL, text)


def _bind_error(listen: str) -> str:
    """What the system says; gRPC has told its own log only."""
    host, port = parse_address(listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            return error.strerror or str(error)
    return "gRPC refused it"
