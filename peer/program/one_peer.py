"""Programs that are written for one peer, run on a block of peers."""

from collections.abc import Callable, Generator
from functools import wraps
from typing import Any

import numpy as np

from peer.program.algorithm import Program
from peer.program.bounds import not_a_request
from peer.program.errors import ContractError
from peer.program.joining import join_requests, join_results
from peer.program.neighbours import Neighbours
from peer.program.peer_view import PeerNeighbours, PeerReply, PeerStreams, lifted
from peer.program.received import Received
from peer.program.requests import Broadcast, Request, Rounds, Scatter
from peer.program.streams import Streams
from peer.program.values import Array, State, entry_of

__all__ = ["PeerProgram", "one_peer"]

PeerProgram = Callable[[Any, Any, PeerNeighbours, PeerStreams, State], Rounds[dict[str, Array]]]
"""``program(problem, spec, neighbours, streams, state)`` of one peer; a result is, for example, ``{"U": (d, r)}``."""


def one_peer(program: PeerProgram) -> Program:
    """Make a program for blocks of peers out of one that is written for a single peer.

    Its arrays have no axis of the peers: a value is what one peer sends, a reply's ``combine`` and ``sum`` give
    what one peer has, ``edges`` are the neighbours' values by name, and numbers (a metric, the value of a FloodMax)
    are numbers. It may branch on its own role, ``neighbours.index``, as long as all peers make the same requests.
    The problem is that of :meth:`peer.algorithms.problem.Problem.peer`.

    Parameters
    ----------
    program : PeerProgram
        Written for one peer. Of its result, ``B`` has a row for each own task; in its state, int and bool are
        common to all peers, arrays and float are each peer's own.

    Returns
    -------
    Program
        The same requests; on a block of many peers it runs one of them after the other in each round.

    Raises
    ------
    ContractError
        While it runs, if a request or a result is not as the contract says, or the peers do not make the same
        requests.

    Notes
    -----
    On a real peer it costs some 30 µs a round; the block simulator is slower by 5 to 15 times.
    """

    @wraps(program)
    def block_program(
        problem: object, spec: object, neighbours: Neighbours, streams: Streams, state: State
    ) -> Rounds[dict[str, Array]]:
        peers = [
            _Peer(program, problem, spec, neighbours, streams, state, row)
            for row in range(len(neighbours.index))
        ]
        while any(peer.request is not None for peer in peers):
            request = join_requests([(peer.name, peer.request) for peer in peers], neighbours.degree)
            reply = yield request
            _answer(peers, request, reply)
        return join_results([(peer.name, peer.result) for peer in peers])

    return block_program


class _Peer:
    """One row of the block, and how far its program is."""

    def __init__(
        self,
        program: PeerProgram,
        problem: object,
        spec: object,
        neighbours: Neighbours,
        streams: Streams,
        state: State,
        row: int,
    ) -> None:
        self.neighbours = _row_of(neighbours, row)
        self.name = neighbours.names[neighbours.index[row]]
        self.request: Request[Any] | None = None
        self.result: object = None
        own = Streams(streams.seed, streams.index[row : row + 1])
        started = program(
            _problem_of(problem, row),
            spec,
            PeerNeighbours.of(self.neighbours),
            PeerStreams(own),
            {key: entry[row] if isinstance(entry, np.ndarray) else entry for key, entry in state.items()},
        )
        if not isinstance(started, Generator):
            raise ContractError(
                f"the program returns a {type(started).__name__} at once; it has to ask for its rounds by "
                "`yield from`, and return its result at the end"
            )
        self._program = started
        self.answer(None)

    def answer(self, reply: object) -> None:
        """Give the reply, and run to the next request or to the end."""
        try:
            request = self._program.send(reply)
        except StopIteration as end:
            self.request, self.result = None, end.value
            return
        if not isinstance(request, Request):
            raise not_a_request(self.name, request)
        self.request = request

    def receive(self, came: list[str], block: Received) -> None:
        """Answer a round with what came from these neighbours, as a block of one has it."""
        request = self.request
        assert isinstance(request, Broadcast | Scatter)
        sent = request.value if isinstance(request, Broadcast) else request.values
        if isinstance(request, Scatter) or isinstance(sent, list):
            sent = entry_of(sent, 0)
        self.answer(PeerReply(self.neighbours, block, came, sent))

    def came(self) -> list[str]:
        """The neighbours from which something came in this round."""
        request = self.request
        assert isinstance(request, Broadcast | Scatter)
        names = self.neighbours.edge_names
        return [name for e, name in enumerate(names) if request.receive is None or request.receive[e]]


def _answer(peers: list[_Peer], request: Request[Any], reply: Any) -> None:  # noqa: ANN401 - each has its own
    if not isinstance(request, Broadcast | Scatter):
        for peer in peers:
            peer.answer(reply)
        return
    if len(peers) == 1:
        peers[0].receive(peers[0].came(), reply)
        return
    edges, start = reply.edges, 0
    sent = request.value if isinstance(request, Broadcast) else request.values
    first = (
        sent[:1] if isinstance(sent, list) else lifted(entry_of(sent, 0))
    )  # its kind and shape are all peers'
    for peer in peers:
        came = peer.came()
        values = {name: entry_of(edges, start + e) for e, name in enumerate(came)}
        start += len(came)
        peer.receive(came, Received.of_peer(peer.neighbours, values, first))


def _row_of(neighbours: Neighbours, row: int) -> Neighbours:
    if len(neighbours.index) == 1:
        return neighbours
    part = slice(neighbours.indptr[row], neighbours.indptr[row + 1])
    degree = int(neighbours.degree[row])
    return Neighbours(
        names=neighbours.names,
        index=neighbours.index[row : row + 1],
        rows=np.zeros(degree, dtype=np.intp),
        other=neighbours.other[part],
        indptr=np.array([0, degree], dtype=np.intp),
        weights=neighbours.weights[part],
        own_weight=neighbours.own_weight[row : row + 1],
        network=neighbours.network,
    )


def _problem_of(problem: Any, row: int) -> object:  # noqa: ANN401 - whatever the driver gives
    if not hasattr(problem, "peer"):
        raise ContractError(
            f"a program for one peer needs a problem with a method `peer(row)`; {type(problem).__name__} has none"
        )
    own: object = problem.peer(row)
    return own
