"""How far this machine gets on its way to a peer: the name, the port, TLS, the right peer, what it says of itself."""

import asyncio
import socket
from dataclasses import dataclass
from time import time
from typing import Any

import grpc

from peer.runtime.access import Access, Place
from peer.runtime.causes import plain_cause
from peer.runtime.settings import control_channel
from peer.runtime.telling import HEALTH_PATH, About, read_about
from topology.address import parse_address
from topology.errors import InputError

__all__ = ["Answer", "Trouble", "Way", "reach"]

NAME_S = 5.0
CONNECT_S = 5.0
ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer has answered.

    Attributes
    ----------
    about : About or None
        What it says of itself, where it says anything.
    ahead_s : float
        How far its clock is ahead of this machine's.
    within_s : float
        By how much that may be wrong: half of the time that the answer took.
    """

    about: About | None
    ahead_s: float
    within_s: float


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no answer.

    Attributes
    ----------
    problem : str
        What was seen.
    mend : str
        What to do about it.
    absent : bool
        Whether the machine is there and nothing listens: a peer that is started later is none of this machine's faults.
    """

    problem: str
    mend: str
    absent: bool = False


Way = Answer | Trouble


async def reach(place: Place, access: Access | None) -> Way:
    """Go to a peer, step by step, as far as it goes.

    Parameters
    ----------
    place : Place
        The peer and its address.
    access : Access or None
        How it is reached; None where this machine has no key that can be used: then the port is tried only.

    Returns
    -------
    Answer or Trouble
        An answer says nothing of the peer where there is no access.
    """
    host, port = parse_address(place.address)
    try:
        async with asyncio.timeout(NAME_S):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError) as error:
        why = getattr(error, "strerror", None) or f"no answer within {NAME_S:g} s"
        return Trouble(
            f"the name {host} cannot be resolved ({why})",
            f"correct peers.{place.name}.address in the network file, or this machine's DNS or /etc/hosts",
        )
    trouble = await _connect(place, [sockaddr[:2] for *_, sockaddr in found])
    if trouble is not None:
        return trouble
    if access is None:
        return Answer(None, 0.0, float("inf"))
    return await _ask(place, access)


async def _connect(place: Place, addresses: list[Any]) -> Trouble | None:
    """Try the port at each address that the name stands for; as gRPC does, one is enough."""
    refused, problem = False, ""
    for host, port in addresses:
        try:
            async with asyncio.timeout(CONNECT_S):
                _, writer = await asyncio.open_connection(host, port)
        except ConnectionRefusedError:
            refused, problem = True, f"{host}: connection refused"
        except (OSError, TimeoutError) as error:
            problem = (
                problem or f"{host}: {getattr(error, 'strerror', None) or f'nothing within {CONNECT_S:g} s'}"
            )
        else:
            writer.close()
            return None
    if refused:
        return Trouble(
            problem, f"start {place.name} on its machine; a run waits until it is there", absent=True
        )
    return Trouble(
        problem,
        f"a router or firewall on the way drops it, or the address is wrong: let this TCP port in at {place.name}'s "
        f"machine, or, where that cannot be, let {place.name} dial (docs/machines.md)",
    )


async def _ask(place: Place, access: Access) -> Way:
    try:
        channel, _ = access.channel(place, control_channel())
    except InputError as error:
        return Trouble(error.problem, error.mend or "")
    async with channel:
        stub: Any = channel.unary_unary(HEALTH_PATH)
        call: Any = stub(b"", timeout=ANSWER_S)
        asked_s = time()
        try:
            await call
        except grpc.aio.AioRpcError as error:
            return _told(place, error)
        took_s = time() - asked_s
        about = read_about(await call.trailing_metadata())
    ahead_s = 0.0 if about is None else about.clock_s - (asked_s + took_s / 2)
    return Answer(about, ahead_s, took_s / 2)


def _told(place: Place, error: grpc.aio.AioRpcError) -> Trouble:
    details = error.details() or error.code().name
    cause = plain_cause(details)
    if "CERTIFICATE_VERIFY_FAILED" in details:
        mend = (
            f"ask {place.name} which key is right (`difpeer keys show`), and fetch certs/{place.name}.pem again; or "
            "another peer is at that address"
        )
    elif "Socket closed" in details or "recvmsg" in details:
        cause = "it ends the connection without a word: it does not take this machine's key"
        mend = f"its log says why: give {place.name} this machine's certificate and pin; compare the clocks"
    elif error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        cause = f"it takes connections and does not answer within {ANSWER_S:g} s"
        mend = f"look at {place.name}'s machine and log: it stands still, or is overloaded"
    else:
        mend = f"look at {place.name}'s log, and at which program has that port"
    return Trouble(cause, mend)
