"""What the machine asks about specs and data, and the digest of all that peers of a run must agree on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from peer.protocol.messages import PROTOCOL_VERSION, Offer
from peer.protocol.records import RunRecord
from peer.protocol.rounds import GENERATIONS, WINDOW
from topology.network import Network

CONFIG_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Refusal:
    """Own data do not fit a spec; the text says why and the mend."""

    text: str


class Examiner(Protocol):
    """Answers that are functions of their arguments and of this peer's own data."""

    def unsigned(self, offer: Offer) -> str | None:
        """Why nobody who may submit runs stands behind this one; None where somebody does."""

    def fact(self, spec: bytes) -> bytes | Refusal:
        """What this peer brings to a run, or why it cannot take part."""

    def verdict(self, spec: bytes, table: Mapping[str, bytes]) -> str | None:
        """Why the peers' facts do not fit together, the same text at every peer; None when they do."""

    def interval_rounds(self, spec: bytes) -> int:
        """Most rounds between two checkpoints of the spec's program, on this network."""


def config_digest(network: Network, record: RunRecord, interval_rounds: int) -> bytes:
    """SHA-256 of all that must be equal at the peers of a run; addresses, keys and operators may differ."""
    material = {
        "version": [PROTOCOL_VERSION, WINDOW, GENERATIONS, interval_rounds],
        "spec": record.spec.decode(),
        "peers": network.names,
        "edges": [(edge.first, edge.second) for edge in network.edges],
        "mixing": network.mixing,
        "facts": {name: fact.decode() for name, fact in record.table.items()},
    }
    return hashlib.sha256(json.dumps(material, sort_keys=True, separators=(",", ":")).encode()).digest()
