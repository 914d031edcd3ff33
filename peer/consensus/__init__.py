"""How peers average a value with their neighbours."""

from peer.consensus.agreement import Agreement

__all__ = ["Agreement"]
