"""A peer's gRPC server: the streams of its edges, the requests of operators, health.

gRPC gets no serializers: bytes in, bytes out, so that counts are exact, malformed bytes meet our own checks, and no
text of an exception of ours goes out.
"""

import asyncio
import errno
import logging
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from peer.protocol.errors import RemoteProtocolError
from peer.runtime.access import Access
from peer.runtime.descriptors import most_connections
from peer.runtime.door import Asker, Caller, Door, Role, Stranger
from peer.runtime.logs import Seldom
from peer.runtime.node import Node
from peer.runtime.operations import Operations, Refused
from peer.runtime.reach import NAME_KEY
from peer.runtime.relay import Relay, Unreached
from peer.runtime.settings import server_options
from peer.runtime.telling import TellingHealth
from peer.wire.control import CANCEL, COLLECT, CONTROL_SERVICE, STATUS, SUBMIT, WATCH, Method, decode, encode
from peer.wire.envelope import EXCHANGE_SERVICE, STREAM
from peer.wire.reach import OFFER, REACH_SERVICE
from topology.address import parse_address
from topology.errors import InputError, NotYet

__all__ = ["Service"]

log = logging.getLogger("difpeer")

MOST_FOLLOWED = 64
"""Watches and collections that one operator may have on at a time, passed on or not; more in large networks."""

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
    access : Access
        How the neighbours are reached to whom requests are passed on.
    door : Door
        Who may come in.

    Attributes
    ----------
    relay : Relay
        Passes requests on.
    """

    def __init__(self, node: Node, operations: Operations, access: Access, door: Door) -> None:
        self._node = node
        self._operations = operations
        self._accounts = node.books.accounts
        self._door = door
        self._seldom = Seldom()
        self._places: Counter[str] = Counter()
        self.relay = Relay(node.network, node.name, self._accounts, access)
        self._server = grpc.aio.server(options=server_options(len(node.network.names), most_connections()))
        self._health = TellingHealth(self._admitted)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        control = {
            SUBMIT.name: self._unary(SUBMIT, operations.submit),
            STATUS.name: self._unary(STATUS, operations.status),
            CANCEL.name: self._unary(CANCEL, operations.cancel),
            WATCH.name: self._stream(WATCH, operations.watch),
            COLLECT.name: self._stream(COLLECT, operations.collect),
        }
        exchange: dict[str, Any] = {STREAM: grpc.stream_stream_rpc_method_handler(self._exchange)}
        reach: dict[str, Any] = {OFFER: grpc.stream_stream_rpc_method_handler(self._offered)}
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(EXCHANGE_SERVICE, exchange),
                grpc.method_handlers_generic_handler(CONTROL_SERVICE, control),
                grpc.method_handlers_generic_handler(REACH_SERVICE, reach),
            )
        )

    async def start(self, listen: str) -> None:
        """Listen at an address.

        Raises
        ------
        InputError
            If the address cannot be had.
        NotYet
            If the port is in use.
        """
        try:
            self._door.open(self._server, listen)
        except RuntimeError as error:
            why = _bind_error(listen)
            kind = NotYet if why.errno == errno.EADDRINUSE else InputError
            raise kind(
                f"cannot listen at {listen}: {why.strerror or why}",
                field="--listen",
                mend=_way_to_listen(why, listen),
            ) from error
        await self._server.start()
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)

    async def stop(self, grace_s: float) -> None:
        """Stop listening; calls that are still on have ``grace_s`` to end."""
        await self._health.enter_graceful_shutdown()
        await self.relay.close()
        await self._server.stop(grace_s)

    async def _exchange(self, requests: object, context: Any) -> None:  # noqa: ANN401
        del requests  # read() and the iterator must not be mixed on one call
        async with self._guard(context):
            caller = self._door.caller(context)
            self._door.may_stream(caller)
            await self._node.links.accept(context, caller.grounds)

    async def _offered(self, requests: object, context: Any) -> None:  # noqa: ANN401
        del requests
        async with self._guard(context):
            caller = self._door.caller(context)
            self._door.may_stream(caller)
            name = caller.name or str(dict(context.invocation_metadata()).get(NAME_KEY, ""))
            if name not in self._node.network.neighbours(self._node.name):
                raise Stranger(f"{name or 'somebody'} is no neighbour, and offers a stream for requests")
            await self.relay.offers.accept(name, context, lambda: self._door.caller(context))

    def _unary(self, method: Method[Any, Any], answer: Callable[[Any], Awaitable[Any]]) -> Any:  # noqa: ANN401
        totals = self._accounts.of(method)

        async def handle(data: bytes, context: Any) -> bytes:  # noqa: ANN401
            reply = b""
            try:
                async with self._guard(context):
                    request, _ = self._asked(method, data, self._door.caller(context))
                    if self._ours(request):
                        reply = encode(await answer(request))
                    else:
                        timeout = context.time_remaining() or FORWARD_TIMEOUT_S
                        reply = encode(await self.relay.ask(method, request, timeout))
            finally:
                # Only now: what submits a run is then counted after the rows that the run begins with.
                totals.calls += 1
                totals.received(data)
                totals.sent(reply)
            return reply

        return grpc.unary_unary_rpc_method_handler(handle)

    def _stream(self, method: Method[Any, Any], answer: Callable[[Any], AsyncIterator[Any]]) -> Any:  # noqa: ANN401
        totals = self._accounts.of(method)

        async def handle(data: bytes, context: Any) -> None:  # noqa: ANN401
            totals.calls += 1
            totals.received(data)
            async with self._guard(context):
                request, asker = self._asked(method, data, self._door.caller(context))
                follow = answer if self._ours(request) else partial(self.relay.follow, method)
                async with self._place(asker.name):
                    async for reply in follow(request):
                        # Keys may have expired by now, or been taken off the network file.
                        self._door.may_go_on(context, asker)
                        await context.write(totals.sent(encode(reply)))

        return grpc.unary_stream_rpc_method_handler(handle)

    @asynccontextmanager
    async def _place(self, who: str) -> AsyncIterator[None]:
        """A place among the requests of somebody that go on for long; each may be answered a hundred times a second."""
        most = max(MOST_FOLLOWED, 8 * len(self._node.network.names))
        if self._places[who] >= most:
            text = f"{who or 'you'} has {most} requests that go on here already; end some of them"
            raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, text)
        self._places[who] += 1
        try:
            yield
        finally:
            self._places[who] -= 1

    def _asked(self, method: Method[Any, Any], data: bytes, caller: Caller) -> tuple[Any, Asker]:
        """Read a request of somebody who may make it; who may not learns nothing of what would be wrong with it."""
        try:
            request = decode(method.request, data)
        except RemoteProtocolError:
            if caller.role in (Role.OPERATOR, Role.ANYBODY):
                raise
            raise Stranger(f"{caller.name} is no operator, and asks for {method.name}") from None
        return request, self._door.may_ask(caller, method, request)

    def _ours(self, request: Any) -> bool:  # noqa: ANN401
        return request.peer in ("", self._node.name)

    @asynccontextmanager
    async def _admitted(self, context: Any) -> AsyncIterator[None]:  # noqa: ANN401
        """For a handler that answers everybody whom the door knows."""
        async with self._guard(context):
            self._door.caller(context)
            yield

    @asynccontextmanager
    async def _guard(self, context: Any) -> AsyncIterator[None]:  # noqa: ANN401
        """Turn what goes wrong in a handler into a status; details go to our own log only."""
        try:
            yield
        except Stranger as stranger:
            remote = context.peer()
            if self._seldom.allows(remote.rpartition(":")[0]):
                log.warning("refused a request from %s: %s", remote, stranger)
            await context.abort(grpc.StatusCode.PERMISSION_DENIED)
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
        except grpc.aio.BaseError as error:
            log.debug("a caller is gone before its answer: %s", error)
        except Exception:
            log.exception("a request failed by an error of this peer")
            text = f"an error of {self._node.name}; its log has the details"
            await context.abort(grpc.StatusCode.INTERNAL, text)


def _bind_error(listen: str) -> OSError:
    """What the system says; gRPC has told its own log only."""
    host, port = parse_address(listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # A system need not have the family.
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen()
    except OSError as error:
        return error
    return OSError("gRPC refused it")


def _way_to_listen(why: OSError, listen: str) -> str:
    port = parse_address(listen)[1]
    if isinstance(why, socket.gaierror):
        return f"correct the address, or this machine's DNS or /etc/hosts; or say where to listen: --listen [::]:{port}"
    if why.errno == errno.EADDRNOTAVAIL:
        return f"it is not this machine's own address, as behind a router: say where to listen, --listen [::]:{port}"
    return "stop the process that uses the port, or give another address"
