"""Keys and certificates made and written, beside a network file."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from peer.identity.certificates import Certificate, find_certificates, issue
from peer.identity.keys import fingerprint, new_key, read_key, write_key
from peer.identity.ring import certificate_file, is_here, key_file
from topology.errors import InputError
from topology.files import replace_file
from topology.network import Network

__all__ = ["LIFETIME", "Issued", "find_issued", "issue_all", "issue_one", "pin", "write_certificates"]

LIFETIME = timedelta(days=365)

PUBLIC_MODE = 0o644
PUBLIC_FOLDER_MODE = 0o755


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and where it came from.

    Attributes
    ----------
    certificate : Certificate
        The newest one.
    key_file, certificate_file : Path
        Where the private key is, and where the public part.
    new_key : bool
        Whether the key was made now: then it has to be pinned.
    """

    certificate: Certificate
    key_file: Path
    certificate_file: Path
    new_key: bool


def find_issued(network_file: Path, name: str) -> Certificate | None:
    """Find the certificate of the key that a peer or operator has here.

    Parameters
    ----------
    network_file : Path
        Beside it are ``keys`` and ``certs``.
    name : str
        Of the peer or operator.

    Returns
    -------
    Certificate or None
        The one that is valid for longest; None where there is no key or none that is valid now.

    Raises
    ------
    InputError
        If a file cannot be used.
    """
    path = key_file(network_file, name)
    if not is_here(path):
        return None
    key = fingerprint(read_key(path, f"{name} --network {network_file}").public_key())
    now = datetime.now(UTC)
    valid = [
        one
        for one in find_certificates(certificate_file(network_file, name))
        if (one.name, one.fingerprint) == (name, key) and one.valid(now)
    ]
    return max(valid, key=lambda one: one.not_after, default=None)


def issue_one(network_file: Path, name: str, lifetime: timedelta = LIFETIME) -> Issued:
    """Make a certificate of a peer or operator: of its key where it has one here, else of a new key.

    Parameters
    ----------
    network_file : Path
        Beside it are ``keys`` and ``certs``.
    name : str
        Of the peer or operator.
    lifetime : timedelta, optional
        How long the certificate is valid.

    Returns
    -------
    Issued
        Its files are written; the network file is not touched.

    Raises
    ------
    InputError
        If a file cannot be read or written.
    """
    path = key_file(network_file, name)
    made = not is_here(path)
    if made:
        write_key(path, new_key())
    certificate = issue(name, read_key(path, f"{name} --network {network_file}"), datetime.now(UTC), lifetime)
    public = certificate_file(network_file, name)
    # The older ones are in use until they expire.
    others = [one for one in find_certificates(public) if one.not_after > certificate.not_before]
    write_certificates(public, [*others, certificate])
    return Issued(certificate, path, public, made)


def issue_all(
    network_file: Path, network: Network, operators: Iterable[str], lifetime: timedelta = LIFETIME
) -> Network:
    """Make what is missing of the keys and certificates of all peers and of some operators, on one machine.

    Parameters
    ----------
    network_file : Path
        Beside it are ``keys`` and ``certs``.
    network : Network
        The network.
    operators : iterable of str
        Who may submit runs.
    lifetime : timedelta, optional
        How long certificates are valid that are made now.

    Returns
    -------
    Network
        With the pins; to be written by the caller.

    Raises
    ------
    InputError
        If a file cannot be written, or is there already with another key than the pinned one.
    """
    made = {
        name: find_issued(network_file, name) or issue_one(network_file, name, lifetime).certificate
        for name in (*network.names, *operators)
    }
    for name, one in made.items():
        network = pin(network, name, one.fingerprint, operator=name in operators)
    return network


def pin(network: Network, name: str, key: str, *, operator: bool) -> Network:
    """Add the pin of a key to a network.

    Parameters
    ----------
    network : Network
        The network.
    name : str
        Of the peer or operator.
    key : str
        Its fingerprint.
    operator : bool
        Whether it is an operator's.

    Returns
    -------
    Network
        With the key as the last of its pins; as it was where it is pinned already.

    Raises
    ------
    InputError
        If no peer is called so, or another one has this key.
    """
    before = network.operator_keys.get(name, ()) if operator else network.peers[_peer(network, name)].keys
    keys = before if key in before else (*before, key)
    return network.with_keys({}, {name: keys}) if operator else network.with_keys({name: keys}, {})


def write_certificates(path: Path, certificates: Iterable[Certificate]) -> None:
    """Write the certificates of a name; what was there is replaced at once, for whoever reads meanwhile.

    They are public whatever the umask says: a service of another user reads them.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    try:
        with suppress(FileExistsError):
            path.parent.mkdir(parents=True)
            path.parent.chmod(PUBLIC_FOLDER_MODE)
        replace_file(path, b"".join(one.pem for one in certificates), mode=PUBLIC_MODE)
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})", file=path, mend="check the folder"
        ) from None


def _peer(network: Network, name: str) -> str:
    return network.names[network.index(name)]
