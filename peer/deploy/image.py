"""The images of difpeer: their names, and what a container of them is told (``deploy/Dockerfile``)."""

from collections.abc import Mapping

from peer import __version__
from peer.deploy.places import PORT, data_folder, state_folder
from topology.network import Network

__all__ = [
    "IMAGE",
    "KEYS",
    "STATES",
    "USER_ID",
    "by_name",
    "how_to_build",
    "key_place",
    "peer_environment",
    "related_image",
]

IMAGE = f"difpeer:{__version__}"

USER_ID = 10001
"""User and group of the images."""

KEYS = "/run/difpeer/keys"
STATES = "/var/lib/difpeer/state"
"""A folder of the image that belongs to its user, so that a new volume there does, too."""


def key_place(name: str) -> str:
    """Return where a container finds the key of its peer or operator."""
    return f"{KEYS}/{name}.key"


def by_name(network: Network) -> Network:
    """The same network where each peer is reached by its name, as containers of one network are.

    Parameters
    ----------
    network : Network
        With any addresses, or none.

    Returns
    -------
    Network
        The same peers, edges and keys.
    """
    return network.with_addresses({name: f"{name}:{PORT}" for name in network.names})


def peer_environment(name: str) -> Mapping[str, str]:
    """What ``serve`` and ``health`` are told in a container; the image says the rest.

    Parameters
    ----------
    name : str
        The peer.

    Returns
    -------
    mapping of str to str
        Environment variables.
    """
    return {
        "DIFPEER_NAME": name,
        "DIFPEER_KEY": key_place(name),
        "DIFPEER_DATA": data_folder(name),
        "DIFPEER_STATE": state_folder(name),
    }


def related_image(image: str, part: str) -> str:
    """Name the image that belongs to the peers' one: ``difpeer:1`` and ``operator`` give ``difpeer-operator:1``.

    Parameters
    ----------
    image : str
        Of the peers, as ``docker pull`` takes it; a digest names one image alone and is left out.
    part : str
        ``operator`` or ``link``.

    Returns
    -------
    str
        The image's name.
    """
    repository, _, _ = image.partition("@")
    path, slash, last = repository.rpartition("/")
    name, colon, tag = last.partition(":")
    return f"{path}{slash}{name}-{part}{colon}{tag}"


def how_to_build(image: str, wanted: str) -> str:
    """Say how an image is made in the clone's folder.

    Parameters
    ----------
    image : str
        Of the peers.
    wanted : str
        The same, or one that belongs to it.

    Returns
    -------
    str
        A command line.
    """
    if wanted == related_image(image, "link"):
        return f"docker build --tag {wanted} deploy/link"
    target = "operator" if wanted == related_image(image, "operator") else "peer"
    return f"docker build --target {target} --tag {wanted} --file deploy/Dockerfile ."
