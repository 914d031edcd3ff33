"""Docker Swarm: a stack with one service per peer, each pinned to the machine that has its data."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peer.deploy.documents import uninterpolated
from peer.deploy.image import STATES, USER_ID, key_place, peer_environment
from peer.deploy.places import CONFIG, data_folder
from topology.errors import InputError, name_hint
from topology.network import Network

__all__ = ["OVERLAY", "SwarmSetup", "label_of", "parse_places", "stack_document"]

OVERLAY = "peers"
"""The overlay network of a stack; its full name begins with the stack's."""


@dataclass(frozen=True, slots=True)
class SwarmSetup:
    """What a stack file says beside the network.

    Attributes
    ----------
    image : str
        Of the peers; every machine of the swarm has it, or a registry.
    data : str
        Folder on each machine that holds the data of its peers, ``DATA/NAME``.
    places : mapping of str to str
        Host names of the machines by peer; the other peers are placed by labels.
    files : mapping of str to bytes
        What the containers get, by its path beside the stack file: network file, certificates, keys.
    """

    image: str
    data: str
    places: Mapping[str, str]
    files: Mapping[str, bytes]


def parse_places(network: Network, asked: Sequence[str]) -> Mapping[str, str]:
    """Read which peer is to be on which machine.

    Parameters
    ----------
    network : Network
        The peers.
    asked : sequence of str
        Such as ``p0=node-a``.

    Returns
    -------
    mapping of str to str
        Host names by peer.

    Raises
    ------
    InputError
        If one is no such pair, or there is no such peer.
    """
    places: dict[str, str] = {}
    for text in asked:
        name, equals, node = text.partition("=")
        if not equals or not node:
            raise InputError(f"found {text!r}", field="--place", mend="write --place p0=HOSTNAME")
        if name not in network.names:
            raise InputError(
                f"no peer is called {name!r}", field="--place", mend=name_hint(name, network.names)
            )
        places[name] = node
    return places


def label_of(name: str) -> str:
    """The label of the machine that a peer is to run on; its value is ``yes``."""
    return f"difpeer.{name}"


def stack_document(network: Network, setup: SwarmSetup) -> dict[str, Any]:
    """Return a stack file for a network.

    Parameters
    ----------
    network : Network
        The peers.
    setup : SwarmSetup
        The rest.

    Returns
    -------
    dict
        For ``docker stack deploy``.
    """
    named = {path: _immutable(path, content) for path, content in setup.files.items()}
    keys = {f"keys/{name}.key" for name in network.names}
    document: dict[str, Any] = {
        "version": "3.8",
        "services": {name: _peer(network, name, setup, named) for name in network.names},
        "networks": {OVERLAY: {"driver": "overlay", "attachable": True}},
        "volumes": {_volume(name): {} for name in network.names},
        "configs": {
            full: {"file": f"./{path}", "name": full} for path, full in named.items() if path not in keys
        },
        "secrets": {
            full: {"file": f"./{path}", "name": full} for path, full in named.items() if path in keys
        },
    }
    made: dict[str, Any] = uninterpolated(document)
    return made


def _peer(network: Network, name: str, setup: SwarmSetup, named: Mapping[str, str]) -> dict[str, Any]:
    # Those whom it has to believe: itself, its neighbours, and who may submit runs.
    known = (name, *network.neighbours(name), *network.operators)
    paths = ("network.yaml", *(f"certs/{one}.pem" for one in known))
    place = f"node.labels.{label_of(name)} == yes"
    if name in setup.places:
        place = f"node.hostname == {setup.places[name]}"
    return {
        "image": setup.image,
        "hostname": name,
        "environment": dict(peer_environment(name)),
        "networks": [OVERLAY],
        "volumes": [
            {"type": "volume", "source": _volume(name), "target": STATES},
            {
                "type": "bind",
                "source": f"{setup.data}/{name}",
                "target": data_folder(name),
                "read_only": True,
            },
            # `docker stack deploy` knows no `tmpfs:`.
            {"type": "tmpfs", "target": "/tmp"},  # noqa: S108 - in the container
        ],
        "configs": [{"source": named[path], "target": f"{CONFIG}/{path}"} for path in paths],
        "secrets": [
            {
                "source": named[f"keys/{name}.key"],
                "target": key_place(name),
                "uid": str(USER_ID),
                "gid": str(USER_ID),
                "mode": 0o400,
            }
        ],
        "read_only": True,
        "cap_drop": ["ALL"],
        "deploy": {
            # By the container's own address: a connection is to one peer, there is nothing to balance.
            "endpoint_mode": "dnsrr",
            "replicas": 1,
            "placement": {"constraints": [place]},
            "restart_policy": {"condition": "any", "delay": "1s"},
            # Never two processes of one peer.
            "update_config": {"order": "stop-first"},
        },
    }


def _volume(name: str) -> str:
    return f"{name}-state"


def _immutable(path: str, content: bytes) -> str:
    """A swarm never changes a config or secret: other content has another name, and the stack is deployed again."""
    stem = path.removesuffix(".pem").removesuffix(".key").removesuffix(".yaml").replace("/", "-")
    return f"{stem}-{hashlib.sha256(content).hexdigest()[:12]}"
