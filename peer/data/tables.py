"""Tables to import: columns by name from CSV, Parquet or NPZ, with every bad value located."""

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topology.errors import InputError, name_hint

__all__ = ["Labels", "Table", "names_in"]

Array = NDArray[np.float64]
Labels = NDArray[np.str_]


def names_in(text: str) -> tuple[str, ...]:
    """Names in a list with commas between them, without the spaces around them."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


class Table(ABC):
    """Rows and named columns of one file.

    Parameters
    ----------
    file : Path
        Where it came from.
    names : tuple of str
        Names of its columns, unique.
    """

    rows: int
    """How many rows, at least 1."""

    def __init__(self, file: Path, names: tuple[str, ...]) -> None:
        self.file = file
        self.names = names

    @abstractmethod
    def _labels(self, name: str) -> Labels:
        """Give a column as text; an empty text where there is no value."""

    @abstractmethod
    def _numbers(self, name: str, optional: bool) -> Array:
        """Give a column as numbers, shape (N,) or (N, k); NaN where there is no value."""

    @abstractmethod
    def blank(self, name: str) -> bool:
        """Whether a column has no value in any row."""

    def default_features(self) -> tuple[str, ...]:
        """Columns that are features when nobody names any, unless they have another role."""
        return ("X",)

    def where(self, row: int) -> str:
        """Say where a row is, as people count: ``row 1`` is the first."""
        return f"row {row + 1}"

    def require(self, name: str, option: str) -> None:
        """Refuse a column that is not there.

        Parameters
        ----------
        name : str
            The column.
        option : str
            Where it was named, such as ``--task``.

        Raises
        ------
        InputError
            With the nearest name there is.
        """
        if name not in self.names:
            raise InputError(
                f"there is no column {name!r}", file=self.file, field=option, mend=name_hint(name, self.names)
            )

    def task_columns(self, task: str) -> tuple[str, ...]:
        """Columns that name the task: the one of this name, or else those with commas between them."""
        return (task,) if task in self.names else names_in(task) or (task,)

    def tasks(self, task: str) -> Labels:
        """Name the task of every row.

        Parameters
        ----------
        task : str
            One column, or several with commas between them.

        Returns
        -------
        ndarray, shape (N,), str
            Of several columns ``shop/bread``.

        Raises
        ------
        InputError
            As `labels` does, or if two tasks would have one name.
        """
        columns = self.task_columns(task)
        parts = [self.labels(name) for name in columns]
        joined = parts[0]
        for part in parts[1:]:
            joined = np.strings.add(np.strings.add(joined, "/"), part)
        for name, part in zip(columns[:-1], parts, strict=False):
            slashed = np.flatnonzero(np.strings.find(part, "/") >= 0)
            if slashed.size:
                row = int(slashed[0])
                raise self.refusal(
                    name, row, f"found {str(part[row])!r}", "write it without /, which joins names"
                )
        return joined

    def labels(self, name: str) -> Labels:
        """Give a column of names: whole numbers or text.

        Parameters
        ----------
        name : str
            A column.

        Returns
        -------
        ndarray, shape (N,), str
            Without surrounding spaces.

        Raises
        ------
        InputError
            If it holds something else, or a row has no value.
        """
        labels = np.strings.strip(self._labels(name))
        unique, first = np.unique(labels, return_index=True)
        for label, row in zip(unique.tolist(), first.tolist(), strict=True):
            if not label:
                rows = int((labels == "").sum())
                raise self.refusal(name, row, f"no value{_and_others(rows)}", "fill it in, or remove the row")
            if not label.isprintable():
                mend = "a quote that is never closed? Write names on one line, in printable characters"
                raise self.refusal(name, row, f"found {label[:40]!r}", mend)
        return labels

    def numbers(self, name: str, *, optional: bool = False) -> Array:
        """Give a column of finite numbers.

        Parameters
        ----------
        name : str
            A column.
        optional : bool, optional
            Whether it is a feature that the options of an import may leave out; for messages.

        Returns
        -------
        ndarray, shape (N, k), float64
            One column, or as many as the array has.

        Raises
        ------
        InputError
            If a value is text, missing, NaN or infinite: with column and line.
        """
        values = self._numbers(name, optional).reshape(self.rows, -1)
        bad = np.argwhere(~np.isfinite(values))
        if bad.size:
            row, column = bad[0]
            field = name if values.shape[1] == 1 else f"{name}[:, {column}]"
            if np.isnan(values[row, column]):
                raise self.missing(field, int(row), optional, int(np.isnan(values).any(axis=1).sum()))
            mend = "write a finite number, or remove the row" + (_LEAVE_OUT if optional else "")
            raise self.refusal(field, int(row), f"found {values[row, column]}", mend)
        return values

    def refuse_empty(self) -> None:
        """Refuse a table without rows."""
        if self.rows == 0:
            raise InputError("has no rows", file=self.file, field="rows", mend="give a table with data")

    def missing(self, name: str, row: int, optional: bool, rows: int = 1) -> InputError:
        """Make the error for a value that is not there, in so many rows, of which the first is named."""
        mend = "fill it in, or remove the row" + (_LEAVE_OUT if optional else "")
        return self.refusal(name, row, f"no value (NaN){_and_others(rows)}", mend)

    def refusal(self, name: str, row: int, problem: str, mend: str) -> InputError:
        """Make an error that names column and line."""
        return InputError(problem, file=self.file, field=f"column {name!r}, {self.where(row)}", mend=mend)


def _and_others(rows: int) -> str:
    return "" if rows == 1 else f", and in {rows - 1} more row{'' if rows == 2 else 's'}"


_LEAVE_OUT = "; a feature may be left out, see --features and --without"
