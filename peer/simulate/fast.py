"""The block simulator: all peers of a network as one block, without messages or clocks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from peer.config import RunFailed, RunSpec
from peer.program import (
    Array,
    Broadcast,
    Checkpoint,
    FloodMax,
    Program,
    Progress,
    RequestCheck,
    Scatter,
    Streams,
    freeze,
    snapshot,
)
from peer.simulate.block import BlockNeighbours, exchange, whole_network
from topology.network import Network

__all__ = ["BlockResult", "Phase", "run_block"]


@dataclass
class Phase:
    """What the rounds of one label came to.

    Attributes
    ----------
    rounds : int
        Rounds; a maximum over the network counts as many as the network's diameter.
    payload_bytes : int
        Of all messages of all peers.
    """

    rounds: int = 0
    payload_bytes: int = 0


@dataclass(frozen=True)
class BlockResult:
    """What a simulated run came to.

    Attributes
    ----------
    result : dict of str to array
        What the program returned; ``U`` has shape (L, d, r), in the order of the peers' names.
    phases : dict of str to Phase
        By label, in the order of their first rounds.
    """

    result: dict[str, Array]
    phases: dict[str, Phase] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        """Rounds of the whole run."""
        return sum(phase.rounds for phase in self.phases.values())

    @property
    def payload_bytes(self) -> int:
        """Payload bytes of the whole run, over all peers."""
        return sum(phase.payload_bytes for phase in self.phases.values())


def run_block(
    program: Program,
    problem: object,
    spec: RunSpec,
    network: Network,
    on_progress: Callable[[Progress], None] | None = None,
    on_checkpoint: Callable[[Checkpoint], None] | None = None,
) -> BlockResult:
    """Run a program on all peers of a network at once.

    Parameters
    ----------
    program : Program
        What to run.
    problem : object
        The program's problem, for all peers in the order of their names.
    spec : RunSpec
        Its specification.
    network : Network
        Peers, edges and weights.
    on_progress : callable, optional
        Called with each Progress request: iteration, metrics and estimate of all peers.
    on_checkpoint : callable, optional
        Called with each Checkpoint request.

    Returns
    -------
    BlockResult
        Result, rounds and bytes.

    Raises
    ------
    RunFailed
        If a maximum over the network meets a NaN, or the program gives up.
    ContractError
        If the program breaks the contract.

    Notes
    -----
    Between equal profiles (processor, versions, one BLAS thread) the results are the network's, bit for bit.
    """
    neighbours = whole_network(network)
    phases: dict[str, Phase] = {}
    generator = program(problem, spec, neighbours, Streams(spec.seed, neighbours.index), {})
    requests = RequestCheck(peers=len(neighbours.index))
    reply: Any = None
    while True:
        try:
            request = generator.send(reply)
        except StopIteration as end:
            return BlockResult(end.value, phases)
        requests.check(request)
        match request:
            case Broadcast() | Scatter():
                freeze(request.value if isinstance(request, Broadcast) else request.values)
                reply, sent = exchange(neighbours, request)
                _count(phases, request.label, 1, sent)
            case FloodMax():
                reply = _maximum(neighbours, request)
                rounds = network.diameter
                _count(phases, request.label, rounds, rounds * len(neighbours.rows) * 8)
            case Checkpoint():
                request = Checkpoint(snapshot(request.state))
                reply = None if on_checkpoint is None else on_checkpoint(request)
            case Progress():
                for estimate in request.estimate.values():
                    freeze(estimate)
                request = replace(request, iteration=requests.iteration)  # an int, whatever it was
                reply = None if on_progress is None else on_progress(request)


def _count(phases: dict[str, Phase], label: str, rounds: int, sent_bytes: int) -> None:
    phase = phases.setdefault(label, Phase())
    phase.rounds += rounds
    phase.payload_bytes += sent_bytes


def _maximum(neighbours: BlockNeighbours, request: FloodMax) -> float:
    missing = np.flatnonzero(np.isnan(request.value))
    if len(missing):
        name = neighbours.names[neighbours.index[missing[0]]]
        raise RunFailed(f"{request.label}: {name} has no number (NaN) to compare: its values have diverged")
    return float(np.max(request.value))
