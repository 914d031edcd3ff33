"""A network with what lies beside its file."""

from peer.deploy.material import Material
from topology.network import Network
from topology.yamlfile import validate

PIN = "sha256:" + "0" * 62


def unpinned() -> Network:
    """Three peers in a row, of which the last cannot be dialled."""
    return validate(
        Network,
        {
            "name": "lab",
            "peers": {"p0": {"address": "10.0.0.1:7100"}, "p1": {"address": "10.0.0.2:7101"}, "p2": {}},
            "edges": [["p0", "p1"], {"peers": ["p1", "p2"], "dial": "p2"}],
        },
    )


def small_network() -> Network:
    """The same with pins, and an operator."""
    pins = {"p0": (PIN + "00",), "p1": (PIN + "01",), "p2": (PIN + "02",)}
    return unpinned().with_keys(pins, {"alice": (PIN + "0a",)})


def material(*keys: str) -> Material:
    """Certificates of all, and keys of these."""
    names = (*small_network().names, "alice")
    return Material(
        {name: f"-----BEGIN CERTIFICATE-----\n{name}\n-----END CERTIFICATE-----\n" for name in names},
        {name: f"-----BEGIN PRIVATE KEY-----\n{name}\n-----END PRIVATE KEY-----\n" for name in keys},
    )
