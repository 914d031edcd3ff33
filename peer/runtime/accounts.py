"""Requests in two accounts, beside the data: control changes or fetches a run, telemetry only looks at it.

Each account has connections of its own, too: the counters of a data connection must be data, and who follows a run
must not wait behind who fetches one.
"""

from collections.abc import Iterator
from typing import Any

import grpc

from peer.measure.recorder import Account
from peer.runtime.access import Access, Grounds, Place
from peer.runtime.settings import control_channel
from peer.wire.control import STATUS, WATCH, Method

__all__ = ["Accounts", "Channels", "Totals", "account_of"]

_ACCOUNTS: tuple[Account, ...] = ("control", "telemetry")
_TELEMETRY = frozenset({STATUS.name, WATCH.name})


def account_of(method: Method[Any, Any]) -> Account:
    """Return the account that a method's requests and replies belong to."""
    return "telemetry" if method.name in _TELEMETRY else "control"


class Totals:
    """What the requests of one account have cost so far, in messages as handed to gRPC and as they came from it."""

    __slots__ = ("bytes_received", "bytes_sent", "calls")

    def __init__(self) -> None:
        self.calls = self.bytes_sent = self.bytes_received = 0

    def sent(self, data: bytes) -> bytes:
        """Count what goes out, and give it back."""
        self.bytes_sent += len(data)
        return data

    def received(self, data: bytes) -> bytes:
        """Count what has come, and give it back."""
        self.bytes_received += len(data)
        return data


class Accounts:
    """The totals of both accounts, since the process started."""

    def __init__(self) -> None:
        self._totals: dict[Account, Totals] = {account: Totals() for account in _ACCOUNTS}

    def of(self, method: Method[Any, Any]) -> Totals:
        """Return the totals that a method counts in."""
        return self._totals[account_of(method)]

    def __iter__(self) -> Iterator[tuple[Account, Totals]]:
        return iter(self._totals.items())


class Channels:
    """Connections to one address: one for each account, opened by its first request.

    Parameters
    ----------
    place : Place
        A peer.
    access : Access
        How it is reached.

    Attributes
    ----------
    grounds : tuple of Grounds
        What they rest on; empty without TLS.
    """

    def __init__(self, place: Place, access: Access) -> None:
        # With the subchannel pool of its own that the options ask for, a channel shares its connection with no other.
        made = {account: access.channel(place, control_channel()) for account in _ACCOUNTS}
        self._channels: dict[Account, grpc.aio.Channel] = {account: one for account, (one, _) in made.items()}
        self.grounds: tuple[Grounds, ...] = tuple(rest for _, rest in made.values() if rest is not None)

    def of(self, method: Method[Any, Any]) -> Any:  # noqa: ANN401 - grpc has no common type of its channels' methods
        """Return the channel for a method."""
        return self._channels[account_of(method)]

    async def close(self) -> None:
        """Close both."""
        for channel in self._channels.values():
            await channel.close()
