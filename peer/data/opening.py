"""A table by the ending of its name."""

from collections.abc import Collection
from pathlib import Path

from peer.data.npz_table import NpzTable
from peer.data.tables import Table, names_in
from topology.errors import InputError

__all__ = ["open_table"]


def open_table(file: str | Path, task: str, text_columns: Collection[str]) -> Table:
    """Read a table; the ending of its name says what it is.

    Parameters
    ----------
    file : str or Path
        ``.csv`` (UTF-8, commas or semicolons, names in the first line), ``.parquet`` or ``.npz``.
    task : str
        Column that names the task of each row, or several with commas between them.
    text_columns : collection of str
        Other columns whose values are names, to be taken as they are written.

    Returns
    -------
    Table
        With at least one row.

    Raises
    ------
    InputError
        If the file is missing, of another kind, damaged, empty, or has two columns of one name.
    """
    file = Path(file)
    if not file.is_file():
        problem = "is a folder" if file.is_dir() else "no such file"
        raise InputError(problem, file=file, mend="give a file: .csv, .parquet or .npz")
    match file.suffix.lower():
        case ".npz":
            return NpzTable(file, task)
        case ".csv" | ".parquet" as suffix:
            try:
                # pyarrow is an extra, and large: only a table that needs it loads it.
                from peer.data import arrow_table
            except ModuleNotFoundError as error:
                if error.name is None or error.name.partition(".")[0] != "pyarrow":
                    raise
                raise InputError(
                    "CSV and Parquet are read by pyarrow, which is not installed",
                    file=file,
                    mend="pip install pyarrow (NPZ needs nothing more)",
                ) from None
            return (
                arrow_table.read_csv(file, {task, *names_in(task), *text_columns})
                if suffix == ".csv"
                else arrow_table.read_parquet(file)
            )
    raise InputError(
        f"the ending {file.suffix!r} is unknown", file=file, mend="give a file: .csv, .parquet or .npz"
    )
