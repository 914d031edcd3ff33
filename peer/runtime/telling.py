"""What a peer tells of itself with its health: to neighbours, operators and itself, and to nobody else.

It travels as metadata behind the reply of ``grpc.health.v1``, so that a check of health by any other program stays what
it is; `difpeer doctor` compares it.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cache
from math import isfinite
from time import time
from typing import Any

import grpc
from grpc_health.v1.health import aio as health_aio

from peer import __version__
from peer.protocol.messages import PROTOCOL_VERSION
from peer.runtime.profile import profile

__all__ = ["HEALTH_PATH", "About", "TellingHealth", "about", "read_about"]

HEALTH_PATH = "/grpc.health.v1.Health/Check"

_SOFTWARE, _PROTOCOL, _PROFILE, _CLOCK = (
    "difpeer-software",
    "difpeer-protocol",
    "difpeer-profile",
    "difpeer-clock",
)


@dataclass(frozen=True, slots=True)
class About:
    """What a peer says of itself.

    Attributes
    ----------
    software : str
        ``difpeer 0.1.0``.
    protocol : str
        The version of what travels between peers.
    profile : str
        What its bits depend on, as canonical JSON.
    clock_s : float
        Its clock, seconds since 1970 UTC.
    """

    software: str
    protocol: str
    profile: str
    clock_s: float


@cache
def _profile() -> str:
    return profile()


def about() -> About:
    """Return what this process says of itself now."""
    return About(f"difpeer {__version__}", str(PROTOCOL_VERSION), _profile(), time())


def read_about(metadata: Iterable[tuple[str, Any]]) -> About | None:
    """Read what a peer has said of itself; None where it is no peer, or of a version that says nothing.

    Parameters
    ----------
    metadata : iterable of tuple
        Behind a reply.
    """
    told = {key: str(value) for key, value in metadata}
    try:
        found = About(told[_SOFTWARE], told[_PROTOCOL], told[_PROFILE], float(told[_CLOCK]))
    except (KeyError, ValueError):
        return None
    return found if isfinite(found.clock_s) else None


class TellingHealth(health_aio.HealthServicer):  # type: ignore[misc]
    """Answers checks of health, and tells of this peer with it.

    Parameters
    ----------
    admitted : callable
        Given a handler's context; what it returns ends the call of a stranger as it is entered.
    """

    def __init__(self, admitted: Callable[[Any], AbstractAsyncContextManager[None]]) -> None:
        super().__init__()
        self._admitted = admitted

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: ANN401
        """As grpc.health.v1 has it."""
        async with self._admitted(context):
            told = about()
            context.set_trailing_metadata(
                (
                    (_SOFTWARE, told.software),
                    (_PROTOCOL, told.protocol),
                    (_PROFILE, told.profile),
                    (_CLOCK, f"{told.clock_s:.6f}"),
                )
            )
            return await super().Check(request, context)

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: ANN401
        """Not offered: nobody needs it, and it would be one more request that goes on."""
        await self._refuse(context)

    async def List(self, request: Any, context: Any) -> None:  # noqa: ANN401
        """Not offered: there is one service."""
        await self._refuse(context)

    async def _refuse(self, context: Any) -> None:  # noqa: ANN401
        async with self._admitted(context):
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "health is told by Check only")
