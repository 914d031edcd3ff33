"""Networks with keys, for tests."""

from peer.identity.issuing import issue_all
from topology.network import Network, read_network, write_network

PAIR = {"name": "pair", "peers": {"p0": {}, "p1": {}}, "edges": [["p0", "p1"]]}


def keyed(folder, operators=("alice",)):
    """A network file with keys, certificates and pins beside it."""
    file = folder / "network.yaml"
    write_network(issue_all(file, Network.model_validate(PAIR), operators), file)
    return file, read_network(file)
