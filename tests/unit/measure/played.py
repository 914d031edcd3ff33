"""Played runs (`tests.support.timed`), read back from their ledgers."""

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from peer.measure.anatomy import DELIVERED, Rounds, read_rounds
from peer.measure.boots import Boots, read_boots
from peer.measure.clocks import Clocks, estimate_clocks
from peer.measure.critical_path import CriticalPath, critical_path, handed
from peer.measure.schema import open_ledger
from peer.measure.transits import Transits, read_ends, transits
from tests.support.timed import Timed, write_timed

RING = {"p0": ("p1", "p3"), "p1": ("p0", "p2"), "p2": ("p1", "p3"), "p3": ("p0", "p2")}


@dataclass(frozen=True)
class Read:
    rounds: Rounds  # on the axis
    messages: Transits
    boots: Boots
    clocks: Clocks
    path: CriticalPath


def read_back(path: Path, names: tuple[str, ...]) -> Read:
    with closing(open_ledger(path)) as books:
        rounds = read_rounds(books, names)
        sent, received = read_ends(books, names)
        boots = read_boots(
            books,
            names,
            np.concatenate([rounds.peer, sent.sender, received.receiver]),
            np.concatenate([rounds.incarnation, sent.incarnation, received.incarnation]),
            np.concatenate([rounds.moments_ns[:, DELIVERED], sent.at_ns, received.at_ns]),
        )
    messages = transits(sent, received)
    clocks = estimate_clocks(boots, messages)
    rounds = replace(rounds, moments_ns=clocks.to_axis(rounds.peer, rounds.incarnation, rounds.moments_ns))
    path = critical_path(rounds, handed(sent, clocks, 1 + int(rounds.number.max())))
    assert path is not None
    return Read(rounds, messages, boots, clocks, path)


def write_and_read(timed: Timed, folder: Path) -> Read:
    return read_back(write_timed(timed, folder / "ledger.sqlite"), timed.names)
