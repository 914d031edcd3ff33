"""What a client asks of a network, through any one peer of it."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from types import TracebackType
from typing import Any, Self

import grpc

from peer.config import RunFailed
from peer.protocol.errors import LocalProtocolError, RemoteProtocolError
from peer.runtime.causes import plain_cause
from peer.runtime.credentials import check_loopback
from peer.runtime.settings import control_channel
from peer.wire.control import CANCEL, COLLECT, STATUS, SUBMIT, WATCH, Method, decode, encode
from peer.wire.requests import (
    CancelReply,
    CancelRequest,
    CollectRequest,
    StatusReply,
    StatusRequest,
    SubmitReply,
    SubmitRequest,
    WatchReply,
    WatchRequest,
)
from topology.errors import InputError

__all__ = ["PATIENCE_S", "RETRY_EVERY_S", "Client", "NoAnswer", "PeerAway", "UnknownRun"]

PATIENCE_S = 10.0
"""How long a peer that cannot be reached is tried."""

RETRY_EVERY_S = 0.2
REPLY_TIMEOUT_S = 30.0

_AWAY = "cannot be reached from"
"""What the peer says that could not pass a request on."""


class NoAnswer(InputError):
    """The peer asked cannot be reached; the text says how long it was tried."""


class PeerAway(RunFailed):
    """Another peer than the one asked cannot be reached; the text names who is away, and who says so.

    Parameters
    ----------
    text : str
        Such as ``p3 (127.0.0.1:7103) cannot be reached from p1``: p3 is the peer asked, or on the way to it.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.away = text.split()[0]
        self.seen_from = text.partition(_AWAY)[2].split(";")[0].strip()


class UnknownRun(RunFailed):
    """A peer has no record of the run: it has not heard of it yet, or it was removed there."""


class Client:
    """A connection to one peer, which passes requests on to the others.

    Parameters
    ----------
    address : str
        ``host:port`` of the peer.
    insecure_loopback : bool
        Without TLS, on this machine only.
    patience_s : float
        How long a peer that cannot be reached is tried.
    field : str
        Where the address came from, for messages.
    """

    def __init__(
        self,
        address: str,
        insecure_loopback: bool,
        *,
        patience_s: float = PATIENCE_S,
        field: str = "--via",
    ) -> None:
        check_loopback(address, insecure_loopback, field=field)
        self.address = address
        self._field = field
        self._patience_s = patience_s
        self._channel = grpc.aio.insecure_channel(address, options=control_channel())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()

    async def submit(self, run: str, spec: bytes, peer: str = "") -> SubmitReply:
        """Submit a run under an id of the client's choice; safe to repeat, so a lost answer is asked for again.

        Parameters
        ----------
        run : str
            Its id.
        spec : bytes
            Canonical.
        peer : str, optional
            For whom; the peer at the address by default. Likewise below.

        Raises
        ------
        NoAnswer
            If the peer cannot be reached; for every method here.
        InputError
            If the request is wrong; likewise.
        RunFailed
            If another peer cannot be reached, or refuses; likewise.
        """
        reply: SubmitReply = await self._ask(SUBMIT, SubmitRequest(peer, run, spec))
        return reply

    async def status(self, peer: str = "") -> StatusReply:
        """Ask what a peer is doing."""
        reply: StatusReply = await self._ask(STATUS, StatusRequest(peer))
        return reply

    async def cancel(self, run: str, reason: str, peer: str = "") -> CancelReply:
        """End a run everywhere."""
        reply: CancelReply = await self._ask(CANCEL, CancelRequest(peer, run, reason))
        return reply

    async def watch(self, run: str, peer: str = "", interval_ms: int = 200) -> AsyncIterator[WatchReply]:
        """Follow a run at one peer until it is over there; a peer that is away is asked again.

        Raises
        ------
        UnknownRun
            If the peer has no record of it.
        """
        trouble = _Trouble(self._patience_s)
        while True:
            try:
                async for reply in self._follow(WATCH, WatchRequest(peer, run, interval_ms)):
                    trouble.over()
                    yield reply
            except grpc.aio.AioRpcError as error:
                if not await trouble.again(error):
                    raise self._explained(error, trouble) from error
            else:
                return

    async def collect(self, run: str, peer: str = "") -> dict[str, bytes]:
        """Fetch the files of a run: ``result.npz``, ``ledger.sqlite`` and ``peer.json``.

        Raises
        ------
        UnknownRun
            If the peer has no record of it.
        """
        trouble = _Trouble(self._patience_s)
        while True:
            parts: dict[str, list[bytes]] = {}
            totals: dict[str, int] = {}
            try:
                async for chunk in self._follow(COLLECT, CollectRequest(peer, run)):
                    parts.setdefault(chunk.name, []).append(chunk.data)
                    totals[chunk.name] = chunk.total
            except grpc.aio.AioRpcError as error:
                if not await trouble.again(error):
                    raise self._explained(error, trouble) from error
                continue
            files = {name: b"".join(data) for name, data in parts.items()}
            for name, data in files.items():
                if len(data) != totals[name]:
                    raise RunFailed(
                        f"{peer or self.address} sent {len(data)} of {totals[name]} bytes of {name}"
                    )
            return files

    async def _ask(self, method: Method[Any, Any], request: Any) -> Any:  # noqa: ANN401
        trouble = _Trouble(self._patience_s)
        data = _encoded(request)
        call: Any = self._channel.unary_unary(method.path)
        while True:
            try:
                return self._read(method, await call(data, timeout=REPLY_TIMEOUT_S))
            except grpc.aio.AioRpcError as error:
                if not await trouble.again(error):
                    raise self._explained(error, trouble) from error

    async def _follow(self, method: Method[Any, Any], request: Any) -> AsyncIterator[Any]:  # noqa: ANN401
        made: Any = self._channel.unary_stream(method.path)
        call = made(_encoded(request))
        try:
            while (data := await call.read()) is not grpc.aio.EOF:
                yield self._read(method, data)
        finally:
            call.cancel()

    def _read(self, method: Method[Any, Any], data: bytes) -> Any:  # noqa: ANN401
        try:
            return decode(method.reply, data)
        except RemoteProtocolError as error:
            raise RunFailed(
                f"{self.address} answers what is not a {method.name} reply ({error}); "
                "is another program at that address, or another version of difpeer?"
            ) from error

    def _explained(self, error: grpc.aio.AioRpcError, trouble: "_Trouble") -> InputError | RunFailed:
        text = error.details() or error.code().name
        if _AWAY in text:
            return PeerAway(text + (f"; tried for {trouble.tried_s:.1f} s" if trouble.tried_s else ""))
        if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            return NoAnswer(
                f"{self.address} cannot be reached, tried for {trouble.tried_s:.1f} s ({plain_cause(text)})",
                field=self._field,
                mend="check the address, and that a peer serves there",
            )
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            return InputError(
                f"{self.address} is no peer of difpeer, or of another version ({text})",
                field=self._field,
                mend="check the address; install the same difpeer version at both",
            )
        if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
            return InputError(text, mend="check the request, and that both sides have the same version")
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return UnknownRun(text)
        return RunFailed(text)


def _encoded(request: Any) -> bytes:  # noqa: ANN401
    try:
        return encode(request)
    except LocalProtocolError as error:
        # What the user gave, such as a run's id, went into it unchanged.
        raise InputError(str(error)) from error


class _Trouble:
    """How long something has not worked."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._since_s: float | None = None
        self.tried_s = 0.0

    def over(self) -> None:
        """It works."""
        self._since_s = None

    async def again(self, error: grpc.aio.AioRpcError) -> bool:
        """Wait a little and say whether it is worth another try."""
        now = monotonic()
        if self._since_s is None:
            self._since_s = now
        self.tried_s = now - self._since_s
        if error.code() is not grpc.StatusCode.UNAVAILABLE or self.tried_s >= self._patience_s:
            return False
        await asyncio.sleep(RETRY_EVERY_S)
        return True
