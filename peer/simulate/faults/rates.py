"""How much goes wrong in one seed."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Rates:
    """Chances and times of faults; messages take 0.05 to 1.

    Attributes
    ----------
    gap : float
        Mean time between two faults (kills of one, two or all peers, cuts, second connections).
    kill : float
        Chance of a kill between any two effects.
    kill_at_key : float
        Chance of a kill just before, and again just after, a Hello, a durable record and a final checkpoint.
    duplicate : float
        Chance that a message of a stream arrives once more, behind others.
    slow_disk : float
        Mean time of a checkpoint write; writes finish in any order.
    damage : float
        Chance that a kill damages the newest checkpoint, where the one before may still be loaded.
    full : float
        Chance that a fault is a disk that takes no writes for a while.
    """

    gap: float = 1e9
    kill: float = 0.0
    kill_at_key: float = 0.0
    duplicate: float = 0.0
    slow_disk: float = 1.0
    damage: float = 0.0
    full: float = 0.0

    @classmethod
    def random(cls, rng: random.Random) -> "Rates":
        """Draw them; every fault is absent in some seeds, so that the others show alone."""
        return cls(
            gap=rng.choice((0.7, 2.0, 6.0, 1e9)),
            kill=rng.choice((0.0, 0.0, 0.002, 0.01)),
            kill_at_key=rng.choice((0.0, 0.0, 0.02, 0.1)),
            duplicate=rng.choice((0.0, 0.02, 0.2)),
            slow_disk=rng.choice((0.08, 0.5, 2.0, 5.0)),
            damage=rng.choice((0.0, 0.2, 0.8)),
            full=rng.choice((0.0, 0.0, 0.2, 0.5)),
        )
