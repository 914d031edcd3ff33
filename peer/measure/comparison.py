"""How sure a ratio of two runs is: a block bootstrap of their rounds.

Rounds that follow each other are alike, and slow moments come in bursts: as if drawn one by one, rounds would promise
intervals that are far too narrow. So whole blocks of consecutive rounds are drawn, each with the rows of all its peers:

1. A statistic is nearly linear in one series over the rounds: a mean in its values, a quantile in the share of a
   round's rows that are below it. The rule of Politis and White (2004, as corrected in 2009) says for this series how
   long blocks should be to estimate a variance; these are twice as long, since an interval suffers more from blocks
   that are too short than from few of them. Of two runs each has blocks of its own.
2. `scipy.stats.bootstrap` draws from blocks that do not overlap, with a fixed seed: the same rows give the same
   interval.
3. The interval is that of Student with one degree of freedom less than there are blocks, on a logarithmic axis, where
   B/A and A/B agree.

What an interval says is how much the figure varies from moment to moment *within* a run. What differs from start to
start, such as which processor a peer got, one run of each cannot tell.

References
----------
D. Politis, H. White: Automatic block-length selection for the dependent bootstrap. Econometric Reviews 23 (2004);
A. Patton, D. Politis, H. White: Correction. Econometric Reviews 28 (2009).
E. Carlstein: The use of subseries values for estimating the variance of a general statistic. Annals of Statistics 14
(1986).
"""

import math
import warnings
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import DegenerateDataWarning, bootstrap
from scipy.stats import t as student

__all__ = ["Interval", "Mean", "Quantile", "Sampled", "block_length", "interval", "ratio_interval"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVEL = 0.95
RESAMPLES = 499
SEED = 0
LEAST_BLOCKS = 6
"""Fewer blocks do not tell how much they vary."""


class Interval(NamedTuple):
    """Where a figure lies with a confidence of 95 %."""

    low: float
    high: float


class Sampled(Protocol):
    """A statistic of the rounds of a run."""

    @property
    def series(self) -> Floats:
        """What the statistic is nearly linear in, by round, shape (n,)."""

    def value(self, counts: Ints) -> float:
        """The statistic where round i occurs ``counts[i]`` times, shape (n,)."""


class Mean:
    """A mean over the rounds, beside a part that is known for certain.

    Parameters
    ----------
    values : ndarray
        Shape (n,), float64: one for each round, or each stretch of rounds.
    certain : float, optional
        Added to the mean.
    """

    def __init__(self, values: Floats, certain: float = 0.0) -> None:
        self.series = values
        self._certain = certain

    def value(self, counts: Ints) -> float:
        """The mean where entry i occurs ``counts[i]`` times."""
        return self._certain + float(counts @ self.series / counts.sum())


class Quantile:
    """A quantile over all rows of all rounds.

    Parameters
    ----------
    values : ndarray
        Shape (rows,), float64.
    rounds : ndarray
        Shape (rows,), int64: the round of each row, of any numbers.
    q : float
        Between 0 and 1.
    """

    def __init__(self, values: Floats, rounds: Ints, q: float) -> None:
        _, place = np.unique(rounds, return_inverse=True)
        order = np.argsort(values, kind="stable")
        self._values, self._place = values[order], place[order]
        self._q = q
        below = self._values <= np.quantile(values, q)
        rows = np.bincount(place)
        self.series: Floats = np.bincount(self._place, below, minlength=len(rows)) / rows

    def value(self, counts: Ints) -> float:
        """The quantile where round i occurs ``counts[i]`` times, as numpy's of so many rows."""
        upto = np.cumsum(counts[self._place])
        at = self._q * (upto[-1] - 1)
        # The rows number floor(at) and floor(at) + 1 of the sorted resample.
        low, high = np.searchsorted(upto, [math.floor(at), math.ceil(at)], side="right")
        return float(self._values[low] + (at % 1) * (self._values[high] - self._values[low]))


def interval(sampled: Sampled) -> Interval | None:
    """Find where a figure of one run lies.

    Parameters
    ----------
    sampled : Sampled
        Rounds of the run, with a positive statistic.

    Returns
    -------
    Interval or None
        None where nothing varies, where the rounds are too few, or where the statistic of a resample is not positive.
    """
    return _bootstrap((sampled,), (1,))


def ratio_interval(first: Sampled, second: Sampled) -> Interval | None:
    """Find where the ratio of the second to the first lies.

    Parameters
    ----------
    first, second : Sampled
        Rounds of two runs that know nothing of each other, with positive statistics.

    Returns
    -------
    Interval or None
        None where nothing varies, where the rounds of one are too few, or where the statistic of a resample is not
        positive.
    """
    return _bootstrap((first, second), (-1, 1))


def _bootstrap(samples: tuple[Sampled, ...], powers: tuple[int, ...]) -> Interval | None:
    """Find where the product of powers of the statistics lies."""
    if not any(np.ptp(sampled.series) > 0 for sampled in samples):
        return None
    blocks = [_blocks(sampled.series) for sampled in samples]
    least = min(map(len, blocks))
    if least < LEAST_BLOCKS:
        return None

    def logarithm(*times: Ints) -> float:
        value = 0.0
        for sampled, lengths, each, power in zip(samples, blocks, times, powers, strict=True):
            one = sampled.value(np.repeat(each, lengths))
            value += power * math.log(one) if one > 0 else math.nan
        return value

    def resampled(*drawn: Ints) -> float:
        return logarithm(
            *(np.bincount(some, minlength=len(all_)) for some, all_ in zip(drawn, blocks, strict=True))
        )

    with warnings.catch_warnings():
        # Of what is no number: there is no interval then.
        warnings.simplefilter("ignore", DegenerateDataWarning)
        found = bootstrap(
            [np.arange(len(lengths)) for lengths in blocks],
            resampled,
            n_resamples=RESAMPLES,
            vectorized=False,
            method="percentile",
            rng=np.random.default_rng(SEED),
        )
    # Blocks that are drawn vary less than rounds that come: as a variance that is divided by n.
    error = float(found.standard_error) * math.sqrt(least / (least - 1))
    half = float(student.ppf((1 + LEVEL) / 2, least - 1)) * error
    middle = logarithm(*(np.ones(len(lengths), np.int64) for lengths in blocks))
    if not half > 0:  # not a number, too
        return None
    return Interval(math.exp(middle - half), math.exp(middle + half))


def _blocks(series: Floats) -> Ints:
    """Lengths of the blocks; where they do not come out even, some are one longer."""
    count = max(len(series) // (2 * block_length(series)), 1)
    ends: Ints = np.linspace(0, len(series), count + 1).round().astype(np.int64)
    return ends[1:] - ends[:-1]


def block_length(series: Floats) -> int:
    """Choose the length of blocks that estimate the variance of a series' mean, by Politis and White's rule.

    Parameters
    ----------
    series : ndarray
        Shape (n,), float64.

    Returns
    -------
    int
        From 1 to the smaller of 3 √n and n / 3: more where what follows each other is more alike.
    """
    count = len(series)
    most = max(1, int(min(3 * math.sqrt(count), count / 3)))
    if count < 9 or not np.ptp(series) > 0:
        return 1
    enough = max(5, math.ceil(math.sqrt(math.log10(count))))
    lags = min(math.ceil(math.sqrt(count)) + enough, count - 1)
    centred = series - series.mean()
    covariances = np.array([centred[: count - lag] @ centred[lag:] for lag in range(lags + 1)]) / count
    # The last lag that matters: after it come so many without a significant correlation.
    significant = np.abs(covariances[1:]) >= 2 * math.sqrt(math.log10(count) / count) * covariances[0]
    quiet = np.convolve(significant, np.ones(enough), mode="valid") == 0
    last = int(np.argmax(quiet)) if quiet.any() else int(np.flatnonzero(significant)[-1]) + 1
    width = min(max(2 * last, 1), lags)
    lag = np.arange(-width, width + 1)
    window = np.minimum(1.0, 2 * (1 - np.abs(lag) / width))
    weighted = window * covariances[np.abs(lag)]
    slope, spectrum = float(np.abs(lag) @ weighted), float(weighted.sum())
    if spectrum <= 0:
        return 1
    best: int = math.ceil((1.5 * slope**2 / spectrum**2 * count) ** (1 / 3))
    return min(max(best, 1), most)
