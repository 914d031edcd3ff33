"""What an algorithm and the drivers agree on: requests, replies, neighbours, random streams, facts.

An algorithm is a *program*: a generator that yields requests and gets replies. It sees no socket, clock or
file. Every per-peer array has a leading axis P, the peers of the block: one on a real peer, all peers of the
network in the block simulator. E counts the edges of the block, seen from its peers and sorted by (peer,
neighbour's name). numpy only: the block's sparse sums live in :mod:`peer.simulate.block`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from peer.program.errors import ContractError
from peer.program.neighbours import Neighbours
from peer.program.received import Received
from peer.program.requests import Broadcast, Checkpoint, FloodMax, Progress, Request, Rounds, Scatter
from peer.program.streams import Purpose, Streams
from peer.program.values import (
    Array,
    State,
    Value,
    arrays_of,
    entry_of,
    freeze,
    iteration_of,
    payload_bytes,
    snapshot,
    sum_in_order,
)

__all__ = [
    "Array",
    "Broadcast",
    "Checkpoint",
    "ContractError",
    "Facts",
    "FloodMax",
    "Neighbours",
    "Program",
    "Progress",
    "Purpose",
    "Received",
    "Request",
    "Rounds",
    "Scatter",
    "State",
    "Streams",
    "Value",
    "arrays_of",
    "entry_of",
    "freeze",
    "iteration_of",
    "payload_bytes",
    "snapshot",
    "sum_in_order",
]


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


Program = Callable[[Any, Any, Neighbours, Streams, State], Rounds[dict[str, Array]]]
"""``program(problem, spec, neighbours, streams, state)``; a result is, for example, ``{"U": (P, d, r)}``."""
