"""Whom a network believes: the pins in its file, and the certificates beside it.

Beside the network file are ``certs/<name>.pem``, public, and on the machine where they were made ``keys/<name>.key``.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from peer.identity.certificates import Certificate, find_certificates
from peer.identity.keys import PrivateKey, fingerprint, key_pem, read_key
from topology.entries import is_peer_name
from topology.errors import InputError, NotYet
from topology.network import Network

__all__ = [
    "Identity",
    "Ring",
    "certificate_file",
    "how_to_renew",
    "is_here",
    "key_file",
    "next_key_file",
    "read_identity",
    "read_ring",
]

EARLY = timedelta(minutes=1)
"""So long before a certificate expires the next one is shown: clocks differ."""


def certificate_file(network_file: Path, name: str) -> Path:
    """Return where the certificates of a peer or operator are."""
    return network_file.parent / "certs" / f"{name}.pem"


def key_file(network_file: Path, name: str) -> Path:
    """Return where the key of a peer or operator is on its own machine, if it was made there."""
    return network_file.parent / "keys" / f"{name}.key"


def next_key_file(network_file: Path, name: str) -> Path:
    """Return where the next key of a peer or operator waits while its key is rotated."""
    return key_file(network_file, f"{name}.next")


def is_here(path: Path) -> bool:
    """Whether a file is there, as far as this process can see: the folder of keys may be closed to it."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises where a folder is closed


def how_to_renew(name: str, network_file: Path) -> str:
    """Say what to do about a certificate that expires or has expired."""
    if is_here(key_file(network_file, name)):
        return f"{_issue(name, network_file)} makes a new one of the same key; give it to the others"
    return f"{_issue(name, network_file.name)} on its machine makes a new one of the same key; give it to the others"


@dataclass(frozen=True, slots=True)
class Ring:
    """The pins of a network and the certificates that fit them.

    Attributes
    ----------
    network_file : Path
        Where they come from.
    pins : mapping of str to tuple of str
        Fingerprints by the name of a peer or operator; several while a key is rotated.
    certificates : mapping of str to tuple of Certificate
        By the same names, each of a pinned key; empty where there are none.
    strays : mapping of str to tuple of str
        Fingerprints of what is beside them and not pinned: told when a peer is missed.
    problems : mapping of str to InputError
        Of the names whose file is there and cannot be used.
    """

    network_file: Path
    pins: Mapping[str, tuple[str, ...]]
    certificates: Mapping[str, tuple[Certificate, ...]]
    strays: Mapping[str, tuple[str, ...]]
    problems: Mapping[str, InputError] = field(compare=False)

    def of(self, name: str) -> tuple[Certificate, ...]:
        """Return the certificates of a peer or operator.

        Raises
        ------
        InputError
            If there is none whose key is pinned, or the file cannot be used.
        """
        found = self.certificates.get(name, ())
        if found:
            return found
        if name in self.problems:
            raise self.problems[name].with_traceback(None)
        pin = f"peers.{name}.key"
        file = certificate_file(self.network_file, name)
        if not self.pins.get(name):
            raise InputError(
                f"the key of {name} is not pinned",
                file=self.network_file,
                field=pin,
                mend=_how_to_pin(name, self.network_file),
            )
        if self.strays.get(name):
            raise InputError(
                f"the certificate of {name} is of the key {self.strays[name][0]}, the network file pins "
                f"{self.pins[name][0]}",
                file=file,
                field=pin,
                mend=f"ask {name} which one is right: fetch its certificate again, or correct the pin",
            )
        raise InputError(
            f"no certificate of {name}",
            file=file,
            mend=f"{_issue(name, self.network_file)} makes it of {name}'s key, which is here; give it to the others"
            if is_here(key_file(self.network_file, name))
            else f"copy certs/{name}.pem from {name}'s machine, made there by "
            f"{_issue(name, self.network_file.name)}",
        )

    def valid(self, names: Iterable[str], now: datetime) -> list[Certificate]:
        """Return all certificates of these names that are valid at a moment."""
        return [one for name in names for one in self.certificates.get(name, ()) if one.valid(now)]

    def believed(self, name: str, now: datetime) -> list[Certificate]:
        """Return the certificates by which a peer is known at a moment.

        Raises
        ------
        InputError
            If it has none that is valid.
        """
        valid = self.valid([name], now)
        if valid:
            return valid
        newest = max(self.of(name), key=lambda one: one.not_after)
        when = "expired" if now > newest.not_after else "begins later"
        raise InputError(
            f"the certificate of {name} {when} ({newest.not_before:%Y-%m-%d %H:%M} to "
            f"{newest.not_after:%Y-%m-%d %H:%M} UTC)",
            file=certificate_file(self.network_file, name),
            mend=f"{how_to_renew(name, self.network_file)}; or set this machine's clock",
        )

    def keeping(self, before: "Ring") -> "Ring":
        """Return the same with certificates that were read before, for the names whose file cannot be used now.

        A file may be half written yet. Whom the network file does not pin any more is not believed so.
        """
        kept = {
            name: tuple(
                one for one in before.certificates.get(name, ()) if one.fingerprint in self.pins[name]
            )
            for name in self.problems
        }
        return replace(self, certificates={**self.certificates, **kept})

    def owner(self, key: str) -> str | None:
        """Return the name that a fingerprint is pinned for."""
        return next((name for name, pins in self.pins.items() if key in pins), None)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this process is.

    Attributes
    ----------
    name : str
        Of the peer or operator.
    key : EllipticCurvePrivateKey
        Its private key.
    certificates : tuple of Certificate
        Of that key, at least one.
    """

    name: str
    key: PrivateKey
    certificates: tuple[Certificate, ...]

    @property
    def key_pem(self) -> bytes:
        """The private key, for TLS."""
        return key_pem(self.key)

    def certificate(self, now: datetime) -> Certificate:
        """Return the one to show at a moment: the oldest as long as it is valid, for everybody else has it.

        A new one of the same key waits until then, so that there is time to give it to the others.
        """
        usable = [one for one in self.certificates if one.valid(now) and one.valid(now + EARLY)]
        if usable:
            return min(usable, key=lambda one: (one.not_before, one.not_after))
        return max(self.certificates, key=lambda one: one.not_after)

    def check(self, now: datetime, network_file: Path) -> None:
        """Refuse a certificate that others would refuse at this moment, without saying why.

        Raises
        ------
        InputError
            If it has expired.
        NotYet
            If it begins later.
        """
        own = self.certificate(now)
        file = certificate_file(network_file, self.name)
        if now > own.not_after:
            raise InputError(
                f"the certificate of {self.name} expired at {_moment(own.not_after)}",
                file=file,
                mend=how_to_renew(self.name, network_file),
            )
        if now < own.not_before:
            raise NotYet(
                f"the certificate of {self.name} begins at {_moment(own.not_before)}, and here it is "
                f"{_moment(now)}",
                file=file,
                mend="set this machine's clock",
            )


def read_ring(network_file: Path, network: Network) -> Ring:
    """Read the certificates beside a network file.

    Parameters
    ----------
    network_file : Path
        Where the network was read.
    network : Network
        With its pins.

    Returns
    -------
    Ring
        Names without a certificate are in it, and those whose file cannot be used: who needs one asks for it.
    """
    pins = {name: entry.keys for name, entry in network.peers.items()} | network.operator_keys
    fit: dict[str, tuple[Certificate, ...]] = {}
    strays: dict[str, tuple[str, ...]] = {}
    problems: dict[str, InputError] = {}
    for name, keys in pins.items():
        found: Sequence[Certificate] = ()
        try:
            found = _read(network_file, name)
        except InputError as error:
            problems[name] = error
        fit[name] = tuple(one for one in found if one.fingerprint in keys)
        strays[name] = tuple(one.fingerprint for one in found if one.fingerprint not in keys)
    return Ring(network_file, pins, fit, strays, problems)


def read_identity(path: Path, ring: Ring, name: str | None = None) -> Identity:
    """Read the key of a peer or operator, and find its certificate.

    Parameters
    ----------
    path : Path
        Of the private key.
    ring : Ring
        Pins and certificates.
    name : str, optional
        Whose it has to be; by default whoever it is pinned for.

    Returns
    -------
    Identity
        Its key and certificate belong together.

    Raises
    ------
    InputError
        If the key cannot be used, is not pinned, or has no certificate.
    """
    key = read_key(path, f"{name or 'NAME'} --network {ring.network_file}")
    print_ = fingerprint(key.public_key())
    owner = ring.owner(print_)
    if name is not None and owner != name and ring.pins.get(name):
        other = f"it is {owner}'s" if owner else f"its fingerprint is {print_}"
        raise InputError(
            f"this is not the key that the network file pins for {name} ({ring.pins[name][0]}): {other}",
            file=path,
            field="--key",
            mend=_how_to_finish(ring, name, path)
            or f"give {name}'s key, or correct the pin of {name} in {ring.network_file}",
        )
    if owner is None:
        raise InputError(
            f"the network file knows no peer and no operator with this key ({print_})",
            file=path,
            field="--key",
            mend=_how_to_finish(ring, name or path.stem, path) or _how_to_pin_own(ring, path, name),
        )
    own = [one for one in ring.of(owner) if one.fingerprint == print_]
    if not own:
        raise InputError(
            f"certificate and key do not belong together: the one of {owner} is of the key "
            f"{ring.of(owner)[0].fingerprint}, this key is {print_}",
            file=certificate_file(ring.network_file, owner),
            field="--key",
            mend=f"make the certificate anew: difpeer keys issue {owner} --network {ring.network_file}",
        )
    return Identity(owner, key, tuple(own))


def _read(network_file: Path, name: str) -> Sequence[Certificate]:
    path = certificate_file(network_file, name)
    own = is_here(key_file(network_file, name))
    found = find_certificates(path, mend=f"remove it, then {_issue(name, network_file)}" if own else None)
    for one in found:
        if one.name != name:
            taken = not is_peer_name(one.name) or is_here(certificate_file(network_file, one.name))
            move = "remove it" if taken else f"rename it to {one.name}.pem"
            then = f"then {_issue(name, network_file)}" if own else f"and copy {name}'s from its machine"
            raise InputError(f"is the certificate of {one.name}", file=path, mend=f"{move}, {then}")
    return found


def _issue(name: str, network_file: Path | str) -> str:
    return f"`difpeer keys issue {name} --network {network_file}`"


def _how_to_pin(name: str, network_file: Path) -> str:
    if is_here(key_file(network_file, name)):
        return f"{_issue(name, network_file)} pins the key that is here"
    file = certificate_file(network_file, name)
    there = file if is_here(file) else file.name
    return f"with {name}'s certificate: difpeer keys pin {there} --network {network_file}"


def _how_to_pin_own(ring: Ring, path: Path, name: str | None) -> str:
    who = name or path.stem
    words = f"--network {ring.network_file}"
    if name is None:
        words += " --operator"  # who is none of the peers
    if path == key_file(ring.network_file, who):
        return f"`difpeer keys issue {who} {words}` pins it, too; then give the certificate to the others"
    file = certificate_file(ring.network_file, who)
    return (
        f"pin it, here and at the others: difpeer keys pin {file if is_here(file) else 'CERTIFICATE'} {words}"
    )


def _how_to_finish(ring: Ring, name: str, path: Path) -> str:
    """Say how to end a rotation that was interrupted after the network file; empty where that is not the cause."""
    waiting = next_key_file(ring.network_file, name)
    try:
        pinned = ring.pins.get(name) == (fingerprint(read_key(waiting).public_key()),)
    except InputError:
        return ""
    if waiting == path or not pinned:
        return ""
    return f"a rotation was interrupted: `difpeer keys rotate {name} --finish --network {ring.network_file}`"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
