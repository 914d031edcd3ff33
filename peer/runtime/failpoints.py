"""Named moments at which a peer kills itself, for tests of recovery.

``DIFPEER_FAILPOINT=before-rename:3 difpeer serve ...`` ends the process by SIGKILL when it is about to rename a
checkpoint for the third time. A peer without a failpoint has nothing of this in its way: what is watched is wrapped
when an armed one starts.
"""

import asyncio
import logging
import os
import signal
import stat
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from peer.protocol.effects import DeliverRound, Effect, Persist, Send
from peer.protocol.events import CheckpointDurable, Event, MessageReceived, RoundRequested
from peer.protocol.interpreter import CheckpointCommand, RoundCommand
from peer.protocol.messages import Done, Hello
from peer.protocol.records import RunState
from peer.runtime.driver import Driver
from peer.runtime.node import Node
from peer.runtime.store import CHECKPOINTS_THREAD
from topology.errors import InputError, name_hint

__all__ = ["POINTS", "VARIABLE", "Failpoint", "arm", "failpoint_of"]

log = logging.getLogger("difpeer")

VARIABLE = "DIFPEER_FAILPOINT"

POINTS = {
    "before-adapt": "the program is about to compute after a checkpoint",
    "after-adapt": "it has, and nothing of its round is sent",
    "half-sent": "half of a round's values are sent",
    "all-sent": "all of a round's values are sent",
    "waiting": "all are sent; some, but not all, are here (none from an only neighbour, or where no link is up)",
    "in-combine": "a round's values are with the program",
    "before-fsync": "a checkpoint is written, not synced",
    "before-rename": "it is synced, not renamed",
    "after-rename": "it is renamed, the folder not synced",
    "in-hello": "a Hello is about to be sent, or has just arrived",
    "in-init": "the program enters a round of the initialisation",
    "at-end": "the final checkpoint is durable and the record does not say so; then: it does, and nobody was told",
}


@dataclass(frozen=True, slots=True)
class Failpoint:
    """Where, and at the how manieth time.

    Attributes
    ----------
    name : str
        One of :data:`POINTS`.
    count : int
        From 1. Of ``waiting``: the first round that may be it.
    """

    name: str
    count: int = 1


def failpoint_of(environment: Mapping[str, str]) -> Failpoint | None:
    """Return the failpoint that the environment asks for, if any.

    Parameters
    ----------
    environment : mapping of str to str
        With ``DIFPEER_FAILPOINT``, as ``name`` or ``name:count``.

    Raises
    ------
    InputError
        If there is no such failpoint.
    """
    text = environment.get(VARIABLE)
    if not text:
        return None
    name, _, count = text.partition(":")
    if name not in POINTS:
        raise InputError(f"there is no failpoint {name!r}", field=VARIABLE, mend=name_hint(name, POINTS))
    if not count:
        return Failpoint(name)
    if not count.isascii() or not count.isdecimal() or int(count) < 1:
        raise InputError(
            f"found {text!r}", field=VARIABLE, mend=f"the count is a whole number from 1, as in {name}:3"
        )
    return Failpoint(name, int(count))


def arm(point: Failpoint, node: Node) -> None:
    """Let a node's process kill itself at a failpoint; before the node starts."""
    armed = _Armed(point, node)
    node.machine.handle = armed.handle  # type: ignore[method-assign]
    if point.name in ("before-adapt", "after-adapt"):
        Driver._segment = armed.adapting(Driver._segment)  # type: ignore[assignment,method-assign]
    elif point.name == "before-fsync":
        os.fsync = armed.before(os.fsync, _is_file)
    elif point.name == "before-rename":
        Path.rename = armed.before(Path.rename)  # type: ignore[method-assign]
    elif point.name == "after-rename":
        Path.rename = armed.after(Path.rename)  # type: ignore[method-assign]
    log.warning("armed: this peer kills itself at the failpoint %s:%d", point.name, point.count)


Kept = list[Effect] | None
"""What is still carried out when a failpoint is reached; None where it is not."""


class _Armed:
    """Watches what goes into the machine and what comes out of it.

    When the point is reached the machine hears of nothing more, and the process is killed as soon as what was queued
    for the neighbours before has been written: then several peers can reach the same point, though each of them needs
    the others' messages to get there.
    """

    def __init__(self, point: Failpoint, node: Node) -> None:
        self._point = point
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._handle = node.machine.handle
        self._left = point.count
        self._reached = False
        self._round_of = ""
        self._combining: DeliverRound | None = None
        rules: Mapping[str, Callable[[Event, list[Effect]], Kept]] = {
            "half-sent": self._half_sent,
            "all-sent": self._all_sent,
            "waiting": self._waiting,
            "in-combine": self._in_combine,
            "in-hello": self._in_hello,
            "in-init": self._in_init,
            "at-end": self._at_end,
        }
        self._rule = rules.get(point.name)

    def handle(self, event: Event) -> list[Effect]:
        """In place of the machine's own."""
        if self._reached:
            return []
        effects = self._handle(event)
        kept = None if self._rule is None else self._rule(event, effects)
        if kept is None:
            return effects
        self._reach()
        return kept

    def before(
        self, called: Callable[..., Any], which: Callable[..., bool] | None = None
    ) -> Callable[..., Any]:
        """Stop before a call that writes a checkpoint."""

        def stopping(*args: Any) -> Any:  # noqa: ANN401
            if _writes_checkpoints() and (which is None or which(*args)) and self._turn():
                self._reach_in_thread()
            return called(*args)

        return stopping

    def after(self, called: Callable[..., Any]) -> Callable[..., Any]:
        """Stop after a call that writes a checkpoint."""

        def stopping(*args: Any) -> Any:  # noqa: ANN401
            result = called(*args)
            if _writes_checkpoints() and self._turn():
                self._reach_in_thread()
            return result

        return stopping

    def adapting(self, called: Callable[[Driver], Any]) -> Callable[[Driver], Any]:
        """Stop before or after the program's segment that follows a checkpoint, in the worker."""
        before = self._point.name == "before-adapt"
        follows = False

        def stopping(driver: Driver) -> Any:  # noqa: ANN401
            nonlocal follows
            if driver._events is not self._node:
                return called(driver)
            adapts = follows
            if adapts and before and self._turn():
                self._reach_in_thread()
            step = called(driver)
            follows = isinstance(step.command, CheckpointCommand)
            if adapts and not before and isinstance(step.command, RoundCommand) and self._turn():
                self._reach_in_thread()
            return step

        return stopping

    # One rule for each point that the machine's events and effects tell

    def _half_sent(self, event: Event, effects: list[Effect]) -> Kept:
        if not isinstance(event, RoundRequested) or not self._turn():
            return None
        sends = _sends(effects)
        return sends[: len(sends) // 2]

    def _all_sent(self, event: Event, effects: list[Effect]) -> Kept:
        return _sends(effects) if isinstance(event, RoundRequested) and self._turn() else None

    def _waiting(self, event: Event, effects: list[Effect]) -> Kept:
        if isinstance(event, RoundRequested):
            self._left -= 1
            self._round_of = event.run
        if self._left > 0 or not self._round_of:
            return None
        machine = self._node.machine
        waiting = machine.waiting(self._round_of)
        if waiting is None or waiting.kind != "round":
            return None
        neighbours = len(machine.connections.links)
        some_here = len(waiting.peers) < neighbours
        none_to_come = neighbours == 1 or not machine.connections.up()
        return effects if some_here or none_to_come else None

    def _in_combine(self, event: Event, effects: list[Effect]) -> Kept:
        del event
        found = next((effect for effect in effects if isinstance(effect, DeliverRound)), None)
        if found is None or not self._turn():
            return None
        self._combining = found
        return [effect for effect in effects if effect is not found]

    def _in_hello(self, event: Event, effects: list[Effect]) -> Kept:
        if isinstance(event, MessageReceived) and isinstance(event.message, Hello) and self._turn():
            return []
        for number, effect in enumerate(effects):
            if isinstance(effect, Send) and isinstance(effect.message, Hello) and self._turn():
                return effects[:number]
        return None

    def _in_init(self, event: Event, effects: list[Effect]) -> Kept:
        del effects
        in_init = isinstance(event, RoundRequested) and event.label.startswith("init")
        return [] if in_init and self._turn() else None

    def _at_end(self, event: Event, effects: list[Effect]) -> Kept:
        if not isinstance(event, CheckpointDurable) or not any(map(_says_done, effects)):
            return None
        if self._turn():
            return []
        if self._turn():
            told = next(
                n for n, e in enumerate(effects) if isinstance(e, Send) and isinstance(e.message, Done)
            )
            return effects[:told]
        return None

    # The end

    def _turn(self) -> bool:
        self._left -= 1
        return self._left == 0

    def _reach(self) -> None:
        self._reached = True
        self._loop.call_soon(self._kill_when_sent)

    def _reach_in_thread(self) -> NoReturn:
        self._loop.call_soon_threadsafe(self._reach)
        while True:
            threading.Event().wait()

    def _kill_when_sent(self) -> None:
        if not all(stream.idle or stream.closing for stream in self._node.links.streams.values()):
            self._loop.call_later(0.001, self._kill_when_sent)
        elif self._combining is None:
            self._kill()
        else:
            self._combine(self._combining)

    def _combine(self, effect: DeliverRound) -> None:
        """Hand the values over; the combination is the first that the program does with them."""
        driver = self._node.books.notes[effect.run].driver
        assert driver is not None
        assert driver._interpreter is not None
        driver._interpreter.advance = self._kill  # type: ignore[method-assign]
        driver.deliver(effect.round, effect.values)

    def _kill(self) -> NoReturn:
        log.warning("failpoint %s is reached", self._point.name)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError  # nobody comes here


def _sends(effects: list[Effect]) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, Send)]


def _says_done(effect: Effect) -> bool:
    return isinstance(effect, Persist) and effect.record.state is RunState.DONE


def _writes_checkpoints() -> bool:
    return threading.current_thread().name == CHECKPOINTS_THREAD


def _is_file(descriptor: int) -> bool:
    """A checkpoint's, not the folder's."""
    return stat.S_ISREG(os.fstat(descriptor).st_mode)
