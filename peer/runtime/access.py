"""How this process reaches peers: with its key, or without TLS on this machine."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

import grpc

from peer.identity.certificates import Certificate, tls_name
from peer.protocol.messages import Hello, Message, Offer
from peer.runtime.credentials import Credentials, check_loopback
from peer.runtime.settings import Options
from peer.runtime.signing import signed, signer
from peer.wire.control import SUBMIT, Method
from peer.wire.requests import SubmitRequest
from topology.address import parse_address
from topology.errors import InputError, name_hint
from topology.network import Network

__all__ = ["Access", "Grounds", "Loopback", "Place", "Secured"]

R = TypeVar("R")

_AT = "@"


@dataclass(frozen=True, slots=True)
class Place:
    """A peer and where it is reached; without TLS its name need not be known."""

    name: str
    address: str

    def __str__(self) -> str:
        return self.address


@dataclass(frozen=True, slots=True)
class Grounds:
    """Why the other side of a stream is believed to be who it is.

    Attributes
    ----------
    name : str
        Who it is.
    theirs : tuple of Certificate
        The one it has shown; of a peer that was dialled all that would have been believed, because gRPC does not
        tell which one it was.
    own : Certificate or None
        The one that this side has shown; None where the other side looks after that.
    """

    name: str
    theirs: tuple[Certificate, ...]
    own: Certificate | None = None

    def lie(self, message: Message) -> str:
        """Say what is wrong with a first message that claims another name; empty where nothing is."""
        if isinstance(message, Hello) and message.name != self.name:
            return f"the key of {self.name} claims to be {message.name}"
        return ""


class Access(Protocol):
    """How peers are reached."""

    @property
    def words(self) -> str:
        """Options that a command line needs for the same."""

    @property
    def who(self) -> str:
        """Who this process is; empty where nobody can tell."""

    def check(self, address: str, *, field: str, file: Path | None = None) -> None:
        """Refuse an address that cannot be used so.

        Raises
        ------
        InputError
            With its field and file.
        """

    def locate(self, where: str, *, field: str) -> Place:
        """Find the peer that a user means.

        Raises
        ------
        InputError
            If there is none.
        """

    def channel(self, place: Place, options: Options) -> tuple[grpc.aio.Channel, Grounds | None]:
        """Make a channel to a peer, and say what its being that peer will rest on.

        Raises
        ------
        InputError
            If there is nothing to know the peer by.
        """

    def signed(self, method: Method[Any, Any], request: R) -> R:
        """Return a request that peers can pass on: they see whose it is."""

    def renewed(self) -> bool:
        """Read keys and pins again where files have changed; whether anything is different now."""

    def unsigned(self, offer: Offer) -> str | None:
        """Why nobody who may submit runs stands behind this one; None where somebody does."""


class Loopback:
    """Without TLS, between processes on this machine only."""

    words = "--insecure-loopback"
    who = ""

    def check(self, address: str, *, field: str, file: Path | None = None) -> None:
        """Refuse an address beyond this machine."""
        check_loopback(address, field=field, file=file)

    def locate(self, where: str, *, field: str) -> Place:
        """Any peer: an address is all that is known."""
        check_loopback(where, field=field)
        return Place("", where)

    def channel(self, place: Place, options: Options) -> tuple[grpc.aio.Channel, Grounds | None]:
        """A plaintext channel."""
        return grpc.aio.insecure_channel(place.address, options=options), None

    def signed(self, method: Method[Any, Any], request: R) -> R:
        """As it is."""
        del method
        return request

    def renewed(self) -> bool:
        """Never: there are none."""
        return False

    def unsigned(self, offer: Offer) -> None:
        """Nothing: everybody may submit."""


class Secured:
    """With TLS: each side shows a certificate whose key the other side's network file pins.

    Parameters
    ----------
    credentials : Credentials
        Own identity, pins and certificates.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    @property
    def words(self) -> str:
        """The network file, beside which certificates and keys are, and the key where it is elsewhere."""
        return self._credentials.words

    @property
    def who(self) -> str:
        """The name that the key is pinned for."""
        return self._credentials.known.identity.name

    def check(self, address: str, *, field: str, file: Path | None = None) -> None:
        """Any address that can be written will do: who is there is seen by the key."""
        try:
            parse_address(address)
        except InputError as error:
            raise InputError(error.problem, file=file, field=field, mend=error.mend) from None

    def locate(self, where: str, *, field: str) -> Place:
        """A peer by its name, by its address in the network file, or as ``NAME@HOST:PORT``."""
        network = self._credentials.known.network
        if _AT in where:
            name, _, address = where.partition(_AT)
            self.check(address, field=field)
            return Place(_known(network, name, field), address)
        if ":" in where:
            self.check(where, field=field)
            there = parse_address(where)
            for name, entry in network.peers.items():
                if entry.address is not None and parse_address(entry.address) == there:
                    return Place(name, where)
            raise InputError(
                f"no peer of the network file has the address {where}, so nobody knows whose key to expect there",
                file=self._credentials.network_file,
                field=field,
                mend=f"give the peer's name, or NAME@{where} where it is reached at another address than others use",
            )
        address = network.peers[_known(network, where, field)].address or ""
        if not address:
            raise InputError(
                f"{where} has no address",
                file=self._credentials.network_file,
                field=f"peers.{where}.address",
                mend=f"give {where}@HOST:PORT, or ask another peer",
            )
        return Place(where, address)

    def channel(self, place: Place, options: Options) -> tuple[grpc.aio.Channel, Grounds | None]:
        """A channel that takes nobody but this peer for it."""
        known = self._credentials.known
        theirs = known.ring.believed(place.name, datetime.now(UTC))
        credentials = grpc.ssl_channel_credentials(
            # Exactly its certificates and no authority above: in Python gRPC does not show whom it has met.
            b"".join(one.pem for one in theirs),
            known.identity.key_pem,
            known.shown.pem,
        )
        named = [*options, ("grpc.ssl_target_name_override", tls_name(place.name))]
        channel = grpc.aio.secure_channel(place.address, credentials, options=named)
        return channel, Grounds(place.name, tuple(theirs), known.shown)

    def signed(self, method: Method[Any, Any], request: R) -> R:
        """Sign a request for a peer that others may pass on to it."""
        return signed(method, request, self._credentials.known.identity)

    def renewed(self) -> bool:
        """Look at the files."""
        return self._credentials.refresh()

    def unsigned(self, offer: Offer) -> str | None:
        """A run is an operator's, whoever offers it."""
        submitted = SubmitRequest(
            "", offer.run, offer.spec, operator=offer.operator, signature=offer.signature
        )
        if signer(SUBMIT, submitted, self._credentials.known.of_operator(offer.operator)) is not None:
            return None
        return (
            f"no operator in its network file has signed this run (it names {offer.operator!r}); pin the operator's "
            "key there, too, or renew their certificate"
        )


def _known(network: Network, name: str, field: str) -> str:
    if name not in network.peers:
        raise InputError(
            f"no peer of network {network.name!r} is called {name!r}",
            field=field,
            mend=name_hint(name, network.names),
        )
    return name
