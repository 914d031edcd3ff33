"""From columns of a table to features: one-hot, standardised, with an intercept."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from peer.data.tables import Array, Table
from topology.errors import InputError

__all__ = ["MOST_LEVELS", "Features"]

MOST_LEVELS = 1000
"""More is a column of identifiers, named by mistake: its features would fill the memory."""

MOST_TOLD = 10


class Features:
    """The features of all rows, as they are being made.

    Parameters
    ----------
    table : Table
        The rows.
    columns : sequence of str
        Columns that become features, in their order.
    one_hot : sequence of str
        Columns among them of which each level becomes a feature.

    Raises
    ------
    InputError
        If columns hold what they should not, with all of them; or if two features would have one name.
    """

    def __init__(self, table: Table, columns: Sequence[str], one_hot: Sequence[str]) -> None:
        self._table = table
        self.levels: dict[str, tuple[str, ...]] = {}
        self.names: list[str] = []
        parts: list[Array] = []
        problems: list[InputError] = []
        for column in columns:
            try:
                part = self._levels(column) if column in one_hot else table.numbers(column, optional=True)
            except InputError as error:
                problems.append(error)
                continue
            parts.append(part)
            if column in self.levels:
                self.names += [f"{column}={level}" for level in self.levels[column]]
            else:
                self.names += (
                    [column] if part.shape[1] == 1 else [f"{column}{i}" for i in range(part.shape[1])]
                )
        if problems:
            raise _together(problems)
        self.X = np.concatenate(parts, axis=1)
        self.mean = np.zeros(len(self.names))
        self.scale = np.ones(len(self.names))
        self._refuse_twins()

    def _levels(self, column: str) -> Array:
        levels, codes = np.unique(self._table.labels(column), return_inverse=True)
        if len(levels) > MOST_LEVELS:
            raise InputError(
                f"has {len(levels)} levels, which would be as many features",
                file=self._table.file,
                field=f"--one-hot {column}",
                mend=f"merge levels until there are {MOST_LEVELS}, or leave the column out",
            )
        self.levels[column] = tuple(levels.tolist())
        return np.eye(len(levels))[codes]

    def _refuse_twins(self) -> None:
        for name in self.names:
            if self.names.count(name) > 1:
                raise InputError(
                    f"two features are called {name!r}",
                    file=self._table.file,
                    field="--features",
                    mend="rename one of the two columns",
                )

    def refuse_constant(self, training: NDArray[np.bool_]) -> None:
        """Refuse features that say nothing.

        Parameters
        ----------
        training : ndarray, shape (N,), bool
            Rows that are not held out.

        Raises
        ------
        InputError
            If a feature has one value in all of these rows.
        """
        rows = self.X[training]
        constant = np.flatnonzero(rows.min(axis=0) == rows.max(axis=0))
        if constant.size:
            raise _together(
                [
                    InputError(
                        f"is {rows[0, number]:g} in all rows for learning",
                        file=self._table.file,
                        field=f"column {self.names[number]!r}",
                        mend="leave it out: --without; a constant feature is what --intercept adds",
                    )
                    for number in constant
                ]
            )

    def standardize(self, training: NDArray[np.bool_]) -> None:
        """Give every feature mean 0 and variance 1 over the rows for learning.

        Parameters
        ----------
        training : ndarray, shape (N,), bool
            Rows that are not held out; the others are moved and scaled alike.

        Raises
        ------
        InputError
            If a feature's numbers are too large or too close together for that.
        """
        with np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
            self.mean = self.X[training].mean(axis=0)
            self.scale = self.X[training].std(axis=0)
            self.X = (self.X - self.mean) / self.scale
        lost = np.flatnonzero(~(np.isfinite(self.X).all(axis=0) & np.isfinite(self.scale)))
        if lost.size:
            raise InputError(
                "its numbers are too large, or too close together, to be standardised",
                file=self._table.file,
                field=f"column {self.names[lost[0]]!r}",
                mend="give it in another unit, or leave it out of --features",
            )

    def add_intercept(self) -> None:
        """Add a last feature that is 1 everywhere.

        Raises
        ------
        InputError
            If another feature has its name.
        """
        self.names.append("intercept")
        self.X = np.column_stack([self.X, np.ones(len(self.X))])
        self.mean = np.append(self.mean, 0.0)
        self.scale = np.append(self.scale, 1.0)
        self._refuse_twins()


def _together(problems: Sequence[InputError]) -> InputError:
    """One error for those of several columns, so that a table need not be mended one column at a time."""
    first, *others = problems
    if not others:
        return first
    told = "; ".join(f"{error.field}: {error.problem}" for error in others[:MOST_TOLD])
    more = f"; and {len(others) - MOST_TOLD} more" if len(others) > MOST_TOLD else ""
    return InputError(
        first.problem, file=first.file, field=first.field, mend=f"{first.mend}. Likewise {told}{more}"
    )
