"""What a client asks of a network, through any one peer of it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from time import monotonic
from types import TracebackType
from typing import Any, Self

import grpc

from peer.config import RunFailed
from peer.protocol.errors import LocalProtocolError, RemoteProtocolError
from peer.runtime.access import Access
from peer.runtime.accounts import Channels
from peer.runtime.causes import TLS_CAUSES, is_unresolved, plain_cause
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

__all__ = [
    "PATIENCE_S",
    "RETRY_EVERY_S",
    "Client",
    "NoAnswer",
    "PeerAway",
    "UnknownRun",
    "command_at",
]

PATIENCE_S = 10.0
"""How long a peer that cannot be reached is tried."""

TOLD_AFTER_S = 1.0
"""Who waits for a peer that cannot be reached is told after this; most wait for one that is just being started."""

RETRY_EVERY_S = 0.2
REPLY_TIMEOUT_S = 30.0

_KEY_MAY_BE_OLD = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.PERMISSION_DENIED)

_AWAY = "cannot be reached from"
"""What the peer says that could not pass a request on."""


def command_at(words: str, where: str, access: Access) -> str:
    """Write the command line that asks a peer."""
    return f"difpeer {words} --via {where} {access.words}"


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
    """Connections to one peer, which passes requests on to the others.

    Parameters
    ----------
    where : str
        The peer: its ``host:port``, with TLS also its name, or ``NAME@HOST:PORT``.
    access : Access
        How it is reached.
    patience_s : float
        How long a peer that cannot be reached is tried.
    field : str
        Where the address came from, for messages.
    waiting : callable, optional
        Called once, with a line of text, when the peer cannot be reached and is tried again and again.
    """

    def __init__(
        self,
        where: str,
        access: Access,
        *,
        patience_s: float = PATIENCE_S,
        field: str = "--via",
        waiting: Callable[[str], None] | None = None,
    ) -> None:
        place = access.locate(where, field=field)
        self.where = where
        self.address = place.address
        self.access = access
        self._field = field
        self._patience_s = patience_s
        self._waiting = waiting
        self._place = place
        self._channels = Channels(place, access)
        self._before: list[Channels] = []
        self._renewing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for channels in (*self._before, self._channels):
            await channels.close()

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

    async def watch(
        self, run: str, peer: str = "", interval_ms: int = 200
    ) -> AsyncGenerator[WatchReply, None]:
        """Follow a run at one peer until it is over there; a peer that is away is asked again.

        Raises
        ------
        UnknownRun
            If the peer has no record of it.
        """
        trouble = _Trouble(self._patience_s)
        while True:
            channels = self._channels
            try:
                async for reply in self._follow(WATCH, WatchRequest(peer, run, interval_ms)):
                    trouble.over()
                    yield reply
            except grpc.aio.AioRpcError as error:
                if not await self._again(error, trouble, channels):
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
            channels = self._channels
            try:
                async for chunk in self._follow(COLLECT, CollectRequest(peer, run)):
                    parts.setdefault(chunk.name, []).append(chunk.data)
                    totals[chunk.name] = chunk.total
            except grpc.aio.AioRpcError as error:
                if not await self._again(error, trouble, channels):
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
        while True:
            channels = self._channels
            call: Any = channels.of(method).unary_unary(method.path)
            data = self._encoded(method, request)
            try:
                return self._read(method, await call(data, timeout=REPLY_TIMEOUT_S))
            except grpc.aio.AioRpcError as error:
                if not await self._again(error, trouble, channels):
                    raise self._explained(error, trouble) from error
                self._tell(error, trouble)

    async def _again(self, error: grpc.aio.AioRpcError, trouble: "_Trouble", used: Channels) -> bool:
        """Whether it is worth another try: also where keys or pins have changed here since the connection was made."""
        if error.code() in _KEY_MAY_BE_OLD:
            async with self._renewing:
                if self._channels is used and await asyncio.to_thread(self.access.renewed):
                    # Others may wait for answers on it: closed, it would cancel them.
                    self._before.append(used)
                    self._channels = Channels(self._place, self.access)
                if self._channels is not used:
                    return True
        return await trouble.again(error)

    def _encoded(self, method: Method[Any, Any], request: Any) -> bytes:  # noqa: ANN401
        try:
            return encode(self.access.signed(method, request))
        except LocalProtocolError as error:
            # What the user gave, such as a run's id, went into it unchanged.
            raise InputError(str(error)) from error

    def _tell(self, error: grpc.aio.AioRpcError, trouble: "_Trouble") -> None:
        if self._waiting is not None and trouble.tried_s >= TOLD_AFTER_S:
            cause = plain_cause(error.details() or error.code().name)
            self._waiting(
                f"{self.address} cannot be reached ({cause}); it is tried for {self._patience_s:.0f} s"
            )
            self._waiting = None

    async def _follow(self, method: Method[Any, Any], request: Any) -> AsyncIterator[Any]:  # noqa: ANN401
        made: Any = self._channels.of(method).unary_stream(method.path)
        call = made(self._encoded(method, request))
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
                f"{self.address} cannot be reached, tried for {trouble.tried_s:.1f} s ({trouble.cause})",
                field=self._field,
                mend=self._way_to(text, trouble.cause),
            )
        if error.code() is grpc.StatusCode.PERMISSION_DENIED:
            said = f": {text}" if error.details() else ""
            return InputError(
                f"{self.address} refuses the request of {self.access.who}{said}",
                field="--key",
                mend="its network file and those on the way have to name this key under operators; its log says more",
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

    def _way_to(self, text: str, cause: str) -> str:
        """What to do about a peer that cannot be reached."""
        if is_unresolved(text):
            return ""  # the cause says it
        who = self.access.who
        if not who:
            return "check the address, and that a peer serves there"
        if cause in TLS_CAUSES:
            name = self._place.name
            return f"compare what `difpeer keys show` says of {name} here and on its machine, and check the address"
        return (
            f"check the address, and that a peer serves there that has the pin and the certificate of {who}"
        )


class _Trouble:
    """How long something has not worked, and why."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._since_s: float | None = None
        self.tried_s = 0.0
        self.cause = ""

    def over(self) -> None:
        """It works."""
        self._since_s = None
        self.cause = ""

    async def again(self, error: grpc.aio.AioRpcError) -> bool:
        """Wait a little and say whether it is worth another try."""
        if self.cause not in TLS_CAUSES:  # of several addresses the one says most where somebody is
            self.cause = plain_cause(error.details() or error.code().name)
        now = monotonic()
        if self._since_s is None:
            self._since_s = now
        self.tried_s = now - self._since_s
        if error.code() is not grpc.StatusCode.UNAVAILABLE or self.tried_s >= self._patience_s:
            return False
        await asyncio.sleep(RETRY_EVERY_S)
        return True
