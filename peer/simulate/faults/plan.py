"""What one seed does: a random network, and a program whose every wrong bit is visible for ever.

The program is a hash chain: each round mixes all that came into the state, what is sent is a function of the
state. One missing, doubled or wrong message changes every later one.
"""

import hashlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from peer.protocol.interpreter import CheckpointCommand, Command, FinalCommand, RoundCommand
from peer.protocol.payload import EMPTY, Payload, Tensor, payload_digest
from peer.protocol.rounds import GENERATIONS, WINDOW
from topology.network import Network

MODES = ("full", "star", "matching", "subset", "mix")


def random_network(rng: random.Random, num_peers: int) -> Network:
    """A connected graph: a random tree and some more edges; either end may be the one that dials."""
    names = [f"p{i:02d}" for i in range(num_peers)]
    edges = {(rng.randrange(i), i) for i in range(1, num_peers)}
    for _ in range(rng.randrange(num_peers + 1)):
        a, b = sorted(rng.sample(range(num_peers), 2))
        edges.add((a, b))
    listed = [{"peers": [names[a], names[b]], "dial": names[rng.choice((a, b))]} for a, b in sorted(edges)]
    return Network.model_validate({"name": "faults", "peers": {name: {} for name in names}, "edges": listed})


@dataclass(frozen=True)
class Plan:
    """The rounds of one run: ``intervals`` has the number of rounds between checkpoints.

    Which edges are active in a round, and in which direction they carry something, is drawn from ``seed`` and the
    round: common knowledge, like a program's masks.
    """

    seed: int
    mode: str
    scatter: bool
    intervals: tuple[int, ...]

    @classmethod
    def random(cls, rng: random.Random) -> "Plan":
        """Draw a plan: long intervals and empty ones, or many short ones."""
        if rng.random() < 0.25:
            intervals = (*(rng.choice((0, 1, 1)) for _ in range(rng.randint(8, 16))), 1)
        else:
            intervals = tuple(rng.choice((0, 1, 1, 2, 3, 6)) for _ in range(rng.randint(2, 7)))
        return cls(rng.getrandbits(40), rng.choice(MODES), rng.random() < 0.5, intervals)

    @classmethod
    def from_spec(cls, spec: bytes) -> "Plan":
        """Read :attr:`spec`."""
        fields = json.loads(spec)
        return cls(fields["seed"], fields["mode"], fields["scatter"], tuple(fields["intervals"]))

    @cached_property
    def spec(self) -> bytes:
        """Canonical bytes, as a run spec has them."""
        fields = {"seed": self.seed, "mode": self.mode, "scatter": self.scatter, "intervals": self.intervals}
        return json.dumps(fields, sort_keys=True).encode()

    def directions(self, network: Network, round_number: int) -> frozenset[tuple[str, str]]:
        """(sender, receiver) pairs that carry something in a round."""
        rng = random.Random(self.seed * 1_000_003 + round_number)
        pairs = [(edge.first, edge.second) for edge in network.edges]
        mode = rng.choice(MODES[:-1]) if self.mode == "mix" else self.mode
        if mode == "full":
            chosen = [(a, b, True, True) for a, b in pairs]
        elif mode == "star":
            hub = network.names[self.seed % len(network.names)]
            down = round_number % 2 == 0
            spokes = [pair for pair in pairs if hub in pair and rng.random() < 0.7]
            chosen = [(a, b, (a == hub) == down, (b == hub) == down) for a, b in spokes]
        elif mode == "matching":
            a, b = rng.choice(pairs)
            chosen = [(a, b, True, True)]
        else:
            chosen = [(a, b, rng.random() < 0.6, rng.random() < 0.6) for a, b in pairs]
        there = {(a, b) for a, b, forth, _ in chosen if forth}
        return frozenset(there | {(b, a) for a, b, _, back in chosen if back})


class HashChain:
    """The program of a plan at one peer."""

    def __init__(self, plan: Plan, network: Network, name: str, state: Mapping[str, Any]) -> None:
        self._plan = plan
        self._network = network
        self._name = name
        self._interval = int(state.get("interval", 0))
        self._round = int(state.get("round", 0))
        self._left: int | None = None
        self._chain = bytes(state.get("chain", name.encode()))

    def step(self, values: Mapping[str, Payload] | None) -> Command:
        """Mix what came, and ask for the next round or checkpoint."""
        if values is not None:
            self._mix(values)
        if self._left is None:
            if self._interval == len(self._plan.intervals):
                return FinalCommand({"chain": self._chain})  # type: ignore[dict-item]
            self._left = self._plan.intervals[self._interval]
        if self._left == 0:
            self._left = None
            self._interval += 1
            state = {"interval": self._interval, "round": self._round, "chain": self._chain}
            return CheckpointCommand(state)  # type: ignore[arg-type]
        return self._next_round()

    def _next_round(self) -> RoundCommand:
        directions = self._plan.directions(self._network, self._round)
        near = self._network.neighbours(self._name)
        outgoing = {n: self._value(n) for n in near if (self._name, n) in directions}
        expected = frozenset(n for n in near if (n, self._name) in directions)
        return RoundCommand("chain", outgoing, expected)

    def _value(self, neighbour: str) -> Payload:
        data = self._chain
        if self._plan.scatter:
            data = hashlib.sha256(data + neighbour.encode()).digest()
        return (Tensor("|u1", (len(data),), data),)

    def _mix(self, values: Mapping[str, Payload]) -> None:
        assert self._left is not None
        digest = hashlib.sha256(self._chain)
        for name, payload in values.items():
            digest.update(name.encode() + payload[0].data)
        self._chain = digest.digest()
        self._round += 1
        self._left -= 1


@dataclass(frozen=True)
class Reference:
    """The undisturbed run.

    Attributes
    ----------
    messages : mapping of (sender, receiver, seq) to (round, digest)
        Every message.
    results : mapping of str to bytes
        By peer.
    bounds : mapping of (peer, neighbour) to int
        Most messages that inbox or outbox of an edge may ever hold.
    num_rounds : int
        Rounds of the run.
    """

    messages: Mapping[tuple[str, str, int], tuple[int, bytes]]
    results: Mapping[str, bytes]
    bounds: Mapping[tuple[str, str], int]
    num_rounds: int

    @classmethod
    def of(cls, plan: Plan, network: Network) -> "Reference":
        """Run the plan in lock-step, without any protocol."""
        programs = {name: HashChain(plan, network, name, {}) for name in network.names}
        messages: dict[tuple[str, str, int], tuple[int, bytes]] = {}
        active: dict[tuple[str, str], list[int]] = {}
        number = 0
        values: dict[str, Mapping[str, Payload] | None] = dict.fromkeys(network.names)
        while True:
            commands = {name: _next_round(programs[name], values[name]) for name in network.names}
            rounds = {name: c for name, c in commands.items() if isinstance(c, RoundCommand)}
            if not rounds:
                break
            for name, command in rounds.items():
                for near in sorted(command.expected | command.outgoing.keys()):
                    before = active.setdefault((name, near), [])
                    payload = command.outgoing.get(near, EMPTY)
                    messages[name, near, len(before)] = (number, payload_digest(number, "chain", payload))
                    before.append(number)
            values = {
                name: {near: rounds[near].outgoing[name] for near in sorted(command.expected)}
                for name, command in rounds.items()
            }
            number += 1
        results = {n: c.result["chain"] for n, c in commands.items() if isinstance(c, FinalCommand)}
        bounds = {edge: _bound(plan.intervals, numbers) for edge, numbers in active.items()}
        return cls(messages, results, bounds, number)  # type: ignore[arg-type]


def _next_round(program: HashChain, values: Mapping[str, Payload] | None) -> Command:
    command = program.step(values)
    while isinstance(command, CheckpointCommand):
        command = program.step(None)
    return command


def _bound(intervals: tuple[int, ...], active: list[int]) -> int:
    """One more than the active rounds of WINDOW + GENERATIONS intervals in a row, where they are most."""
    starts = [sum(intervals[:i]) for i in range(len(intervals) + 1)]
    ends = starts[WINDOW + GENERATIONS :] + [starts[-1]] * (WINDOW + GENERATIONS)
    return 1 + max(
        sum(low <= number < high for number in active) for low, high in zip(starts, ends, strict=False)
    )
