"""One key after the other: both are pinned while the new one is carried to the neighbours.

1. :func:`prepare` on the peer's machine: a second key, its certificate beside the first, both pinned.
2. Network file and certificate go to the others; from then on they believe either key.
3. :func:`finish`: the second key takes the place of the first, which is pinned no longer.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from peer.identity.certificates import Certificate, issue
from peer.identity.issuing import LIFETIME, write_certificates
from peer.identity.keys import fingerprint, new_key, read_key, write_key
from peer.identity.ring import certificate_file, is_here, key_file, next_key_file, read_identity, read_ring
from topology.errors import InputError
from topology.network import Network

__all__ = ["finish", "prepare"]


def prepare(
    network_file: Path, network: Network, name: str, lifetime: timedelta = LIFETIME
) -> tuple[Certificate, Network]:
    """Make the next key of a peer or operator.

    Parameters
    ----------
    network_file : Path
        Beside it are ``keys`` and ``certs``.
    network : Network
        With the pin of the present key.
    name : str
        Whose key it is; it is on this machine.
    lifetime : timedelta, optional
        Of the next key's certificate.

    Returns
    -------
    certificate : Certificate
        Of the next key; written beside the present one.
    network : Network
        With both pins; to be written by the caller.

    Raises
    ------
    InputError
        If the present key is not here, or a rotation is on already.
    """
    own = key_file(network_file, name)
    if not is_here(own):
        raise InputError(
            "no such file",
            file=own,
            mend=f"rotate the key on {name}'s machine; where {name} has none yet: "
            f"`difpeer keys issue {name} --network {network_file}`",
        )
    present = read_identity(own, read_ring(network_file, network), name)
    path = next_key_file(network_file, name)
    if is_here(path):
        raise InputError(
            f"a rotation of {name}'s key is on already",
            file=path,
            mend=f"`difpeer keys rotate {name} --finish --network {network_file}` when the others have the files, or "
            "remove it to begin anew",
        )
    write_key(path, new_key())
    certificate = issue(name, read_key(path), datetime.now(UTC), lifetime)
    write_certificates(certificate_file(network_file, name), [*present.certificates, certificate])
    return certificate, _pinned(network, name, (present.certificates[0].fingerprint, certificate.fingerprint))


def finish(
    network_file: Path, network: Network, name: str, write: Callable[[Network], None]
) -> tuple[Certificate, Network]:
    """Let the next key take the place of the present one; to be called again where it was interrupted.

    Parameters
    ----------
    network_file : Path
        Beside it are ``keys`` and ``certs``.
    network : Network
        With the pins of both keys.
    name : str
        Whose key it is.
    write : callable
        Writes the network file. A peer that runs goes on with its old key until the new one is in place.

    Returns
    -------
    certificate : Certificate
        Of the key that is in use from now on.
    network : Network
        With its pin only.

    Raises
    ------
    InputError
        If no rotation is on, or a file cannot be written.
    """
    path = next_key_file(network_file, name)
    if not is_here(path):
        raise InputError(
            f"no rotation of {name}'s key is on",
            file=path,
            mend=f"begin with `difpeer keys rotate {name} --network {network_file}`",
        )
    identity = read_identity(path, read_ring(network_file, network), name)
    network = _pinned(network, name, (fingerprint(identity.key.public_key()),))
    write(network)
    write_certificates(certificate_file(network_file, name), identity.certificates)
    # The last: as long as the next key waits, all of this can be done again.
    _put_in_place(path, key_file(network_file, name))
    return identity.certificates[-1], network


def _put_in_place(path: Path, key: Path) -> None:
    try:
        path.replace(key.resolve())
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})", file=key, mend="check the file and its folder"
        ) from None


def _pinned(network: Network, name: str, keys: tuple[str, ...]) -> Network:
    if name in network.operators:
        return network.with_keys({}, {name: keys})
    return network.with_keys({name: keys}, {})
