"""Averaging a value over the network by rounds with the neighbours."""

from dataclasses import dataclass

from peer.program import Array, Broadcast, Rounds

__all__ = ["Agreement"]


@dataclass(frozen=True)
class Agreement:
    """Plain averaging: every round applies the mixing matrix once.

    ``Z_g <- Z_g + sum_j W_gj (Z_j - Z_g)``, that is ``Z <- W Z``, so that after k rounds the distance to the
    average has shrunk by ``gamma(W)^k``. Where a sum over the peers is wanted, multiply by their number.

    Parameters
    ----------
    rounds : int
        Rounds of one agreement.
    label : str
        Phase in the ledger.

    References
    ----------
    arXiv 2512.23161, the agreement protocol.
    """

    rounds: int
    label: str

    def average(self, x: Array) -> Rounds[Array]:
        """Return the value after all rounds, shape (P, ...) like ``x``."""
        for k in range(1, self.rounds + 1):
            received = yield from Broadcast(x, self.label, light=k < self.rounds)
            x = received.combine(x)
        return x
