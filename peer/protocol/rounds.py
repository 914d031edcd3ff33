"""RoundMachine: one run's rounds at one peer (rules R4 to R10 of docs/protocol.md).

Two rules carry everything. A message is a function of (run, edge, direction, sequence number) over all
incarnations, because programs are deterministic: so sending need not wait for the disk. And nothing is thrown
away that a neighbour may still ask for: what it may ask for is bounded by its durable round, which every message
carries.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peer.protocol.edge import Edge
from peer.protocol.effects import ContinueProgram, DeliverRound, Effect, Send, WriteCheckpoint
from peer.protocol.messages import DONE, Attach, Confirm, Durable, Value
from peer.protocol.payload import EMPTY, Payload, payload_digest
from peer.protocol.records import Checkpoint, Sent

WINDOW = 2
"""Checkpoints that may be taken and not yet durable; at the next one the program waits for the disk."""

GENERATIONS = 2
"""Durable checkpoints kept loadable, so that a damaged newest one is survived."""


class RunFailure(Exception):
    """The run cannot go on; the text goes into its tombstone."""


@dataclass(slots=True)
class PendingRound:
    """The round the program waits in; ``missing`` counts the active edges whose message is not here."""

    label: str
    active: tuple[str, ...]
    expected: frozenset[str]
    missing: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Whom a run waits for: ``kind`` is facts, round, disk or done; ``peers`` are named in order."""

    kind: str
    round: int
    label: str
    peers: tuple[str, ...]


class RoundMachine:
    """The rounds, outboxes, inboxes and checkpoints of one run at one peer.

    Parameters
    ----------
    run : str
        Id of the run.
    config_digest : bytes
        Equal at all peers of the run, or it fails.
    neighbours : sequence of str
        In the order of names.
    interval_rounds : int
        Most rounds between two checkpoints, K; it bounds inbox and outbox.
    checkpoints : sequence of Checkpoint
        What :func:`peer.protocol.records.loadable` chose; the newest is resumed.
    """

    def __init__(
        self,
        run: str,
        config_digest: bytes,
        neighbours: Sequence[str],
        interval_rounds: int,
        checkpoints: Sequence[Checkpoint] = (),
    ) -> None:
        self.run = run
        self.config_digest = config_digest
        self.edges = {name: Edge(name) for name in neighbours}
        self.interval_rounds = interval_rounds
        self.bound = 1 + (WINDOW + GENERATIONS) * max(interval_rounds, 1)
        self.round = 0
        self.pending: PendingRound | None = None
        self.ended = False
        self.taken = 0
        self.durable = 0
        self.state: Mapping[str, Any] = {}
        self._stalled: tuple[Mapping[str, Any], bool] | None = None
        self._rounds_of: dict[int, int] = {0: 0}
        self._needs: dict[int, int] = {0: 1}
        self._durable_beyond: set[int] = set()
        self._final: int | None = None
        self._generations: deque[int] = deque([0], maxlen=GENERATIONS)
        if checkpoints:
            self._restore(checkpoints)

    # What the rest of the peer asks

    @property
    def durable_round(self) -> int:
        """D: the round of the oldest durable checkpoint this peer may ever load again."""
        if self._final is not None and self.durable >= self._final:
            return DONE
        return self._rounds_of[self._generations[0]]

    @property
    def done(self) -> bool:
        """Whether the final checkpoint is durable."""
        return self.durable_round == DONE

    def waiting(self) -> Waiting | None:
        """Whom the run waits for; None while the program computes, and when it is done."""
        if self._stalled is not None or (self.ended and not self.done):
            return Waiting("disk", self.round, "result" if self.ended else "checkpoint", ())
        if self.pending is None:
            return None
        missing = tuple(name for name in self.pending.active if not self.edges[name].inbox)
        return Waiting("round", self.round, self.pending.label, missing)

    # The program's side

    def request_round(
        self, label: str, outgoing: Mapping[str, Payload], expected: frozenset[str]
    ) -> list[Effect]:
        """R6: enter the next round; every active edge carries one message in each direction."""
        active = tuple([name for name in self.edges if name in outgoing or name in expected])
        if self.round - self._rounds_of[self.taken] >= self.interval_rounds:
            raise RunFailure(
                f"the program enters round {self.round} ({label}), more than the {self.interval_rounds} rounds "
                "between two checkpoints that its algorithm declares (interval_rounds)"
            )
        pending = self.pending = PendingRound(label, active, expected, missing=0)
        effects: list[Effect] = []
        durable = self.durable_round
        sent: Sent | None = None
        value: Value | None = None
        for name in active:
            edge = self.edges[name]
            payload = outgoing.get(name, EMPTY)
            if sent is None or sent.payload is not payload:
                digest = payload_digest(self.round, label, payload)
                sent = Sent(edge.sent_seq, self.round, label, payload, digest)
                value = None
            elif sent.seq != edge.sent_seq:
                sent = Sent(edge.sent_seq, self.round, label, payload, sent.digest)
                value = None
            edge.sent_seq += 1
            edge.keep(sent)
            if edge.connection is not None:
                # What is equal on several edges is one object: it is encoded once.
                if value is None:
                    value = sent.value(self.run, durable)
                effects.append(edge.send(value))
            if not edge.inbox:
                pending.missing += 1
        for edge in self.edges.values():
            if edge.inbox:
                self._check_head(edge, pending)
        if not pending.missing:
            effects.append(self._complete(pending))
        return effects

    def request_checkpoint(self, state: Mapping[str, Any], *, final: bool) -> list[Effect]:
        """R5: take a checkpoint beside the rounds, or wait while too many are not yet durable."""
        if final:
            self.ended = True
            self._check_left_over()
        if self.taken - self.durable >= WINDOW:
            self._stalled = (state, final)
            return []
        return self._take(state, final)

    def checkpoint_durable(self, index: int) -> list[Effect]:
        """A write has finished; only what is durable without gaps counts."""
        if not self.durable < index <= self.taken:
            return []
        self._durable_beyond.add(index)
        while self.durable + 1 in self._durable_beyond:
            self.durable += 1
            self._durable_beyond.remove(self.durable)
            self._generations.append(self.durable)
        effects: list[Effect] = []
        if self.done:
            effects += [
                Send(edge.connection, edge.neighbour, Durable(self.run, DONE))
                for edge in self.edges.values()
                if edge.connection is not None
            ]
        if self._stalled is not None and self.taken - self.durable < WINDOW:
            state, final = self._stalled
            self._stalled = None
            effects += self._take(state, final)
        return effects

    # The neighbours' side

    def attach(self, neighbour: str) -> Attach:
        """What this peer says when its engine is ready on a connection."""
        return Attach(self.run, self.config_digest, self.edges[neighbour].received_seq, self.durable_round)

    def attached(self, neighbour: str, connection: int, attach: Attach) -> list[Effect]:
        """R7: both sides have attached: send again what the neighbour wants, in order."""
        edge = self.edges[neighbour]
        if attach.config_digest != self.config_digest:
            raise RunFailure(
                f"{neighbour} runs another configuration (digest {attach.config_digest.hex()[:16]}, here "
                f"{self.config_digest.hex()[:16]}); give all peers the same network file and the same version"
            )
        if attach.durable < edge.neighbour_durable:
            raise RunFailure(
                f"{neighbour} has lost durable state (it announces round {attach.durable}, before it was "
                f"{edge.neighbour_durable}): it was started again without what it knew of this run; submit the run anew"
            )
        edge.raise_durable(attach.durable)
        if attach.wanted < edge.sent_seq and attach.wanted not in edge.outbox:
            raise RunFailure(
                f"{neighbour} wants message {attach.wanted} of this edge, of a round that it had finished for good: "
                "the program's send and receive masks disagree between the two ends, or a state folder is older "
                "than what was said; restore the newest one, or submit the run anew"
            )
        edge.connection = connection
        edge.wanted = attach.wanted
        durable = self.durable_round
        return [
            edge.send(sent.value(self.run, durable))
            for sent in edge.outbox.values()
            if sent.seq >= attach.wanted
        ]

    def detach(self, connection: int) -> None:
        """The connection is gone; the cursor goes with it."""
        for edge in self.edges.values():
            if edge.connection == connection:
                edge.connection = None

    def receive(self, neighbour: str, message: Value | Confirm | Durable) -> list[Effect]:
        """R9: take a value or a confirmation of a neighbour."""
        edge = self.edges[neighbour]
        if message.durable > edge.neighbour_durable:
            edge.raise_durable(message.durable)
        if isinstance(message, Durable):
            return []
        if message.seq < edge.received_seq:
            self._check_repeated(edge, message)
            return []
        if isinstance(message, Confirm) or message.seq > edge.received_seq:
            raise RunFailure(
                f"{neighbour} sent message {message.seq} of this edge where {edge.received_seq} comes next"
            )
        if self.ended or message.round < self.round:
            raise RunFailure(self._mask_disagreement(neighbour, message.round))
        edge.accept(message)
        waiting = len(edge.inbox)
        if waiting > self.bound:
            raise RunFailure(f"{neighbour} is {waiting} messages ahead, the bound is {self.bound}")
        pending = self.pending
        if pending is None or waiting > 1:
            return []
        self._check_head(edge, pending)
        if neighbour in pending.active:
            pending.missing -= 1
        return [] if pending.missing else [self._complete(pending)]

    # Inside

    def _check_head(self, edge: Edge, pending: PendingRound) -> None:
        """R9: what comes next on an edge is of this round where the edge is active in it, else of a later one.

        Idle edges too: a message of this round on one would never be used, and its sender would wait for ever.
        """
        number = edge.inbox[0].round
        active = edge.neighbour in pending.active
        if number < self.round or (number == self.round) is not active:
            raise RunFailure(self._mask_disagreement(edge.neighbour, number))

    def _complete(self, pending: PendingRound) -> DeliverRound:
        """R8: leave the round when every active edge's message is here, whatever the order of arrival."""
        values: dict[str, Payload] = {}
        for name in pending.active:
            arrived = self.edges[name].use()
            if arrived.label != pending.label:
                raise RunFailure(
                    f"round {self.round} is {pending.label!r} here and {arrived.label!r} at {name}: "
                    "the peers run different programs, or a program branches on what differs between peers"
                )
            if (name in pending.expected) != bool(arrived.payload):
                raise RunFailure(self._mask_disagreement(name, arrived.round))
            if arrived.payload:
                values[name] = arrived.payload
        self.pending = None
        self.round += 1
        return DeliverRound(self.run, self.round - 1, values)

    def _take(self, state: Mapping[str, Any], final: bool) -> list[Effect]:
        self.taken += 1
        self._rounds_of[self.taken] = self.round
        if final:
            self._final = self.taken
        needs = self._needs[self.taken] = self._oldest_needed()
        marks = {name: edge.mark() for name, edge in self.edges.items()}
        checkpoint = Checkpoint(self.run, self.taken, self.round, needs, final, state, marks)
        # Not below what the oldest generation needs, so that it stays loadable.
        keep_from = self._needs[self._generations[0]]
        oldest = self._generations[0]
        self._rounds_of = {i: r for i, r in self._rounds_of.items() if i >= min(keep_from, oldest)}
        self._needs = {i: n for i, n in self._needs.items() if i >= oldest}
        effects: list[Effect] = [WriteCheckpoint(checkpoint, keep_from)]
        if not final:
            effects.append(ContinueProgram(self.run))
        return effects

    def _oldest_needed(self) -> int:
        """Oldest checkpoint, the newest one included, with messages that a neighbour may still ask for."""
        needed = min((edge.neighbour_durable for edge in self.edges.values()), default=DONE)
        return next(
            (index for index in self._rounds_of if index and self._rounds_of[index] > needed), self.taken
        )

    def _restore(self, checkpoints: Sequence[Checkpoint]) -> None:
        newest = checkpoints[-1]
        self.round = newest.round
        self.taken = self.durable = newest.index
        self.state = newest.state
        self.ended = newest.final
        self._final = newest.index if newest.final else None
        self._rounds_of = {checkpoint.index: checkpoint.round for checkpoint in checkpoints}
        self._needs = {newest.index: newest.needs}
        # Not the generation before: after a fallback it lies below what this peer has announced already.
        self._generations.clear()
        self._generations.append(newest.index)
        for name, edge in self.edges.items():
            edge.restore([checkpoint.edges[name] for checkpoint in checkpoints])

    def _check_repeated(self, edge: Edge, message: Value | Confirm) -> None:
        known = edge.digests.get(message.seq)
        if known is not None and known != (message.round, message.digest):
            raise RunFailure(
                f"{edge.neighbour} sent two different messages {message.seq} on this edge (round {known[0]}, "
                f"digest {known[1].hex()[:16]}, then round {message.round}, {message.digest.hex()[:16]}): its "
                "results are not reproducible; check that its version and BLAS profile did not change"
            )

    def _check_left_over(self) -> None:
        for name, edge in self.edges.items():
            if edge.inbox:
                raise RunFailure(self._mask_disagreement(name, edge.inbox[0].round))

    def _mask_disagreement(self, neighbour: str, number: int) -> str:
        here = f"is in round {self.round}" if not self.ended else "has ended the program"
        return (
            f"{neighbour} sent a message of round {number} on this edge where this peer {here} and expects none: "
            "the program's send and receive masks disagree between the two ends"
        )
