"""Ticks of logarithmic axes, with labels that people read."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from peer.report.wording import power

__all__ = ["log_ticks"]

MOST_DECADES = 8


def log_ticks(series: Iterable[NDArray[np.float64]]) -> tuple[list[float], list[str]]:
    """Choose ticks: powers of ten, or 1, 2, 5 of each where the values span little more than two of them.

    Parameters
    ----------
    series : iterable of ndarray
        What is drawn; only values above 0 count.

    Returns
    -------
    values : list of float
        Where the ticks are.
    texts : list of str
        Their labels.
    """
    shown = np.concatenate([values[values > 0] for values in series])
    if not shown.size:
        return [], []
    low, high = (math.floor(math.log10(value)) for value in (shown.min(), shown.max()))
    few = math.log10(shown.max() / shown.min()) < 2.3
    every = max(1, math.ceil((high + 1 - low) / MOST_DECADES))
    exponents = range(low, high + 2, 1 if few else every)
    ticks = [(digit, exponent) for exponent in exponents for digit in ((1, 2, 5) if few else (1,))]
    return [float(f"{digit}e{exponent}") for digit, exponent in ticks], [_label(*tick) for tick in ticks]


def _label(digit: int, exponent: int) -> str:
    if -3 < exponent < 4:
        return f"{digit * 10.0**exponent:g}"
    text = power(float(f"{digit}e{exponent}"), 1)
    return text.removeprefix("1 × ") if digit == 1 else text
