"""What this machine is to a network, as one of its peers or as its operator: what is wrong, and the mend."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from peer.identity.certificates import SOON, Certificate
from peer.identity.ring import Ring, certificate_file, how_to_renew, is_here, read_ring
from peer.runtime.access import Access, Place, Secured
from peer.runtime.checkup import Finding, Grade
from peer.runtime.comparing import compare
from peer.runtime.credentials import Credentials
from peer.runtime.health import dialled
from peer.runtime.reaching import Answer, Trouble, reach
from topology.address import parse_address
from topology.errors import InputError
from topology.network import Network, read_network

__all__ = ["Part", "checkup_network"]


@dataclass(frozen=True, slots=True)
class Part:
    """What this machine is said to be.

    Attributes
    ----------
    network_file : Path
        Of the network.
    name : str or None
        The peer; None for an operator.
    key : Path or None
        The private key; None for the one beside the network file.
    listen : str or None
        Where the peer listens; None for its address in the network file.
    """

    network_file: Path
    name: str | None = None
    key: Path | None = None
    listen: str | None = None


async def checkup_network(part: Part) -> AsyncIterator[Finding]:
    """Look at a machine's part in a network, one check after the other.

    Parameters
    ----------
    part : Part
        What it is said to be.

    Yields
    ------
    Finding
        Files first, then the way to each peer, then what peers differ in.

    Raises
    ------
    InputError
        If the network file cannot be used, or there is no such peer in it.
    """
    network = read_network(part.network_file)
    if part.name is not None:
        try:
            network.index(part.name)
        except InputError as error:
            raise InputError(error.problem, file=part.network_file, field="--name", mend=error.mend) from None
    found, access = _key(part)
    yield found
    others = network.names if part.name is None else network.neighbours(part.name)
    if part.name is None:
        unasked = [near for near in others if not is_here(certificate_file(part.network_file, near))]
        others = tuple(near for near in others if near not in unasked)
        for finding in _unasked(unasked, others, part.network_file):
            yield finding
    for finding in _certificates(part, network, others):
        yield finding
    if part.name is not None:
        yield await _port(part, network, access)
    answers: dict[str, Answer] = {}
    places = {
        near: Place(near, str(network.peers[near].address))
        for near in others
        if _dials(network, part.name, near)
    }
    ways = await asyncio.gather(*(reach(place, access) for place in places.values()))
    for place, way in zip(places.values(), ways, strict=True):
        yield _way(place, way, access)
        if isinstance(way, Answer) and access is not None:
            answers[place.name] = way
    for near in others:
        if near not in places:
            yield Finding(
                near, Grade.GOOD, f"not dialled from here: it connects to {part.name or 'its neighbours'}"
            )
    for finding in compare(answers):
        yield finding


def _dials(network: Network, name: str | None, near: str) -> bool:
    return network.peers[near].address is not None if name is None else network.can_dial(name, near)


def _key(part: Part) -> tuple[Finding, Access | None]:
    try:
        credentials = Credentials(part.network_file, part.key, part.name)
    except InputError as error:
        return Finding("key", Grade.BAD, _problem(error), error.mend or ""), None
    own = credentials.known.identity
    what = "operator" if own.name in credentials.known.network.operators else "peer"
    found = f"{credentials.known.key}: of the {what} {own.name}, as pinned ({own.certificates[0].fingerprint[:23]}…)"
    return Finding("key", Grade.GOOD, found), Secured(credentials)


def _unasked(names: Sequence[str], others: Sequence[str], network_file: Path) -> Iterator[Finding]:
    """Peers whose certificates an operator has not: they are asked through others."""
    if names and not others:
        found = f"no certificate of any peer beside {network_file}"
        yield Finding(
            "certificates", Grade.BAD, found, "copy certs/NAME.pem of each peer that is to be asked"
        )
        return
    for name in names:
        found = f"{certificate_file(network_file, name)}: no certificate of {name}"
        mend = f"it is asked through the others; for `--via {name}` copy certs/{name}.pem from its machine"
        yield Finding("certificates", Grade.LIMITED, found, mend)


def _certificates(part: Part, network: Network, others: Sequence[str]) -> Iterator[Finding]:
    """One line for all that are well, and one for each that is not."""
    ring = read_ring(part.network_file, network)
    now = datetime.now(UTC)
    own = () if part.name is None else (part.name,)
    needed = dict.fromkeys((*own, *others, *network.operators))
    well: dict[str, datetime] = {}
    for name in needed:
        try:
            newest = max(ring.of(name), key=lambda one: one.not_after)
        except InputError as error:
            yield Finding("certificates", Grade.BAD, _problem(error), error.mend or "")
            continue
        finding = _validity(name, newest, now, ring)
        if finding is None:
            well[name] = newest.not_after
        else:
            yield finding
    for name, problem in ring.problems.items():
        if name not in needed:
            yield Finding("certificates", Grade.LIMITED, _problem(problem), problem.mend or "")
    if well:
        first = min(well, key=well.__getitem__)
        found = f"of {', '.join(sorted(well))}: valid, the first until {well[first]:%Y-%m-%d} ({first})"
        yield Finding("certificates", Grade.GOOD, found)


def _validity(name: str, one: Certificate, now: datetime, ring: Ring) -> Finding | None:
    file = certificate_file(ring.network_file, name)
    renew = how_to_renew(name, ring.network_file)
    if now > one.not_after:
        found = f"{file} expired at {one.not_after:%Y-%m-%d %H:%M} UTC"
        return Finding("certificates", Grade.BAD, found, f"{renew}; or this machine's clock is wrong")
    if now < one.not_before:
        found = (
            f"{file} begins at {one.not_before:%Y-%m-%d %H:%M} UTC, and here it is {now:%Y-%m-%d %H:%M} UTC"
        )
        return Finding(
            "certificates", Grade.BAD, found, "set this machine's clock, or that of where it was made"
        )
    if one.not_after - now < SOON:
        found = f"{file} expires at {one.not_after:%Y-%m-%d %H:%M} UTC"
        return Finding("certificates", Grade.LIMITED, found, renew)
    return None


async def _port(part: Part, network: Network, access: Access | None) -> Finding:
    """Whether the peer can listen, or listens already."""
    assert part.name is not None
    listen = part.listen or network.peers[part.name].address
    if listen is None:
        mend = f"give --listen, as `difpeer serve` gets it; {part.name} has no address in the network file"
        return Finding("port", Grade.BAD, "nothing says where to listen", mend)
    host, port = parse_address(listen)
    both = host == "::" and socket.has_dualstack_ipv6()  # as gRPC serves there
    try:
        address = (await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))[0]
        with socket.create_server(address[4][:2], family=address[0], backlog=1, dualstack_ipv6=both):
            return Finding("port", Grade.GOOD, f"{listen} is free to listen at")
    except OSError as error:
        problem = error.strerror or str(error)
    own = Place(part.name, dialled(listen))
    if access is not None and isinstance(await reach(own, access), Answer):
        return Finding("port", Grade.GOOD, f"{part.name} serves at {listen}")
    mend = (
        f"where {listen} is not this machine's own address, as behind a router: --listen [::]:{port}; where another "
        "program has the port, stop it or change the address"
    )
    return Finding("port", Grade.BAD, f"cannot listen at {listen} ({problem})", mend)


def _way(place: Place, way: Answer | Trouble, access: Access | None) -> Finding:
    if isinstance(way, Trouble):
        grade = Grade.LIMITED if way.absent else Grade.BAD
        return Finding(place.name, grade, f"{place.address}: {way.problem}", way.mend)
    if access is None:
        return Finding(
            place.name, Grade.LIMITED, f"{place.address} takes connections", "mend the key to see who it is"
        )
    took = f"answers within {way.within_s * 2e3:.0f} ms, with the key that is pinned"
    return Finding(place.name, Grade.GOOD, f"{place.address} {took}")


def _problem(error: InputError) -> str:
    return ": ".join(filter(None, (error.file, error.problem)))
