"""The entries of a network file: names, key fingerprints, peers and edges."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from topology.address import parse_address
from topology.errors import InputError, name_hint

__all__ = ["Edge", "KeyPins", "PeerEntry", "PeerName", "as_keys", "is_peer_name"]

_NAME = re.compile(r"[a-z0-9-]{1,32}")
_KEY = re.compile(r"sha256:[0-9a-f]{64}")


def is_peer_name(name: str) -> bool:
    """Whether a peer can be called so: 1 to 32 of the characters a-z, 0-9 and -."""
    return _NAME.fullmatch(name) is not None


def _check_name(name: str) -> str:
    if not is_peer_name(name):
        raise InputError(f"{name!r} cannot be a name", mend="use 1 to 32 of the characters a-z, 0-9 and -")
    return name


def _check_key(key: object) -> str:
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise InputError(
            f"{key!r} is no fingerprint", mend="write sha256: and 64 hexadecimal digits (0-9, a-f)"
        )
    return key


def _check_keys(found: object) -> str | tuple[str, ...] | None:
    match found:
        case None:
            return None
        case str():
            return _check_key(found)
        case [_, *_]:
            keys = tuple(_check_key(key) for key in found)
            return keys[0] if len(keys) == 1 else keys
    raise InputError(
        f"found {found!r}", mend="give one fingerprint, or a list of them while keys are rotated"
    )


def _check_address(address: str | None) -> str | None:
    if address is not None:
        parse_address(address)
    return address


def as_keys(found: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """Return one fingerprint, several or none as a tuple."""
    match found:
        case None:
            return ()
        case str():
            return (found,)
        case _:
            return found


PeerName = Annotated[str, AfterValidator(_check_name)]
KeyPins = Annotated[str | tuple[str, ...], BeforeValidator(_check_keys)]


class PeerEntry(BaseModel):
    """What the network file says about one peer.

    Parameters
    ----------
    address : str, optional
        Where others reach it, ``host:port``; not needed to simulate.
    key : str or tuple of str, optional
        Fingerprint of its public key, ``sha256:<64 hex>``; several while keys are rotated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: Annotated[str | None, AfterValidator(_check_address)] = Field(
        None, description="Where others reach the peer, host:port; not needed to simulate."
    )
    key: Annotated[str | tuple[str, ...] | None, BeforeValidator(_check_keys)] = Field(
        None,
        description="Fingerprint of the peer's public key, sha256:<64 hex>, or several during a rotation.",
    )

    @property
    def keys(self) -> tuple[str, ...]:
        """The fingerprints: none where the peer is known by its address only."""
        return as_keys(self.key)


class Edge(BaseModel):
    """Two neighbours; in a file ``[a, b]`` or ``{peers: [a, b], dial: b}``.

    Parameters
    ----------
    first, second : str
        The ends, in any order; kept in the order of their names.
    dial : str, optional
        The end that opens the connection, where it is not the first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: str
    second: str
    dial: str | None = Field(None, description="The end that opens the connection.")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, found: object) -> object:
        others: dict[object, object] = {}
        match found:
            case [str(a), str(b)]:
                pass
            case {"peers": [str(a), str(b)], **others} | {"first": str(a), "second": str(b), **others}:
                pass
            case _:
                raise InputError(
                    f"found {found!r} where two names are expected",
                    mend="write [a, b] or {peers: [a, b], dial: b}, and numbers as names in quotes",
                )
        for key in others:
            if key != "dial":
                raise InputError("unknown key", field=str(key), mend=name_hint(key, ("peers", "dial")))
        first, second = sorted((a, b))
        return {"first": first, "second": second, **others}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.first == self.second:
            raise InputError(f"{self.first!r} is its own neighbour", mend="remove the edge")
        if self.dial not in (None, self.first, self.second):
            raise InputError(
                f"{self.dial!r} is no end of the edge",
                field="dial",
                mend=f"use {self.first!r} or {self.second!r}",
            )
        return self

    @property
    def dialler(self) -> str:
        """The end that opens the connection: the lower name, unless `dial` says otherwise."""
        return self.dial or self.first
