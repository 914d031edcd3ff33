"""Requests that are passed on, and runs, carry their operator's signature: who passes them on cannot make them up."""

from dataclasses import replace
from typing import Any, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import load_pem_x509_certificate

from peer.identity.certificates import Certificate
from peer.identity.keys import PublicKey
from peer.identity.ring import Identity
from peer.wire.control import SUBMIT, Method, encode

__all__ = ["signed", "signer"]

R = TypeVar("R")

_CONTEXT = b"difpeer request v1\0"
"""So that nothing else that is signed with the same key, such as a TLS handshake, can be taken for a request."""

_ALGORITHM = ec.ECDSA(hashes.SHA256())


def signed(method: Method[Any, Any], request: R, identity: Identity) -> R:
    """Return a request with its operator and signature.

    Parameters
    ----------
    method : Method
        What is asked.
    request : dataclass
        With the name of the peer it is for; one for "the peer asked" is signed for nobody, and comes back as it is. A
        run is submitted to all peers, whoever is asked first.
    identity : Identity
        The operator's.

    Returns
    -------
    dataclass
        Its signature covers the method and all fields but ``hops``, and of a run's submission but ``peer``.
    """
    if not request.peer and method is not SUBMIT:  # type: ignore[attr-defined]
        return request
    named = replace(request, operator=identity.name)  # type: ignore[type-var]
    return replace(named, signature=identity.key.sign(_signed_bytes(method, named), _ALGORITHM))  # type: ignore[type-var]


def signer(method: Method[Any, Any], request: Any, certificates: list[Certificate]) -> Certificate | None:  # noqa: ANN401
    """Return the first certificate whose key has signed a request; None where none has.

    Parameters
    ----------
    method : Method
        What is asked.
    request : dataclass
        With a signature.
    certificates : list of Certificate
        Of the operator whom the request names.
    """
    data = _signed_bytes(method, request)
    for one in certificates:
        key = load_pem_x509_certificate(one.pem).public_key()
        assert isinstance(key, PublicKey)
        try:
            key.verify(request.signature, data, _ALGORITHM)
        except InvalidSignature:
            continue
        return one
    return None


def _signed_bytes(method: Method[Any, Any], request: Any) -> bytes:  # noqa: ANN401
    peer = "" if method is SUBMIT else request.peer
    return (
        _CONTEXT + method.path.encode() + b"\0" + encode(replace(request, peer=peer, hops=0, signature=b""))
    )
