"""Random numbers that are the same in every driver and after a restart."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from peer.program.values import Array

__all__ = ["Purpose", "Streams"]


class Purpose(IntEnum):
    """What a random stream is for; part of its seed.

    A purpose is drawn from either always with or always without an iteration. Algorithms of other packages use
    numbers of their own from 1000 on.
    """

    START = 33
    """The common start of the power method, without iteration: ``default_rng([seed, 33])``."""


@dataclass(frozen=True, eq=False)
class Streams:
    """The only source of random numbers of a program: the same draws in every driver and after a restart.

    Attributes
    ----------
    seed : int
        Of the run.
    index : int array, shape (P,)
        Positions of the block's peers in the network.
    """

    seed: int
    index: Array = field(repr=False)

    def common(
        self, purpose: int, draw: Callable[[np.random.Generator], Array], iteration: int | None = None
    ) -> Array:
        """Return what all peers draw alike, as a read-only view of shape (P, ...).

        The seed is ``[seed, purpose]`` or ``[seed, purpose, iteration]``.
        """
        key = [self.seed, int(purpose)] if iteration is None else [self.seed, int(purpose), iteration]
        drawn = np.asarray(draw(np.random.default_rng(key)))
        return np.broadcast_to(drawn, (len(self.index), *drawn.shape))

    def own(self, purpose: int, draw: Callable[[np.random.Generator], Array], iteration: int = 0) -> Array:
        """Return what each peer draws for itself, shape (P, ...).

        The seed is ``[seed, purpose, iteration, position + 1]``: numpy pads seeds with zeros, so position 0
        would be the common stream.
        """
        key = [self.seed, int(purpose), iteration]
        return np.stack([draw(np.random.default_rng([*key, int(i) + 1])) for i in self.index])
