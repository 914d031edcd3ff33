"""Who may come in, and what they may ask: the server's side of identity."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from time import sleep
from typing import Any, Protocol

import grpc

from peer.identity.certificates import Certificate, parse_certificate
from peer.runtime.access import Grounds
from peer.runtime.credentials import Credentials, Known
from peer.runtime.signing import signer
from peer.wire.control import STATUS, Method
from topology.errors import InputError

__all__ = ["Asker", "Caller", "Door", "GuardedDoor", "OpenDoor", "Role", "Stranger"]

log = logging.getLogger("difpeer")

BEGUN_S = 0.05
"""A hundred times what the first step of a handshake takes."""


# Asked at every request and at every reply of those that follow a run; who gets here has been through the handshake,
# so that there are few.
_parsed = lru_cache(maxsize=256)(parse_certificate)


class Role(StrEnum):
    """What somebody is to this peer."""

    ITSELF = "itself"
    NEIGHBOUR = "neighbour"
    OPERATOR = "operator"
    ANYBODY = "anybody"
    """On this machine, without TLS."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls."""

    role: Role
    grounds: Grounds | None = None

    @property
    def name(self) -> str:
        """As its key is pinned; empty where nobody can tell."""
        return "" if self.grounds is None else self.grounds.name


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose request it is: the caller's own, or of an operator for whom a neighbour passes it on.

    Attributes
    ----------
    name : str
        Of the operator; empty where nobody can tell.
    signed : str
        Fingerprint of the key that has signed a request that was passed on; empty for the caller's own.
    """

    name: str
    signed: str = ""


class Stranger(Exception):
    """Somebody who may not do that; the text is for our own log, and nothing is said to them."""


class Door(Protocol):
    """Lets callers in."""

    def open(self, server: grpc.aio.Server, listen: str) -> int:
        """Listen; returns the port."""

    def caller(self, context: Any) -> Caller:  # noqa: ANN401
        """Say who calls.

        Raises
        ------
        Stranger
            If nobody knows them (any more).
        """

    def may_stream(self, caller: Caller) -> None:
        """Refuse who may not open the stream of an edge; raises as :meth:`caller`."""

    def may_ask(self, caller: Caller, method: Method[Any, Any], request: Any) -> Asker:  # noqa: ANN401
        """Say whose request it is; refuses who may not ask for this, and raises as :meth:`caller`."""

    def may_go_on(self, context: Any, asker: Asker) -> None:  # noqa: ANN401
        """Refuse what its caller or its operator might not ask for any more; raises as :meth:`caller`."""

    def over(self, grounds: Grounds) -> str:
        """Why what a stream rests on does not hold any more; empty while it does."""


class OpenDoor:
    """For everybody on this machine."""

    def open(self, server: grpc.aio.Server, listen: str) -> int:
        """Listen without TLS."""
        return server.add_insecure_port(listen)

    def caller(self, context: Any) -> Caller:  # noqa: ANN401
        """Anybody."""
        del context
        return Caller(Role.ANYBODY)

    def may_stream(self, caller: Caller) -> None:
        """Everybody may: the machine looks at the Hello."""

    def may_ask(self, caller: Caller, method: Method[Any, Any], request: Any) -> Asker:  # noqa: ANN401
        """Everybody may."""
        return Asker("")

    def may_go_on(self, context: Any, asker: Asker) -> None:  # noqa: ANN401
        """It may."""

    def over(self, grounds: Grounds) -> str:
        """Never: it rests on nothing."""
        del grounds
        return ""


class GuardedDoor:
    """For those whose keys the network file pins: the neighbours, the operators, and the peer itself.

    Parameters
    ----------
    credentials : Credentials
        Own identity, pins and certificates.
    neighbours : tuple of str
        Whose streams are taken.
    """

    def __init__(self, credentials: Credentials, neighbours: tuple[str, ...]) -> None:
        self._credentials = credentials
        self._neighbours = neighbours
        self._basis: object = None

    def open(self, server: grpc.aio.Server, listen: str) -> int:
        """Listen with TLS: who has no certificate of a pinned key does not get past the handshake."""
        credentials = grpc.dynamic_ssl_server_credentials(
            self._configuration(),
            self._renewed,  # type: ignore[arg-type]  # the stubs do not know of None, gRPC's guide does
            require_client_authentication=True,
        )
        return server.add_secure_port(listen, credentials)

    def _renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """What handshakes are made with from now on; None where nothing has changed.

        Asked at each handshake, in a thread of gRPC's, of which one at a time is here. A configuration replaces the one
        before at once, also under a handshake that another thread is just beginning with it, and the process is dead
        (grpc/grpc#36693): given out each time, a few hundred connections were enough. So it is given out where it has
        changed, and only when who was here before has long begun.
        """
        if self._basis == self._decides(self._credentials.known):
            return None
        sleep(BEGUN_S)
        return self._configuration()

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        known = self._credentials.known
        self._basis = shown, believed = self._decides(known)
        # Those of later and of earlier times, too: the handshake refuses them, and says why in the log.
        roots = b"".join(one.pem for one in believed)
        return grpc.ssl_server_certificate_configuration([(known.identity.key_pem, shown.pem)], roots)

    def _decides(self, known: Known) -> tuple[Certificate, tuple[Certificate, ...]]:
        """Own certificate, and those that are believed."""
        names = (known.identity.name, *self._neighbours, *known.network.operators)
        return known.shown, tuple(one for name in names for one in known.ring.certificates.get(name, ()))

    def caller(self, context: Any) -> Caller:  # noqa: ANN401
        """Take the name from the key that TLS has seen: nothing that a caller says of itself counts."""
        shown = context.auth_context().get("x509_pem_cert")
        if not shown:
            raise Stranger("no certificate")
        try:
            certificate = _parsed(shown[0])
        except InputError as error:
            raise Stranger(error.problem) from error
        known = self._credentials.known
        name = known.ring.owner(certificate.fingerprint)
        if name is None:
            raise Stranger(f"the key {certificate.fingerprint} is not pinned")
        grounds = Grounds(name, (certificate,))
        why = self.over(grounds)
        if why:
            raise Stranger(why)
        if name == known.identity.name:
            return Caller(Role.ITSELF, grounds)
        if name in known.network.operators:
            return Caller(Role.OPERATOR, grounds)
        if name in self._neighbours:
            return Caller(Role.NEIGHBOUR, grounds)
        raise Stranger(f"{name} is no neighbour and no operator")

    def may_stream(self, caller: Caller) -> None:
        """Neighbours stream; a second process of this peer is heard, and sent away by name."""
        if caller.role is Role.OPERATOR:
            raise Stranger(f"the operator {caller.name} is no neighbour")

    def may_ask(self, caller: Caller, method: Method[Any, Any], request: Any) -> Asker:  # noqa: ANN401
        """Operators ask; neighbours pass on what an operator has signed; the peer itself may ask how it is."""
        match caller.role:
            case Role.OPERATOR:
                return Asker(caller.name)
            case Role.ITSELF if method is STATUS:
                return Asker(caller.name)
            case Role.NEIGHBOUR if request.peer:
                certificate = signer(method, request, self._credentials.known.of_operator(request.operator))
                if certificate is not None:
                    return Asker(request.operator, certificate.fingerprint)
                text = f"{caller.name} passes on a {method.name} that no operator has signed"
                raise Stranger(f"{text} (it names {request.operator!r})")
        raise Stranger(f"{caller.name} is no operator, and asks for {method.name}")

    def may_go_on(self, context: Any, asker: Asker) -> None:  # noqa: ANN401
        """Ask again who calls, and whether the key that has signed is an operator's yet; not the signature."""
        self.caller(context)
        if asker.signed and all(
            one.fingerprint != asker.signed for one in self._credentials.known.of_operator(asker.name)
        ):
            raise Stranger(
                f"{asker.name} has signed with the key {asker.signed}, which is not valid for an operator any more"
            )

    def over(self, grounds: Grounds) -> str:
        """Say what has changed: a certificate has expired, a key is not pinned any more, or it is our own."""
        now = datetime.now(UTC)
        known = self._credentials.known
        for one in grounds.theirs:
            if one.fingerprint not in known.ring.pins.get(grounds.name, ()):
                return f"the key of {grounds.name} is not pinned any more ({one.fingerprint})"
            if one not in known.ring.certificates.get(grounds.name, ()):
                return f"the certificate of {grounds.name} is not beside the network file any more"
            if now > one.not_after:
                return f"the certificate of {grounds.name} expired at {one.not_after:%Y-%m-%d %H:%M:%S} UTC"
            if now < one.not_before:
                return f"the certificate of {grounds.name} begins at {one.not_before:%Y-%m-%d %H:%M:%S} UTC"
        if grounds.own is not None and grounds.own != known.shown:
            return "this peer has a new certificate"
        return ""
