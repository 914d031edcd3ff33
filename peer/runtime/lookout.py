"""Once in a while: name long waits in the log, and see that dialling goes on."""

import asyncio
import logging
from time import monotonic

from peer.protocol.machine import PeerMachine
from peer.protocol.rounds import Waiting
from peer.runtime.books import FLUSH_ROWS, Books
from peer.runtime.links import Links
from peer.runtime.status import wait_text

__all__ = ["look_out"]

log = logging.getLogger("difpeer")

LOOK_EVERY_S = 1.0
LONG_S = 2.0


async def look_out(machine: PeerMachine, books: Books, links: Links) -> None:
    """Look at every run's wait, for ever; a wait gets its next line when it has lasted twice as long.

    Parameters
    ----------
    machine : PeerMachine
        Knows whom a run waits for.
    books : Books
        Knows since when.
    links : Links
        Knows what is wrong with the links there.
    """
    told: dict[str, tuple[Waiting, float]] = {}
    lonely_s = LONG_S
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        links.check()
        books.flush(FLUSH_ROWS)
        lonely_s = _tell_of_links(links, lonely_s)
        for run, notes in books.notes.items():
            waiting = machine.waiting(run)
            if waiting is None:
                told.pop(run, None)
                continue
            waited = notes.waited_s(waiting)
            before, due = told.get(run, (waiting, LONG_S))
            if before != waiting:
                due = LONG_S
            if waited >= due:
                log.warning("%s", wait_text(waiting, waited, links.states))
                told[run] = (waiting, 2 * waited)


def _tell_of_links(links: Links, due_s: float) -> float:
    """Name the neighbours that are not there, whether a run waits for them or not; returns when to do so again."""
    now = monotonic()
    down = {name: now - state.since_s for name, state in links.states.items() if not state.up}
    longest = max(down.values(), default=0.0)
    if longest < due_s:
        return due_s if down else LONG_S
    named = ", ".join(
        f"{name} ({seconds:.0f} s: {links.states[name].detail})" for name, seconds in down.items()
    )
    log.info("no link to %s", named)
    return 2 * longest
