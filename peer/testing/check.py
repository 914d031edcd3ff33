"""Does a program keep the contract? One call in an author's test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from peer.config import RunSpec
from peer.program import (
    Algorithm,
    Broadcast,
    Checkpoint,
    ContractError,
    FloodMax,
    Program,
    Scatter,
    State,
    require_basis,
)
from peer.simulate.block import whole_network
from peer.simulate.fast import run_block
from peer.testing.peers import PeerRun, ProblemBuilder, run_in_step, run_loosely
from peer.testing.record import Content, Recording, content, difference, join, result_content
from topology.network import Network

__all__ = ["CheckReport", "check_program"]


@dataclass(frozen=True)
class CheckReport:
    """How much was checked.

    Attributes
    ----------
    rounds, checkpoints : int
        Of one run.
    interval_rounds : int
        Most rounds between two checkpoints; a FloodMax counts as many as the network's diameter.
    restarts : int
        Of all peers from all checkpoints.
    """

    rounds: int
    checkpoints: int
    interval_rounds: int
    restarts: int


def check_program(
    program: Program | Algorithm,
    problem_builder: ProblemBuilder,
    spec: RunSpec,
    network: Network,
    *,
    seed: int = 0,
    both_ends: Sequence[str] = (),
) -> CheckReport:
    """Run a program in every way that a driver may, and compare all bits.

    All peers in step with each other; all peers in a random order without a barrier; every peer restarted from
    every checkpoint with the replies it had; all peers as one block. Values are read-only once yielded.

    Parameters
    ----------
    program : Program or Algorithm
        The program to check. Of an algorithm, its result, ``interval_rounds`` and ``schedule`` are checked too.
    problem_builder : callable
        ``problem_builder(names)`` makes the problem for the block of these peers, anew at each call; see
        :func:`made_up_tasks`.
    spec : RunSpec
        A short run: the restarts take time in the square of its length.
    network : Network
        At least two peers; degrees that differ find more.
    seed : int, optional
        Of the random order.
    both_ends : sequence of str, optional
        State entries (E, ...) that both ends of an edge must hold bit for bit.

    Returns
    -------
    CheckReport
        How much was checked.

    Raises
    ------
    ContractError
        Naming the rule that the program breaks.

    Notes
    -----
    Rules: 1 no mixing of rows but by replies; 2 branches on common knowledge only; 4 what was yielded does not
    change; 5 the state is all there is; 6 a checkpoint is the last request of a loop body; 7 parts keep their
    state in the same dict; 8 equal bits at both ends of an edge; 9 random numbers from the streams only.
    """
    algorithm = program if isinstance(program, Algorithm) else None
    program = program.program if isinstance(program, Algorithm) else program
    in_step = run_in_step(program, problem_builder, spec, network)
    for recording in in_step.values():
        recording.require_unchanged()
    loose = run_loosely(program, problem_builder, spec, network, seed)
    for name, recording in in_step.items():
        found = _first_difference(recording, loose[name])
        if found:
            raise ContractError(
                f"rule 9: {name} did otherwise when it ran again, {found}; draw from the streams, keep nothing "
                "outside the state"
            )
    restarts = sum(
        _check_restarts(program, problem_builder, spec, network, recording) for recording in in_step.values()
    )
    block = Recording("the block")
    problem = problem_builder(network.names)
    run_block(block.of(program), problem, spec, network)
    _check_block(block, list(in_step.values()))
    _check_both_ends(block, network, both_ends)
    requests = [step.request for step in block.steps]
    report = CheckReport(
        rounds=sum(isinstance(request, Broadcast | Scatter) for request in requests),
        checkpoints=sum(isinstance(request, Checkpoint) for request in requests),
        interval_rounds=_interval(requests, network),
        restarts=restarts,
    )
    if algorithm is not None:
        facts = getattr(problem, "facts", None)
        require_basis(block.result, facts and facts.dim)
        _check_interval(algorithm, spec, network, report)
        if facts is not None:
            algorithm.predicted(spec, network, facts)
    return report


def _interval(requests: Sequence[object], network: Network) -> int:
    longest = rounds = 0
    for request in requests:
        if isinstance(request, Checkpoint):
            rounds = 0
        elif isinstance(request, Broadcast | Scatter | FloodMax):
            rounds += network.diameter if isinstance(request, FloodMax) else 1
        longest = max(longest, rounds)
    return longest


def _check_interval(algorithm: Algorithm, spec: RunSpec, network: Network, report: CheckReport) -> None:
    declared = algorithm.interval_rounds(spec, network)
    if declared < report.interval_rounds:
        raise ContractError(
            f"interval_rounds gives {declared}, and the program makes {report.interval_rounds} rounds between two "
            "checkpoints: a peer would stop it"
        )


def _contents(recording: Recording) -> list[Content]:
    return [*(step.content for step in recording.steps), result_content(recording.result)]


def _first_difference(expected: Recording, found: Recording) -> str | None:
    wanted, got = _contents(expected), _contents(found)
    for position, (a, b) in enumerate(zip(wanted, got, strict=False)):
        differs = difference(a, b)
        if differs:
            return f"at request {position}: {differs}"
    return None if len(wanted) == len(got) else f"with {len(got)} requests in place of {len(wanted)}"


def _check_restarts(
    program: Program, build: ProblemBuilder, spec: RunSpec, network: Network, recording: Recording
) -> int:
    """Restart one peer from each of its checkpoints with recorded replies; return how many there were."""
    count = 0
    for position, step in enumerate(recording.steps):
        if not isinstance(step.request, Checkpoint):
            continue
        count += 1
        found = _restart(program, build, spec, network, recording, position)
        if found:
            raise ContractError(
                f"rules 5 to 7: {recording.name}, restarted from checkpoint {count - 1}, did otherwise {found}; "
                "keep all in the state, and make the checkpoint the last request of the loop body"
            )
    return count


def _restart(
    program: Program,
    build: ProblemBuilder,
    spec: RunSpec,
    network: Network,
    recording: Recording,
    position: int,
) -> str | None:
    problem = build((recording.name,))
    try:
        run = PeerRun(program, problem, spec, network, recording.name, _state(recording, position))
        for number, step in enumerate(recording.steps[position + 1 :], start=position + 1):
            if run.request is None:
                return f"with an end in place of request {number}: {step.content['kind']}"
            differs = difference(step.content, content(run.request))
            if differs:
                return f"at request {number}: {differs}"
            run.answer(step.reply)
    except ContractError:
        raise
    except Exception as error:
        return f"by {type(error).__name__}: {error}"
    if run.request is not None:
        return f"with a request after its end: {type(run.request).__name__}"
    return difference(result_content(recording.result), result_content(run.recording.result))


def _state(recording: Recording, position: int) -> State:
    """Return the state as it was at a checkpoint, in new arrays: nothing is shared with the first run."""
    held = recording.steps[position].content
    prefix = "state "
    names = {key: key[len(prefix) + 1 : -1] for key in held if key.startswith(prefix)}
    return {
        name: held[key].copy() if isinstance(held[key], np.ndarray) else held[key]
        for key, name in names.items()
    }


def _check_block(block: Recording, peers: Sequence[Recording]) -> None:
    together = [join(list(parts)) for parts in zip(*map(_contents, peers), strict=True)]
    for position, (expected, found) in enumerate(zip(together, _contents(block), strict=False)):
        differs = difference(expected, found)
        if differs:
            raise ContractError(
                f"rule 1: a peer alone and in a block do not have the same bits, at request {position}: {differs}; "
                "never reduce over axis 0, never mix rows"
            )
    if len(together) != len(_contents(block)):
        raise ContractError("rule 1: a peer alone and in a block do not make the same number of requests")


def _check_both_ends(block: Recording, network: Network, names: Sequence[str]) -> None:
    reverse = whole_network(network).reverse
    for position, step in enumerate(block.steps):
        held: Mapping[str, object] = step.content if isinstance(step.request, Checkpoint) else {}
        for name in names:
            entry = held.get(f"state {name!r}")
            if isinstance(entry, np.ndarray) and entry.tobytes() != entry[reverse].tobytes():
                raise ContractError(
                    f"rule 8: {name!r} differs between the two ends of an edge at request {position}; compute it "
                    "from sums of both ends' values, ordered by the names"
                )
