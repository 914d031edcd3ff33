"""All peers of a network, each as a block of one, in two orders: in step with each other, and loosely."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from peer.config import RunSpec
from peer.program import (
    Broadcast,
    Checkpoint,
    ContractError,
    FloodMax,
    Neighbours,
    Program,
    Progress,
    Received,
    Request,
    Scatter,
    State,
    Streams,
    Value,
    arrays_of,
    entry_of,
    freeze,
    snapshot,
)
from peer.testing.record import Recording
from topology.network import Network

__all__ = ["PeerRun", "ProblemBuilder", "run_in_step", "run_loosely"]

ProblemBuilder = Callable[[tuple[str, ...]], object]
"""Makes the program's problem for a block of the peers with these names."""


class PeerRun:
    """One peer's run of a program, from a state.

    Attributes
    ----------
    name : str
        The peer.
    recording : Recording
        What it asked and was told.
    request : Request or None
        What it waits for; None at its end.
    """

    def __init__(
        self, program: Program, problem: object, spec: RunSpec, network: Network, name: str, state: State
    ) -> None:
        self.name = name
        self.neighbours = Neighbours.of_peer(network, name)
        self.recording = Recording(name)
        streams = Streams(spec.seed, self.neighbours.index)
        self._generator = self.recording.of(program)(problem, spec, self.neighbours, streams, state)
        self.request: Request[Any] | None = None
        self.answer(None)

    def answer(self, reply: Any) -> None:  # noqa: ANN401 - each request has its own type of reply
        """Give the reply and run to the next request."""
        try:
            self.request = _frozen(self._generator.send(reply))
        except StopIteration:
            self.request = None

    def sent(self) -> dict[str, Value]:
        """Return what goes to each neighbour in the round that the peer waits for."""
        request = self.request
        assert isinstance(request, Broadcast | Scatter)
        names = self.neighbours.edge_names
        edges = [e for e in range(len(names)) if request.send is None or request.send[e]]
        if isinstance(request, Broadcast):
            return {names[e]: entry_of(request.value, 0) for e in edges}
        return {names[e]: entry_of(request.values, e) for e in edges}

    def expected(self) -> list[str]:
        """Return the neighbours that the peer expects something from in this round."""
        request = self.request
        assert isinstance(request, Broadcast | Scatter)
        names = self.neighbours.edge_names
        return [name for e, name in enumerate(names) if request.receive is None or request.receive[e]]

    def receive(self, values: Mapping[str, Value]) -> None:
        """End the round with what came."""
        request = self.request
        assert isinstance(request, Broadcast | Scatter)
        own = request.value if isinstance(request, Broadcast) else request.values
        self.answer(Received.of_peer(self.neighbours, values, own))


def run_in_step(
    program: Program, build: ProblemBuilder, spec: RunSpec, network: Network
) -> dict[str, Recording]:
    """Run all peers request by request; raises ContractError where they do not ask the same."""
    runs = {name: PeerRun(program, build((name,)), spec, network, name, {}) for name in network.names}
    first = runs[network.names[0]]
    while any(run.request is not None for run in runs.values()):
        for run in runs.values():
            if _signature(run.request) != _signature(first.request):
                raise ContractError(
                    f"rule 2: {first.name} asks for {_signature(first.request)} "
                    f"where {run.name} asks for {_signature(run.request)}"
                )
        if isinstance(first.request, Broadcast | Scatter):
            _exchange(runs)
        elif isinstance(first.request, FloodMax):
            _flood(runs)
        else:
            for run in runs.values():
                run.answer(None)
    return {name: run.recording for name, run in runs.items()}


def run_loosely(
    program: Program, build: ProblemBuilder, spec: RunSpec, network: Network, seed: int
) -> dict[str, Recording]:
    """Run the peers in a random order, each as far as its neighbours' values let it.

    Raises
    ------
    ContractError
        If nobody can go on, a label differs at the two ends of an edge, or a value is never taken.
    """
    runs = {name: PeerRun(program, build((name,)), spec, network, name, {}) for name in network.names}
    rng = np.random.default_rng(seed)
    mail: dict[tuple[str, str, int], tuple[str, Value]] = {}  # (from, to, round): label and value
    rounds = dict.fromkeys(network.names, 0)
    for run in runs.values():
        _post(run, rounds, mail)
    while any(run.request is not None for run in runs.values()):
        able = [run for run in runs.values() if _can_go_on(run, runs, rounds, mail)]
        if not able:
            waiting = ", ".join(f"{r.name} for {_signature(r.request)}" for r in runs.values() if r.request)
            raise ContractError(f"rule 2: nobody can go on; waiting: {waiting}")
        run = able[int(rng.integers(len(able)))]
        if isinstance(run.request, Broadcast | Scatter):
            run.receive(_collect(run, rounds, mail))
            rounds[run.name] += 1
            _post(run, rounds, mail)
        elif isinstance(run.request, FloodMax):
            _flood(runs)
            for each in runs.values():
                _post(each, rounds, mail)
        else:
            run.answer(None)
            _post(run, rounds, mail)
    if mail:
        sender, receiver, number = next(iter(mail))
        raise ContractError(f"rule 2: {receiver} never takes what {sender} sent it in round {number}")
    return {name: run.recording for name, run in runs.items()}


def _frozen(request: Request[Any]) -> Request[Any]:
    match request:
        case Broadcast(value=value) | Scatter(values=value) | FloodMax(value=value):
            freeze(value)
        case Progress(estimate=estimate):
            for entry in estimate.values():
                freeze(entry)
        case Checkpoint(state):
            snapshot(state)
    return request


def _signature(request: Request[Any] | None) -> str:
    """What has to be the same at all peers: kind, label, dtypes and shapes without the leading axis."""
    match request:
        case None:
            return "nothing more"
        case Broadcast(value=value) | Scatter(values=value) | FloodMax(value=value):
            kind = "codes" if isinstance(value, list) else ""
            shapes = kind or ", ".join(f"{part.dtype}{list(part.shape[1:])}" for part in arrays_of(value))
            return f"{type(request).__name__} {request.label!r} of {shapes}"
        case _:
            return type(request).__name__


def _exchange(runs: dict[str, PeerRun]) -> None:
    sent = {name: run.sent() for name, run in runs.items()}
    arrived: dict[str, dict[str, Value]] = {name: {} for name in runs}
    for name, run in runs.items():
        for other in run.neighbours.edge_names:
            if (name in sent[other]) != (other in run.expected()):
                raise ContractError(
                    f"masks of round {_signature(run.request)}: {name} expects otherwise than {other} sends"
                )
            if name in sent[other]:
                arrived[name][other] = sent[other][name]
    for name, run in runs.items():
        run.receive(arrived[name])


def _flood(runs: dict[str, PeerRun]) -> None:
    values = np.concatenate([run.request.value for run in runs.values() if isinstance(run.request, FloodMax)])
    for run in runs.values():
        run.answer(float(values.max()))


def _post(run: PeerRun, rounds: dict[str, int], mail: dict[tuple[str, str, int], tuple[str, Value]]) -> None:
    if isinstance(run.request, Broadcast | Scatter):
        for other, value in run.sent().items():
            mail[run.name, other, rounds[run.name]] = (run.request.label, value)


def _can_go_on(
    run: PeerRun,
    runs: dict[str, PeerRun],
    rounds: dict[str, int],
    mail: dict[tuple[str, str, int], tuple[str, Value]],
) -> bool:
    if isinstance(run.request, Broadcast | Scatter):
        return all((other, run.name, rounds[run.name]) in mail for other in run.expected())
    if isinstance(run.request, FloodMax):
        signature = _signature(run.request)
        return all(
            _signature(each.request) == signature and rounds[each.name] == rounds[run.name]
            for each in runs.values()
        )
    return run.request is not None


def _collect(
    run: PeerRun, rounds: dict[str, int], mail: dict[tuple[str, str, int], tuple[str, Value]]
) -> dict[str, Value]:
    assert isinstance(run.request, Broadcast | Scatter)
    values = {}
    for other in run.expected():
        label, values[other] = mail.pop((other, run.name, rounds[run.name]))
        if label != run.request.label:
            raise ContractError(
                f"rule 2: {other} sends {label!r} where {run.name} is at {run.request.label!r}"
            )
    return values
