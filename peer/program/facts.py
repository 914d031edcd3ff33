"""What all peers know of the whole network's data."""

from dataclasses import dataclass

__all__ = ["Facts"]


@dataclass(frozen=True)
class Facts:
    """What all peers know of the whole network's data before the first round.

    Attributes
    ----------
    num_peers, num_tasks : int
        Of the network.
    total_samples : int
        Rows of all tasks together.
    num_samples : float
        Mean rows per task, ``total_samples / num_tasks``.
    equal_samples : bool
        Whether every task of the network has the same number of rows.
    dim : int
        Features d.
    """

    num_peers: int
    num_tasks: int
    total_samples: int
    num_samples: float
    equal_samples: bool
    dim: int
