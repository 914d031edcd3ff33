"""What is a peer's own: its data, and what its owner allows."""

from dataclasses import dataclass

from peer import __version__
from peer.data.store import LocalData
from peer.program import Array
from peer.protocol.facts import PeerFact, own_fact

__all__ = ["Owned"]


@dataclass(frozen=True, slots=True)
class Owned:
    """What is this peer's own.

    Attributes
    ----------
    local : LocalData
        Its tasks.
    truth : array, shape (d, r), or None
        The true basis, for measuring only.
    profile : str
        What its bits depend on.
    share_coefficients : bool
        Whether ``B`` may be collected.
    """

    local: LocalData
    truth: Array | None
    profile: str
    share_coefficients: bool = False

    def fact(self) -> PeerFact:
        """What this peer brings to every run."""
        local = self.local
        return own_fact(local.task_ptr, local.dim, software=__version__, profile=self.profile)
