"""Runs a trace: a script of what happens to a few peers, and under each line what they do about it.

A line that is not indented is a command; the indented lines after it are recorded. ``#`` begins a comment.

==============================  ===============================================================================
command                         meaning
==============================  ===============================================================================
network p0-p1 p1-p2             the edges; the first peer of each dials
plan run-b 1 2                  a run of one round, a checkpoint, two rounds, a checkpoint, the result
boot p0 / kill p0 / wipe p0     start a process from its disk; end it; empty its disk
copy p0 / restore p0            keep a copy of a disk; put it back
damage p0 2                     a checkpoint of its disk can no longer be read
dial p0 p1 / cut p0 p1          open a stream; break it, both sides notice
submit p0 run-b / cancel ...    what clients ask for
deliver p0 p1 [2]               the next messages from p0 arrive at p1
deliver all                     messages arrive until there are none, round robin over the streams
write p0 1                      a checkpoint is on the disk now
refuse p1                       the data of p1 fit no spec from now on
wrong p1 0 p2                   in round 0 the program of p1 is wrong about whether p2 sends to it
salt p0                         from its next start on p0 computes other bits
waits run-b                     whom the peers wait for
==============================  ===============================================================================
"""

import hashlib
from collections import deque
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace

from peer.protocol import effects, events
from peer.protocol.examiner import Refusal
from peer.protocol.interpreter import RoundCommand
from peer.protocol.machine import PeerMachine
from peer.protocol.messages import (
    DONE,
    Attach,
    Confirm,
    Durable,
    Fact,
    Hello,
    Message,
    Offer,
    Reason,
    Tomb,
    Value,
)
from peer.protocol.payload import Payload
from peer.protocol.records import Checkpoint, RunRecord, loadable
from peer.simulate.faults.plan import HashChain, Plan
from peer.simulate.host import Host
from topology.network import Network


@dataclass
class Folder:
    """What a peer has on its disk."""

    incarnation: int
    records: dict[str, RunRecord]
    checkpoints: dict[str, dict[int, Checkpoint]]


class Examiner:
    def __init__(self, name: str, refusing: set[str]) -> None:
        self._name = name
        self._refusing = refusing

    def unsigned(self, offer: Offer) -> None:
        del offer

    def fact(self, spec: bytes) -> bytes | Refusal:
        del spec
        return Refusal("no tasks") if self._name in self._refusing else self._name.encode()

    def verdict(self, spec: bytes, table: Mapping[str, bytes]) -> str | None:
        del spec, table
        return None

    def interval_rounds(self, spec: bytes) -> int:
        return max(Plan.from_spec(spec).intervals)


class Chain(HashChain):
    """The hash chain of the fault scheduler, with a wrong mask or a salt where the script asks for it."""

    wrong: tuple[int, str] | None = None
    salt = b""

    def _next_round(self) -> RoundCommand:
        command = super()._next_round()
        if self.wrong is not None and self.wrong[0] == self._round:
            return replace(command, expected=command.expected ^ {self.wrong[1]})
        return command

    def _mix(self, values: Mapping[str, Payload]) -> None:
        super()._mix(values)
        if self.salt:
            self._chain = hashlib.sha256(self._chain + self.salt).digest()


class TraceDriver:
    """A few peers, streams that deliver when told to, and a log of all that happens."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.network: Network
        self.hosts: dict[str, Host] = {}
        self._plans: dict[str, Plan] = {}
        self._folders: dict[str, Folder] = {}
        self._copies: dict[str, Folder] = {}
        self._streams: dict[int, tuple[str, str]] = {}
        self._queues: dict[tuple[int, str], deque[Message]] = {}
        self._writing: dict[str, list[effects.WriteCheckpoint]] = {}
        self._refusing: set[str] = set()
        self._wrong: dict[str, tuple[int, str]] = {}
        self._salted: set[str] = set()
        self._connections = 0

    def run(self, script: str) -> str:
        """Run the commands of a trace; returns the trace as it should be recorded."""
        for line in script.splitlines():
            if line.startswith(" "):
                continue
            self.lines.append(line)
            words = line.split()
            if words and not line.startswith("#"):
                command: Callable[..., None] = getattr(self, f"do_{words[0]}")
                command(*words[1:])
        return "\n".join(self.lines) + "\n"

    # Commands

    def do_network(self, *edges: str) -> None:
        pairs = [edge.split("-") for edge in edges]
        names = sorted({name for pair in pairs for name in pair})
        listed = [{"peers": sorted(pair), "dial": pair[0]} for pair in pairs]
        data = {"name": "trace", "peers": {name: {} for name in names}, "edges": listed}
        self.network = Network.model_validate(data)
        self._folders = {name: Folder(0, {}, {}) for name in names}

    def do_plan(self, run: str, *intervals: str) -> None:
        self._plans[run] = Plan(1, "full", False, tuple(map(int, intervals)))

    def do_boot(self, name: str) -> None:
        folder = self._folders[name]
        folder.incarnation += 1
        found = {run: loadable(files.values()) for run, files in folder.checkpoints.items()}
        examiner = Examiner(name, self._refusing)
        machine = PeerMachine(
            self.network, name, folder.incarnation, examiner, folder.records.values(), found
        )
        self._writing[name] = []
        self.hosts[name] = Host(machine, self)
        self.hosts[name].start()

    def do_kill(self, name: str) -> None:
        self.hosts.pop(name, None)
        for connection in [c for c, ends in self._streams.items() if name in ends]:
            self._break(connection)

    def do_wipe(self, name: str) -> None:
        self._folders[name] = Folder(0, {}, {})

    def do_copy(self, name: str) -> None:
        self._copies[name] = deepcopy(self._folders[name])

    def do_restore(self, name: str) -> None:
        self._folders[name] = self._copies[name]

    def do_damage(self, name: str, index: str) -> None:
        for files in self._folders[name].checkpoints.values():
            files.pop(int(index), None)

    def do_dial(self, name: str, near: str) -> None:
        self._connections += 1
        self._streams[self._connections] = (name, near)
        self._queues[self._connections, name] = deque()
        self._queues[self._connections, near] = deque()
        self.hosts[name].handle(events.Dialled(near, self._connections))

    def do_cut(self, name: str, near: str) -> None:
        for connection in [c for c, ends in self._streams.items() if set(ends) == {name, near}]:
            self._break(connection)

    def do_submit(self, name: str, run: str) -> None:
        self.hosts[name].handle(events.Submitted(0, Offer(run, self._plans[run].spec)))

    def do_cancel(self, name: str, run: str) -> None:
        self.hosts[name].handle(events.CancelRequested(run, "asked for"))

    def do_deliver(self, sender: str, receiver: str = "", count: str = "1") -> None:
        if sender == "all":
            while self._deliver_round():
                pass
            return
        for _ in range(int(count)):
            connection = max(c for c, ends in self._streams.items() if set(ends) == {sender, receiver})
            self._deliver(connection, sender)

    def do_write(self, name: str, index: str) -> None:
        for write in self._writing[name]:
            checkpoint = write.checkpoint
            if checkpoint.index == int(index):
                self._folders[name].checkpoints.setdefault(checkpoint.run, {})[int(index)] = checkpoint
                self.hosts[name].handle(events.CheckpointDurable(checkpoint.run, int(index)))

    def do_refuse(self, name: str) -> None:
        self._refusing.add(name)

    def do_wrong(self, name: str, number: str, near: str) -> None:
        self._wrong[name] = (int(number), near)

    def do_salt(self, name: str) -> None:
        self._salted.add(name)

    def do_waits(self, run: str) -> None:
        for name, host in sorted(self.hosts.items()):
            waiting = host.machine.waiting(run)
            self._say(name, "waits for nobody" if waiting is None else f"waits: {_waiting(waiting)}")

    # The wire

    def _deliver_round(self) -> bool:
        """One message of each stream and direction; False when there was none."""
        some = [key for key, queue in sorted(self._queues.items()) if queue]
        for connection, sender in some:
            if self._queues.get((connection, sender)):
                self._deliver(connection, sender)
        return bool(some)

    def _deliver(self, connection: int, sender: str) -> None:
        first, second = self._streams[connection]
        receiver = second if sender == first else first
        message = self._queues[connection, sender].popleft()
        self.lines.append(f"  {sender} > {receiver}  {_message(message)}")
        if receiver in self.hosts:
            self.hosts[receiver].handle(events.MessageReceived(connection, message))

    def _break(self, connection: int) -> None:
        ends = self._streams.pop(connection)
        for name in ends:
            del self._queues[connection, name]
        for name in ends:
            if name in self.hosts:
                self.hosts[name].handle(events.ConnectionLost(connection))

    # The peers' world

    def before_effect(self, host: Host) -> bool:
        return self.hosts.get(host.name) is host

    def start_program(self, host: Host, effect: effects.StartProgram) -> Chain:
        self._say(host.name, f"starts {effect.run}" + (" from a checkpoint" if effect.state else ""))
        chain = Chain(Plan.from_spec(effect.spec), self.network, host.name, effect.state)
        chain.wrong = self._wrong.get(host.name)
        chain.salt = b"salt" if host.name in self._salted else b""
        return chain

    def progress(self, host: Host, run: str, command: object) -> None:
        raise AssertionError("hash chains show nothing")

    def perform(self, host: Host, effect: effects.Effect) -> None:
        name = host.name
        match effect:
            case effects.Send(connection, near, message, resent):
                self._say(name, f"to {near}: {_message(message)}" + (" again" if resent else ""))
                if (connection, name) in self._queues:
                    self._queues[connection, name].append(message)
            case effects.Close(connection, reason):
                self._say(name, f"closes stream {connection}: {reason}")
                if connection in self._streams:
                    self._closing(connection, name)
            case effects.Persist(record):
                self._folders[name].records[record.run] = record
                self._say(name, f"records {record.run} {record.state}{_reason(record.reason)}")
            case effects.WriteCheckpoint(checkpoint, keep_from):
                self._writing[name].append(effect)
                kind = "result" if checkpoint.final else f"checkpoint after round {checkpoint.round - 1}"
                self._say(
                    name, f"writes {checkpoint.index}, {kind}; needs {checkpoint.needs}, keeps {keep_from}"
                )
            case effects.Answer(_, record, busy_with):
                self._say(name, f"answers {record.state if record else f'busy with {busy_with}'}")
            case effects.LinkChanged(near, _, up):
                self._say(name, f"link to {near} {'up' if up else 'down'}")
            case effects.StopPeer(reason):
                self._say(name, f"stops: {reason}")
            case effects.DropCheckpoints(run):
                self._folders[name].checkpoints.pop(run, None)

    def _closing(self, connection: int, name: str) -> None:
        """What was sent before the end still arrives; then both sides notice it."""
        while self._queues[connection, name]:
            self._deliver(connection, name)
        self._break(connection)

    def _say(self, name: str, text: str) -> None:
        self.lines.append(f"    {name} {text}")


def _message(message: Message) -> str:
    match message:
        case Hello(_, _, incarnation, attempt):
            return f"Hello, incarnation {incarnation}, attempt {attempt}"
        case Fact(run, peer):
            return f"Fact {run} of {peer}"
        case Tomb(run, reason):
            return f"Tomb {run}{_reason(reason)}"
        case Attach(run, _, wanted, durable):
            return f"Attach {run}, wants {wanted}, durable {_round(durable)}"
        case Durable(run, durable):
            return f"Durable {run}, {_round(durable)}"
        case Value(run, seq, number, _, payload, _, durable):
            empty = "" if payload else " empty"
            return f"Value {run} {seq} of round {number}{empty}, durable {_round(durable)}"
        case Confirm(run, seq, number, _, durable):
            return f"Confirm {run} {seq} of round {number}, durable {_round(durable)}"
    words = [str(getattr(message, name)) for name in ("run", "peer", "seen") if hasattr(message, name)]
    return " ".join([type(message).__name__, *words])


def _waiting(waiting: object) -> str:
    kind, number, peers = waiting.kind, waiting.round, ", ".join(waiting.peers)  # type: ignore[attr-defined]
    return f"{kind} {number} of {peers}" if kind == "round" else f"{kind} of {peers}" if peers else str(kind)


def _round(durable: int) -> str:
    return "done" if durable == DONE else str(durable)


def _reason(reason: Reason | None) -> str:
    return f" ({reason.kind} at {reason.peer}: {reason.text})" if reason else ""
