"""Which addresses a peer needs: its own and those of the neighbours that it dials."""

from pathlib import Path

from peer.runtime.access import Access
from topology.errors import InputError
from topology.network import Network

__all__ = ["check_addresses"]


def check_addresses(
    network: Network, name: str, access: Access, *, listen: str | None, network_file: Path
) -> str:
    """Check every address that a peer will use, before anything starts.

    Parameters
    ----------
    network : Network
        The network.
    name : str
        The peer.
    access : Access
        Says which addresses will do.
    listen : str or None
        Where it is told to listen.
    network_file : Path
        For messages.

    Returns
    -------
    str
        Where it listens: by default at its address in the network file.

    Raises
    ------
    InputError
        If an address is missing, or cannot be used.
    """
    own = network.peers[name].address
    for near in network.neighbours(name):
        dialler, dialled = (name, near) if network.edge(name, near).dialler == name else (near, name)
        if network.peers[dialled].address is None:
            raise InputError(
                f"{dialled} has no address, and {dialler} has to dial it",
                file=network_file,
                field=f"peers.{dialled}.address",
                mend=f'add address: "HOST:PORT"; or where nobody can dial {dialled}, as behind NAT, let it dial: '
                f"{{peers: [{dialler}, {dialled}], dial: {dialled}}} under edges",
            )
    for each in (name, *network.neighbours(name)):
        address = network.peers[each].address
        if address is not None:
            access.check(address, field=f"peers.{each}.address", file=network_file)
    where = listen or own
    if where is None:
        raise InputError(
            f"{name} has no address in the network file, so nothing says where to listen",
            field="--listen",
            mend="give --listen 127.0.0.1:7100, where operators on this machine ask it",
        )
    access.check(where, field="--listen")
    return where
