"""Where a deployed peer finds its files, and where it listens: the same on every kind of machine."""

__all__ = ["CONFIG", "LISTEN", "NETWORK_FILE", "PORT", "data_folder", "state_folder"]

PORT = 7100

LISTEN = f"[::]:{PORT}"
"""All of the machine's addresses, IPv4 too: the address in the network file is where *others* reach the peer."""

CONFIG = "/etc/difpeer"
"""The network file, with ``certs/`` beside it."""

NETWORK_FILE = f"{CONFIG}/network.yaml"


def data_folder(name: str) -> str:
    """Return where a peer's own tasks are."""
    return f"/var/lib/difpeer/data/{name}"


def state_folder(name: str) -> str:
    """Return where a peer keeps its state."""
    return f"/var/lib/difpeer/state/{name}"
