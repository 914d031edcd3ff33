"""Once in a while: name long waits in the log, and see that dialling goes on."""

import asyncio
import logging

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
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        links.check()
        books.flush(FLUSH_ROWS)
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
