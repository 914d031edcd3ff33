"""A network as text: a drawing, its adjacency matrix, or the number of peers by degree."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from topology.canvas import Canvas
from topology.layout import positions
from topology.network import Network

__all__ = ["picture"]

# More peers or edges than these are a tangle; what shows them better is the matrix.
_MOST_DRAWN, _MOST_EDGES = 25, 50
_MOST_IN_MATRIX = 60
_MOST_WIDE = 30
_MOST_BARS = 20
_LONGEST_NAME = 14
_SHORTEST_LINE = 3
_FLAT = 0.01
_HALVES = {
    (False, False): " ",
    (True, False): "▀",
    (False, True): "▄",
    (True, True): "█",
}


def picture(network: Network, *, columns: int = 78, unicode: bool = True) -> list[str]:
    """Draw a network with characters.

    Parameters
    ----------
    network : Network
        Up to 25 peers and 50 edges are drawn, up to 60 peers are shown by the adjacency matrix, more by the
        number of peers of each degree.
    columns : int, optional
        Width of the picture, at least 40.
    unicode : bool, optional
        Whether braille and block characters can be shown.

    Returns
    -------
    list of str
        The lines.
    """
    peers = len(network.names)
    if peers <= _MOST_DRAWN and len(network.edges) <= _MOST_EDGES:
        drawn = _drawing(network, columns, unicode)
        if drawn is not None:
            return drawn
    width = (2 if peers <= _MOST_WIDE else 1) * peers + _LONGEST_NAME
    if peers <= _MOST_IN_MATRIX and width <= columns:
        return _matrix(network, unicode)
    return _degrees(network, columns, "█" if unicode else "#")


def _drawing(network: Network, columns: int, unicode: bool) -> list[str] | None:
    """Draw peers and edges; None where the names have no room."""
    places = positions(network)
    names = [_short(name) for name in network.names]
    longest = max(map(len, names))
    height = float(places[:, 1].max())
    # A character is twice as high as it is wide; more height than this would not fit on a screen.
    rows = max(3, min(round(columns / 2 * height), 12 + len(names) // 2))
    rows += 1 - rows % 2  # with an odd number, what is in the middle has a row of its own
    if height < _FLAT:
        rows = _in_one_line(places, fits=(longest + _SHORTEST_LINE) * len(names) <= columns)
    else:
        places[:, 1] = (places[:, 1] / height * (rows - 1) + 0.5) / rows
    margin = longest / 2 / columns
    places[:, 0] = margin + places[:, 0] * (1 - 2 * margin)
    canvas = Canvas(columns, rows)
    for edge in network.edges:
        canvas.line(places[network.index(edge.first)], places[network.index(edge.second)])
    fits = all(canvas.word(name, place) for name, place in zip(names, places, strict=True))
    return canvas.lines(braille=unicode) if fits else None


def _in_one_line(places: NDArray[np.float64], *, fits: bool) -> int:
    """Set the peers of a path in one row, or in a zigzag where the names would hide the lines; return the rows."""
    places[:, 1] = 0.5
    if fits:
        return 1
    order = np.argsort(places[:, 0])
    places[order[::2], 1] = 0.1
    places[order[1::2], 1] = 0.9
    return 5


def _short(name: str) -> str:
    """Keep both ends of a long name: names of one network often begin alike."""
    keep = (_LONGEST_NAME - 2) // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[:keep]}..{name[-keep:]}"


def _matrix(network: Network, unicode: bool) -> list[str]:
    """The adjacency matrix: two characters for each pair of a small network, half of one for a large one."""
    rows = [list(map(bool, row)) for row in network.adjacency]
    names = [_short(name) for name in network.names]
    width = max(map(len, names))
    if len(rows) <= _MOST_WIDE or not unicode:
        mark = ("█" if unicode else "#") * (2 if len(rows) <= _MOST_WIDE else 1)
        cells = ["".join(mark if joined else " " * len(mark) for joined in row) for row in rows]
    else:
        uppers, lowers = rows[::2], [*rows[1::2], [False] * len(rows)]
        pairs = [zip(*both, strict=True) for both in zip(uppers, lowers, strict=False)]
        cells = ["".join(_HALVES[pair] for pair in both) for both in pairs]
        names = names[::2]
    lines = [f"{name:>{width}} {row}".rstrip() for name, row in zip(names, cells, strict=True)]
    return [*lines, "", "marked: neighbours; columns stand in the order of the rows"]


def _degrees(network: Network, columns: int, bar: str) -> list[str]:
    counts = Counter(len(network.neighbours(name)) for name in network.names)
    lowest, highest = min(counts), max(counts)
    step = -(-(highest - lowest + 1) // _MOST_BARS)
    lines = []
    room = columns - 30
    bins = {
        low: sum(counts[degree] for degree in range(low, low + step))
        for low in range(lowest, highest + 1, step)
    }
    for low, count in bins.items():
        degrees = f"{low}" if step == 1 else f"{low} to {low + step - 1}"
        lines.append(f"{degrees:>12} {bar * -(-count * room // max(bins.values()))} {count}")
    return [f"{'degree':>12} peers", *lines]
