"""A network as what stands in its file."""

from typing import TYPE_CHECKING, Any

from topology.yamlfile import yaml_text

if TYPE_CHECKING:  # the network itself is made anew from this
    from topology.network import Network

__all__ = ["network_content", "network_text"]


def network_content(network: "Network") -> dict[str, Any]:
    """Return a network as plain values, as short as the file format allows.

    Parameters
    ----------
    network : Network
        The network.

    Returns
    -------
    dict
        What :func:`topology.network.read_network` reads to an equal network.
    """
    content: dict[str, Any] = {
        "name": network.name,
        "mixing": network.mixing,
        "peers": {
            name: entry.model_dump(mode="json", exclude_none=True) for name, entry in network.peers.items()
        },
        "edges": [
            [edge.first, edge.second]
            if edge.dial is None
            else {"peers": [edge.first, edge.second], "dial": edge.dial}
            for edge in network.edges
        ],
    }
    if network.operators:
        content["operators"] = {
            name: keys[0] if len(keys) == 1 else list(keys) for name, keys in network.operator_keys.items()
        }
    return content


def network_text(network: "Network") -> str:
    """Return the text of a network file.

    Parameters
    ----------
    network : Network
        The network.

    Returns
    -------
    str
        As :func:`topology.network.write_network` writes it.
    """
    return yaml_text(network_content(network))
