"""What an algorithm and the drivers agree on: requests, replies, neighbours, random streams, facts.

An algorithm is a *program*: a generator that yields requests and gets replies. It sees no socket, clock or
file. Every per-peer array has a leading axis P, the peers of the block: one on a real peer, all peers of the
network in the block simulator. E counts the edges of the block, seen from its peers and sorted by (peer,
neighbour's name). numpy only: the block's sparse sums live in :mod:`peer.simulate.block`. A
program may also be written for one peer, without the axis: :func:`one_peer`.
"""

from peer.program.algorithm import Algorithm, Program
from peer.program.bounds import RequestCheck
from peer.program.errors import ContractError
from peer.program.facts import Facts
from peer.program.neighbours import Neighbours
from peer.program.one_peer import one_peer
from peer.program.peer_view import PeerNeighbours, PeerStreams
from peer.program.received import Received
from peer.program.requests import Broadcast, Checkpoint, FloodMax, Progress, Request, Rounds, Scatter
from peer.program.result import require_basis
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
    "Algorithm",
    "Array",
    "Broadcast",
    "Checkpoint",
    "ContractError",
    "Facts",
    "FloodMax",
    "Neighbours",
    "PeerNeighbours",
    "PeerStreams",
    "Program",
    "Progress",
    "Purpose",
    "Received",
    "Request",
    "RequestCheck",
    "Rounds",
    "Scatter",
    "State",
    "Streams",
    "Value",
    "arrays_of",
    "entry_of",
    "freeze",
    "iteration_of",
    "one_peer",
    "payload_bytes",
    "require_basis",
    "snapshot",
    "sum_in_order",
]
