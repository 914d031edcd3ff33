"""From a spec and own data to a run: the answers the machine asks for, and the program it starts."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from peer.algorithms.problem import Problem
from peer.program import Array, Facts, Neighbours, Rounds, State, Streams, require_basis
from peer.protocol.examiner import Refusal
from peer.protocol.facts import PeerFact, network_facts, verdict
from peer.protocol.interpreter import Interpreter
from peer.protocol.messages import Offer
from peer.registry import algorithm, source_of, spec_from_canonical
from topology.errors import InputError
from topology.network import Network


class FactExaminer:
    """Answers the machine's questions from this peer's own fact and the network file.

    Parameters
    ----------
    network : Network
        The network file.
    fact : PeerFact
        What this peer brings to every run.
    """

    def __init__(self, network: Network, fact: PeerFact) -> None:
        self._network = network
        self._fact = fact

    def unsigned(self, offer: Offer) -> str | None:
        """Nothing: where there are no keys everybody may submit."""
        del offer
        return None

    def fact(self, spec: bytes) -> bytes | Refusal:
        """Own fact, or a refusal where this version cannot run the spec, or its algorithm is not installed."""
        try:
            parsed = spec_from_canonical(spec)
            source = source_of(parsed.algorithm)
            interval = algorithm(parsed.algorithm).interval_rounds(parsed, self._network)
        except InputError as error:
            return Refusal(str(error))
        except (Exception, SystemExit) as error:
            # Code of another package: the run is refused, the peer lives on.
            return Refusal(
                f"the spec_type or interval_rounds of its algorithm fails: {type(error).__name__}: {error}"
            )
        if type(interval) is not int or interval < 1:
            return Refusal(
                f"interval_rounds of {parsed.algorithm} gives {interval!r}, not a number of rounds"
            )
        return self._fact.model_copy(update={"algorithm": source}).to_bytes()

    def verdict(self, spec: bytes, table: Mapping[str, bytes]) -> str | None:
        """Whether the peers fit together; see :func:`verdict`."""
        try:
            facts = {name: PeerFact.from_bytes(fact) for name, fact in table.items()}
        except ValueError as error:
            return f"a peer told a fact that cannot be read: {error}; install the same version at all peers"
        return verdict(spec_from_canonical(spec), facts)

    def interval_rounds(self, spec: bytes) -> int:
        """K of the spec's program on this network."""
        parsed = spec_from_canonical(spec)
        return algorithm(parsed.algorithm).interval_rounds(parsed, self._network)


def facts_of(table: Mapping[str, bytes]) -> Facts:
    """What the table of a run says of the whole network's data."""
    return network_facts({name: PeerFact.from_bytes(fact) for name, fact in table.items()})


def start_program(
    spec: bytes, network: Network, name: str, problem: Problem, state: Mapping[str, Any]
) -> Interpreter:
    """Make the interpreter of a run's program at one peer, from a checkpoint's state or from nothing.

    Parameters
    ----------
    spec : bytes
        Canonical, as the run was submitted.
    network : Network
        The network file.
    name : str
        The peer.
    problem : Problem
        Its own tasks, a block of one, with the network's facts.
    state : mapping
        Of the checkpoint to resume from; empty at the first start.
    """
    parsed = spec_from_canonical(spec)
    program = algorithm(parsed.algorithm).program
    streams = Streams(parsed.seed, np.array([network.index(name)]))

    def start(neighbours: Neighbours, resumed: State) -> Rounds[dict[str, Array]]:
        result = yield from program(problem, parsed, neighbours, streams, resumed)
        return require_basis(result, problem.facts.dim)

    return Interpreter(start, Neighbours.of_peer(network, name), name, network.diameter, state)
