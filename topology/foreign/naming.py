"""Names of peers for the nodes of a foreign graph."""

import re
from collections.abc import Mapping
from pathlib import Path

from topology.entries import is_peer_name
from topology.errors import InputError
from topology.spelling import peer_name_of

__all__ = ["peer_names_of"]

_NUMBER = re.compile(r"0|[1-9][0-9]*")


def peer_names_of(places: Mapping[str, str], file: str | Path) -> dict[str, str]:
    """Choose the names of the peers.

    Where all nodes are called by numbers, 7 becomes p7, or p07 where there are two digits: so the names sort
    by number, as those of ``topology make`` do. Else names are written in the letters of peers' names: see
    :func:`topology.spelling.peer_name_of`.

    Parameters
    ----------
    places : mapping of str to str
        Where in the file each node was met.
    file : str or Path
        For messages.

    Returns
    -------
    dict of str to str
        The peer's name by the node's.

    Raises
    ------
    InputError
        If a node cannot be called so, or two get the same name.
    """
    if all(_NUMBER.fullmatch(node) for node in places):
        width = max(map(len, places), default=1)
        names = {node: f"p{node:0>{width}}" for node in places}
    else:
        names = {node: peer_name_of(node) for node in places}
    owners: dict[str, str] = {}
    for node, name in names.items():
        if not is_peer_name(name):
            raise InputError(
                f"{_shown(node)} cannot be a peer's name",
                file=file,
                field=places[node],
                mend="rename it in the file: 1 to 32 of the characters a-z, 0-9 and -",
            )
        owner = owners.setdefault(name, node)
        if owner != node:
            raise InputError(
                f"{node!r} and {owner!r} ({places[owner]}) would both be called {name!r}",
                file=file,
                field=places[node],
                mend="rename one of the two in the file",
            )
    return names


def _shown(node: str) -> str:
    return repr(node if len(node) <= 60 else f"{node[:60]}…")
