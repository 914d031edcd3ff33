"""What a network's peers are given: certificates for all, and to each one its own key."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from peer.identity.ring import Ring, is_here, key_file, read_identity, read_ring
from topology.errors import InputError
from topology.network import Network

__all__ = ["Material", "read_material", "read_operator_keys", "require_keys"]


@dataclass(frozen=True, slots=True)
class Material:
    """Certificates and keys beside a network file.

    Attributes
    ----------
    certificates : mapping of str to str
        PEM, of every peer and operator; each of a pinned key.
    keys : mapping of str to str
        PEM, of the peers whose keys were made on this machine.
    """

    certificates: Mapping[str, str]
    keys: Mapping[str, str]


def read_material(network: Network, network_file: Path) -> Material:
    """Read what lies beside a network file.

    Parameters
    ----------
    network : Network
        What the file says.
    network_file : Path
        The file; ``certs/NAME.pem`` and ``keys/NAME.key`` are beside it.

    Returns
    -------
    Material
        Of the network's peers and operators.

    Raises
    ------
    InputError
        If a certificate is missing, or a key does not fit its pin.
    """
    ring = read_ring(network_file, network)
    certificates = {
        name: b"".join(one.pem for one in ring.of(name)).decode("ascii")
        for name in (*network.names, *network.operators)
    }
    return Material(certificates, _keys(network.names, network_file, ring))


def read_operator_keys(network: Network, network_file: Path) -> Mapping[str, str]:
    """Read the keys of the operators that are on this machine.

    Parameters
    ----------
    network : Network
        What the file says.
    network_file : Path
        The file; ``keys/NAME.key`` are beside it.

    Returns
    -------
    mapping of str to str
        PEM by operator.

    Raises
    ------
    InputError
        If a key does not fit its pin.
    """
    return _keys(network.operators, network_file, read_ring(network_file, network))


def require_keys(network: Network, network_file: Path, material: Material, *, mend: str) -> None:
    """Refuse what can only be done where all peers' keys are.

    Parameters
    ----------
    network : Network
        The peers.
    network_file : Path
        Beside it their keys would be.
    material : Material
        The keys there are.
    mend : str
        What to do about a missing one.

    Raises
    ------
    InputError
        If a peer's key is not here.
    """
    for name in network.names:
        if name not in material.keys:
            raise InputError(
                f"the key of {name} is not on this machine",
                file=key_file(network_file, name),
                mend=mend,
            )


def _keys(names: Iterable[str], network_file: Path, ring: Ring) -> Mapping[str, str]:
    files = {name: key_file(network_file, name) for name in names}
    return {
        name: read_identity(file, ring, name).key_pem.decode("ascii")
        for name, file in files.items()
        if is_here(file)
    }
