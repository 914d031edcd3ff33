"""A number against the iterations, drawn with characters."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, floor, log10

import numpy as np

from topology.canvas import Canvas

__all__ = ["draw_curve"]

_LABEL_COLUMNS = 7


def draw_curve(
    points: Sequence[tuple[int, float]], last: int, *, columns: int, rows: int, braille: bool
) -> list[str]:
    """Draw positive numbers on a logarithmic scale.

    Parameters
    ----------
    points : sequence of (int, float)
        Iteration, ascending, and its number; numbers that are not positive are left out.
    last : int
        The iteration at the right end.
    columns, rows : int
        Size in characters, labels included.
    braille : bool
        Whether braille characters can be shown.

    Returns
    -------
    list of str
        Lines from top to bottom; none where there are fewer than two points.
    """
    points = [(iteration, value) for iteration, value in points if value > 0]
    if len(points) < 2:
        return []
    exponents = [log10(value) for _, value in points]
    low, high = floor(min(exponents)), ceil(max(exponents))
    high = max(high, low + 1)
    canvas = Canvas(columns - _LABEL_COLUMNS, rows - 1)
    right = max(last, points[-1][0], 1)
    places = [
        np.array([iteration / right, (high - exponent) / (high - low)])
        for (iteration, _), exponent in zip(points, exponents, strict=True)
    ]
    for start, end in pairwise(places):
        canvas.line(start, end)
    drawn = canvas.lines(braille=braille)
    labels = {0: high, len(drawn) - 1: low}
    lines = [
        f"{f'1e{labels[row]:+d}' if row in labels else '':>{_LABEL_COLUMNS - 2}} │{line}"
        for row, line in enumerate(drawn)
    ]
    foot = f"iteration {right}"
    width = columns - _LABEL_COLUMNS + 1
    return [*lines, " " * (_LABEL_COLUMNS - 1) + f"0{foot:>{width - 1}}"]
