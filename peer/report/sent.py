"""What was sent in each round and on each edge: every value once, the first time it went out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peer.measure.entries import Entries

__all__ = ["Sent", "first_sendings"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Sent:
    """Values that the peers sent, by level: ``payload``, and ``message`` where envelopes were measured.

    Attributes
    ----------
    rounds : mapping of str to ndarray
        Each of shape (rounds,), int64: bytes of all peers.
    edges : mapping of (str, str) to mapping
        Bytes by level, from the first peer to the second.
    """

    rounds: Mapping[str, Ints]
    edges: Mapping[tuple[str, str], Mapping[str, int]]


def first_sendings(entries: Entries, rounds: int) -> Sent:
    """Sum up the first sendings of all values.

    Parameters
    ----------
    entries : Entries
        Of `peer.measure.entries.read_entries`. A value whose sender's row was lost counts as its receiver has it;
        values of a peer of which there are no rows at all do not count.
    rounds : int
        Rounds of the run.

    Returns
    -------
    Sent
        Of all peers.
    """
    kept = np.flatnonzero(entries.value & entries.of_told & (entries.round < rounds))
    sizes = {"payload": entries.payload_bytes[kept]}
    if entries.measured:
        sizes["message"] = entries.message_bytes[kept]
    edge = entries.sender[kept] * len(entries.peers) + entries.receiver[kept]
    edges, place = np.unique(edge, return_inverse=True)
    by_edge = {level: _sums(place, size, len(edges)).tolist() for level, size in sizes.items()}
    ends = [divmod(number, len(entries.peers)) for number in edges.tolist()]
    return Sent(
        rounds={level: _sums(entries.round[kept], size, rounds) for level, size in sizes.items()},
        edges={
            (entries.peers[sender], entries.peers[receiver]): {
                level: sums[i] for level, sums in by_edge.items()
            }
            for i, (sender, receiver) in enumerate(ends)
        },
    )


def _sums(places: Ints, sizes: Ints, count: int) -> Ints:
    # Sums in float64 are exact up to 2^53 bytes.
    return np.bincount(places, sizes, count).astype(np.int64)
