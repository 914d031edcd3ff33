"""Docker Compose: a container per peer on one machine, and where asked one beside it that limits its links."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peer.deploy.documents import uninterpolated
from peer.deploy.image import KEYS, STATES, key_place, peer_environment, related_image
from peer.deploy.links import Link, link_words
from peer.deploy.places import CONFIG, data_folder
from topology.errors import InputError
from topology.network import Network

__all__ = ["JOB", "JOBS", "ComposeSetup", "compose_document", "key_folder", "state_of"]

JOB = "job"
"""The service that submits runs; the other services are called as their peers are."""

JOBS = Path("jobs")
"""Beside the compose file: the operator's specifications, and what comes of them."""

# The image needs nothing but its volumes, and no rights of root.
HARDENED: Mapping[str, Any] = {
    "read_only": True,
    "tmpfs": ["/tmp"],  # noqa: S108 - in the container
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
}


@dataclass(frozen=True, slots=True)
class ComposeSetup:
    """What a compose file says beside the network.

    Attributes
    ----------
    image : str
        Of the peers; those of operator and links are named after it.
    user : str
        ``UID:GID`` of the containers: who owns keys and state folders.
    data : mapping of str to Path
        Each peer's own folder on this machine.
    operator : str or None
        Whose key there is, to submit runs.
    links : mapping of (str, str) to Link
        Rate and delay by edge.
    """

    image: str
    user: str
    data: Mapping[str, Path]
    operator: str | None
    links: Mapping[tuple[str, str], Link]


def key_folder(name: str) -> Path:
    """The folder with the key of one peer or operator, beside the compose file: a container is given no other one."""
    return Path("keys") / name


def state_of(name: str) -> Path:
    """The folder with the state of one peer, beside the compose file."""
    return Path("state") / name


def compose_document(network: Network, setup: ComposeSetup) -> dict[str, Any]:
    """Return a compose file for a network.

    Parameters
    ----------
    network : Network
        The peers.
    setup : ComposeSetup
        The rest.

    Returns
    -------
    dict
        For docker-compose 1.29 and Compose v2.

    Raises
    ------
    InputError
        If a peer has the name of the service that submits runs.
    """
    if JOB in network.names:
        raise InputError(
            f"a peer is called {JOB!r}, like the service that submits runs", mend="give the peer another name"
        )
    services: dict[str, Any] = {}
    for name in network.names:
        words = link_words(name, setup.links)
        if words:
            services[_beside(name)] = _link(name, words, setup)
        services[name] = _peer(name, setup, limited=bool(words))
    if setup.operator is not None:
        services[JOB] = _job(setup.operator, network.names[0], setup)
    document: dict[str, Any] = uninterpolated({"services": services})
    return document


def _beside(name: str) -> str:
    """The container beside a peer; no peer's name has a dot."""
    return f"link.{name}"


def _peer(name: str, setup: ComposeSetup, limited: bool) -> dict[str, Any]:
    service: dict[str, Any] = {
        "image": setup.image,
        "user": setup.user,
        "environment": dict(peer_environment(name)),
        "volumes": [
            _read("./network", CONFIG),
            _read(f"./{key_folder(name)}", KEYS),
            _read(str(setup.data[name]), data_folder(name)),
            _bind(f"./{state_of(name)}", STATES),
        ],
        **HARDENED,
        "restart": "unless-stopped",
    }
    if limited:
        # It has no rights over its network, and does not start before its links are limited.
        service["network_mode"] = f"service:{_beside(name)}"
        service["depends_on"] = {_beside(name): {"condition": "service_healthy"}}
    return service


def _link(name: str, words: list[str], setup: ComposeSetup) -> dict[str, Any]:
    return {
        "image": related_image(setup.image, "link"),
        "command": words,
        "hostname": name,
        "networks": {"default": {"aliases": [name]}},
        **HARDENED,
        "tmpfs": ["/run/link"],
        "cap_add": ["NET_ADMIN"],
        "restart": "unless-stopped",
    }


def _job(operator: str, via: str, setup: ComposeSetup) -> dict[str, Any]:
    return {
        "image": related_image(setup.image, "operator"),
        "user": setup.user,
        "profiles": [JOB],  # with `docker compose run`, not with `up`
        "environment": {"DIFPEER_VIA": via, "DIFPEER_KEY": key_place(operator)},
        "working_dir": "/jobs",
        "volumes": [
            _read("./network", CONFIG),
            _read(f"./{key_folder(operator)}", KEYS),
            _bind(f"./{JOBS}", "/jobs"),
        ],
        **HARDENED,
    }


def _bind(source: str, target: str) -> dict[str, Any]:
    """A folder of this machine; the short form ends paths at their first colon."""
    return {"type": "bind", "source": source, "target": target}


def _read(source: str, target: str) -> dict[str, Any]:
    return _bind(source, target) | {"read_only": True}
