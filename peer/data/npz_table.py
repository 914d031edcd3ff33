"""NPZ files as tables: an array with one entry, or one row, per sample is a column."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peer.data.npz import npz_array, npz_names
from peer.data.tables import Array, Labels, Table
from topology.errors import InputError

__all__ = ["NpzTable"]


class NpzTable(Table):
    """Arrays of an NPZ file, read when they are asked for.

    Parameters
    ----------
    file : Path
        Where they are.
    task : str
        The array that names the task of each row, or several with commas between them; the number of rows is
        its length.
    """

    def __init__(self, file: Path, task: str) -> None:
        super().__init__(file, npz_names(file))
        first, *_ = self.task_columns(task)
        self.require(first, "--task")
        self.rows = self.array(first).size
        self.refuse_empty()

    def array(self, name: str) -> NDArray[Any]:
        """Give an array as it is in the file.

        Parameters
        ----------
        name : str
            One of `names`.

        Returns
        -------
        ndarray
            Of any shape.

        Raises
        ------
        InputError
            If it is damaged or holds Python objects.
        """
        return npz_array(self.file, name)

    def _labels(self, name: str) -> Labels:
        values = self._column(name, kinds="iuU", most_dims=1, wanted="whole numbers or text, shape (N,)")
        return values.astype(np.str_)

    def blank(self, name: str) -> bool:
        """Whether an array holds nothing but NaN."""
        values = self.array(name)
        return values.dtype.kind == "f" and bool(np.isnan(values).all())

    def _numbers(self, name: str, optional: bool) -> Array:
        del optional  # whatever is wrong with an array concerns all of it
        values = self._column(name, kinds="iufb", most_dims=2, wanted="real numbers, shape (N,) or (N, k)")
        return values.astype(np.float64)

    def _column(self, name: str, *, kinds: str, most_dims: int, wanted: str) -> NDArray[Any]:
        values = self.array(name)
        fits = 1 <= values.ndim <= most_dims and len(values) == self.rows and values.size > 0
        if not fits or values.dtype.kind not in kinds:
            raise InputError(
                f"is {values.dtype} of shape {values.shape}",
                file=self.file,
                field=f"array {name!r}",
                mend=f"give {wanted}, N = {self.rows} as the array of tasks has",
            )
        return values
