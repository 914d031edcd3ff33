"""NPZ files without pickle; whatever is wrong with one is an InputError."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topology.errors import InputError

__all__ = ["npz_array", "npz_names"]

# What zipfile, zlib and numpy raise on files that are damaged, encrypted or no archives at all.
_DAMAGED = (OSError, EOFError, ValueError, RuntimeError, KeyError, zipfile.BadZipFile, zlib.error)


def npz_names(path: Path) -> tuple[str, ...]:
    """Names of the arrays in a file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    tuple of str
        In the order of the file.

    Raises
    ------
    InputError
        If it is not an NPZ file.
    """
    with _opened(path) as archive:
        return tuple(archive.files)


def npz_array(path: Path, name: str) -> NDArray[Any]:
    """Read one array.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        One of its arrays.

    Returns
    -------
    ndarray
        In C order.

    Raises
    ------
    InputError
        If the array is damaged or holds Python objects.
    """
    with _opened(path, f"array {name!r}") as archive:
        return np.asarray(archive[name], order="C")


@contextmanager
def _opened(path: Path, field: str | None = None) -> Iterator[Any]:
    try:
        with zipfile.ZipFile(path):  # numpy would take other kinds of files too
            pass
        with np.load(path, allow_pickle=False) as archive:
            yield archive
    except _DAMAGED as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "allow_pickle" in reason:
            raise InputError(
                "holds Python objects, which are not read: they could run code",
                file=path,
                field=field,
                mend="save numbers or text, such as array.astype(float) or array.astype(str)",
            ) from None
        raise InputError(
            f"cannot be read as NPZ ({reason})", file=path, field=field, mend="save it again with numpy.savez"
        ) from None
