"""A peer on a virtual machine: carries out the effects of its PeerMachine and steps its programs.

The exact simulator and the fault scheduler differ only in their :class:`World`: the wire, the disk and what can
go wrong there.
"""

from collections import deque
from collections.abc import Mapping
from typing import Protocol

from peer.protocol import effects
from peer.protocol.errors import ProgramError
from peer.protocol.events import CheckpointRequested, Event, ProgramFailed, RoundRequested
from peer.protocol.interpreter import CheckpointCommand, Command, FinalCommand, ProgressCommand, RoundCommand
from peer.protocol.machine import PeerMachine
from peer.protocol.payload import Payload


class SteppedProgram(Protocol):
    """A program whose requests come as commands."""

    def step(self, values: Mapping[str, Payload] | None) -> Command:
        """Go on with the values of the round that was asked for, or with nothing; the next command."""


class World(Protocol):
    """What surrounds a virtual peer."""

    def before_effect(self, host: "Host") -> bool:
        """Whether the peer lives to carry out its next effect."""

    def start_program(self, host: "Host", effect: effects.StartProgram) -> SteppedProgram:
        """Make the program of a run, resumed from the effect's state."""

    def progress(self, host: "Host", run: str, command: ProgressCommand) -> None:
        """Take the numbers of one iteration."""

    def perform(self, host: "Host", effect: effects.Effect) -> None:
        """Carry out an effect that concerns the wire, the disk or an observer."""


class Host:
    """One virtual peer.

    Parameters
    ----------
    machine : PeerMachine
        Of one incarnation.
    world : World
        Its surroundings.
    """

    def __init__(self, machine: PeerMachine, world: World) -> None:
        self.machine = machine
        self.name = machine.name
        self._world = world
        self._programs: dict[str, SteppedProgram] = {}
        self._todo: deque[effects.Effect] = deque()

    def start(self) -> None:
        """Carry out what the records ask for."""
        self._todo.extend(self.machine.start())
        self._carry_out()

    def handle(self, event: Event) -> None:
        """Take one event and carry out all that follows from it."""
        self._todo.extend(self.machine.handle(event))
        self._carry_out()

    def _carry_out(self) -> None:
        todo = self._todo
        world = self._world
        while todo:
            if not world.before_effect(self):
                todo.clear()
                return
            effect = todo.popleft()
            match effect:
                case effects.DeliverRound(run, _, values):
                    self._step(run, values)
                case effects.ContinueProgram(run):
                    self._step(run, None)
                case effects.StartProgram(run):
                    self._programs[run] = world.start_program(self, effect)
                    self._step(run, None)
                case effects.StopProgram(run):
                    self._programs.pop(run, None)
                case _:
                    world.perform(self, effect)

    def _step(self, run: str, values: Mapping[str, Payload] | None) -> None:
        program = self._programs.get(run)
        if program is None:
            return
        try:
            command = program.step(values)
            while isinstance(command, ProgressCommand):
                self._world.progress(self, run, command)
                command = program.step(None)
        except ProgramError as error:
            self._todo.extend(self.machine.handle(ProgramFailed(run, str(error))))
            return
        self._todo.extend(self.machine.handle(_event(run, command)))


def _event(run: str, command: RoundCommand | CheckpointCommand | FinalCommand) -> Event:
    if isinstance(command, RoundCommand):
        return RoundRequested(run, command.label, command.outgoing, command.expected)
    if isinstance(command, FinalCommand):
        return CheckpointRequested(run, command.result, final=True)
    return CheckpointRequested(run, command.state)
