"""Which nodes of a graph belong together; no graph library, as in :mod:`topology.network`."""

from collections import deque
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["adjacent", "components", "distances", "listed"]


def adjacent(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Return the neighbours of each node."""
    near: dict[str, set[str]] = {name: set() for name in names}
    for first, second in pairs:
        near[first].add(second)
        near[second].add(first)
    return near


def components(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Connected parts, each sorted, in the order of their lowest names."""
    near = adjacent(names, pairs)
    parts: list[list[str]] = []
    left = dict.fromkeys(sorted(near))
    while left:
        start = next(iter(left))
        part, queue = {start}, deque([start])
        while queue:
            fresh = near[queue.popleft()] - part
            part |= fresh
            queue.extend(fresh)
        for name in part:
            del left[name]
        parts.append(sorted(part))
    return parts


def listed(names: list[str]) -> str:
    """Write names one after the other; of many the first ones, and how many there are."""
    return ", ".join(names[:6]) + (f", … ({len(names)} peers)" if len(names) > 6 else "")


def distances(adjacency: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Hops between each two nodes, from the symmetric matrix of who is joined to whom; both (L, L)."""
    hops = np.zeros(adjacency.shape, dtype=np.int64)
    for source in range(len(adjacency)):
        seen = np.zeros(len(adjacency), dtype=np.bool_)
        frontier = seen.copy()
        seen[source] = frontier[source] = True
        steps = 0
        while not seen.all():
            steps += 1
            frontier = adjacency[frontier].any(axis=0) & ~seen
            hops[source, frontier] = steps
            seen |= frontier
    return hops
