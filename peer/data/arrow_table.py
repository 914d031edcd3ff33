"""CSV and Parquet files as tables, read by pyarrow. Only importing loads this module."""

import csv
import re
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from peer.data.tables import Array, Labels, Table
from topology.errors import InputError

__all__ = ["ArrowTable", "read_csv", "read_parquet"]


class Style(NamedTuple):
    """What parts the columns of a text, and the digits of its numbers."""

    separator: str
    separator_name: str
    decimal: str


COMMAS = Style(",", "commas", ".")
SEMICOLONS = Style(";", "semicolons", ",")
"""As spreadsheets write it in countries with a decimal comma."""

# How pyarrow reads a number and a missing value in CSV, decimals with a point.
_NUMBER = re.compile(r"\s*[-+]?((\d+\.?\d*|\.\d+)(e[-+]?\d+)?|inf|infinity)\s*", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"\s*[-+]?(\d+|\d{1,3}(\.\d{3})+),\d+\s*")
_OTHER_SEPARATORS = {"\t": "tabs", "|": "bars"}
_MISSING = frozenset(pyarrow.csv.ConvertOptions().null_values)


class ArrowTable(Table):
    """Columns of a table in memory.

    Parameters
    ----------
    file : Path
        Where it came from.
    table : pyarrow.Table
        Its columns.
    style : Style, optional
        How it was written as lines of text, with one line above the rows; None where it was not.
    """

    def __init__(self, file: Path, table: pa.Table, style: Style | None = None) -> None:
        super().__init__(file, tuple(table.column_names))
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise InputError(
                f"two columns are called {twice[0]!r}",
                file=file,
                field="columns",
                mend="rename one of the two",
            )
        self.rows = table.num_rows
        self.refuse_empty()
        self._table = table
        self._style = style

    def where(self, row: int) -> str:
        """Say where a row is: its line in a CSV file."""
        if self._style is None:
            return super().where(row)
        return _line(self.file, row + 1, self._style)

    def default_features(self) -> tuple[str, ...]:
        """Every column, but for those in which pandas keeps its index."""
        index = (self._table.schema.pandas_metadata or {}).get("index_columns", [])
        names = tuple(name for name in self.names if name not in index)
        if "" in names:
            number = self.names.index("") + 1
            raise InputError(
                f"column {number} has no name",
                file=self.file,
                field="--features",
                mend="name it, or list --features",
            )
        return names

    def _labels(self, name: str) -> Labels:
        column = _plain(self._table[name])
        kind = column.type
        if not (_is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
            raise self._wrong_kind(name, kind, "give whole numbers or text")
        labels: Labels = column.cast(pa.string()).fill_null("").to_numpy().astype(np.str_)
        return labels

    def blank(self, name: str) -> bool:
        """Whether a column has no value in any row."""
        return bool(self._table[name].null_count == self.rows)

    def _numbers(self, name: str, optional: bool) -> Array:
        column = _plain(self._table[name])
        if _is_text(column.type):
            raise self._text_found(name, column.to_pylist(), optional)
        if not any(is_kind(column.type) for is_kind in _NUMERIC):
            mend = "give numbers" + (", or leave it out of --features" if optional else "")
            raise self._wrong_kind(name, column.type, mend)
        values: Array = column.cast(pa.float64(), safe=False).to_numpy().astype(np.float64)
        return values

    def _text_found(self, name: str, texts: list[str | None], optional: bool) -> InputError:
        """Locate what keeps a column from being numeric."""
        decimal = self._style.decimal if self._style else "."
        as_pointed = str.maketrans({decimal: ".", ".": "x"}) if decimal != "." else {}
        bad = (
            (row, text or "")
            for row, text in enumerate(texts)
            if not _NUMBER.fullmatch((text or "").translate(as_pointed))
        )
        row, text = next(bad, (0, texts[0] or ""))
        if text in _MISSING:
            return self.missing(name, row, optional)
        if decimal == "." and _DECIMAL_COMMA.fullmatch(text):
            number = text.strip().replace(".", "").replace(",", ".")
            mend = f"write {number}: a point before decimals, nothing between thousands"
        elif decimal == "," and _NUMBER.fullmatch(text):
            number = text.strip().replace(".", ",")
            mend = f"write {number}: beside semicolons a comma before decimals, nothing between thousands"
        else:
            mend = f"write a number such as 1234{decimal}5"
            if optional:
                mend += ", name the column in --one-hot, or leave it out of --features"
        return self.refusal(name, row, f"found the text {text!r}", mend)

    def _wrong_kind(self, name: str, kind: pa.DataType, mend: str) -> InputError:
        return InputError(f"holds {kind}", file=self.file, field=f"column {name!r}", mend=mend)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


_NUMERIC = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_boolean,
    pa.types.is_null,
)


def read_csv(file: Path, text_columns: Collection[str]) -> ArrowTable:
    """Read CSV: UTF-8, names of the columns in the first line, which also tells the `Style`.

    Parameters
    ----------
    file : Path
        The file.
    text_columns : collection of str
        Columns to take as they are written: 01 stays 01.

    Returns
    -------
    ArrowTable
        With at least one row.

    Raises
    ------
    InputError
        If the file is empty, has another encoding or separator, or a line of another length.
    """
    _check_encoding(file)
    style = _style_of(file)
    torn: list[pyarrow.csv.InvalidRow] = []

    def note(row: pyarrow.csv.InvalidRow) -> str:
        torn.append(row)
        return "error"

    try:
        table = pyarrow.csv.read_csv(
            file,
            # One thread: the number of a torn row is known, and the types never depend on a race.
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=1 << 24),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=style.separator, newlines_in_values=True, invalid_row_handler=note
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(text_columns, pa.string()), decimal_point=style.decimal
            ),
        )
    except pa.ArrowException as error:
        if torn:
            raise _torn(file, torn[0], style) from None
        mend = "give names in the first line and data below"
        raise InputError(_reason(error), file=file, field="rows", mend=mend) from None
    return ArrowTable(file, table, style)


def read_parquet(file: Path) -> ArrowTable:
    """Read Parquet.

    Parameters
    ----------
    file : Path
        The file.

    Returns
    -------
    ArrowTable
        With at least one row.

    Raises
    ------
    InputError
        If the file is damaged or empty.
    """
    try:
        # Not read_table: that takes folders called a=b in the path for columns.
        with pyarrow.parquet.ParquetFile(file) as parquet:
            table = parquet.read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"cannot be read as Parquet ({_reason(error)})", file=file, mend="write the file again"
        ) from None
    return ArrowTable(file, table)


def _torn(file: Path, row: pyarrow.csv.InvalidRow, style: Style) -> InputError:
    return InputError(
        f"{row.actual_columns} value(s), but {row.expected_columns} columns are named",
        file=file,
        field=_line(file, row.number - 1, style),
        mend=f"write every line with all columns; put text with {style.separator_name} in quotes",
    )


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0][:200]


def _check_encoding(file: Path) -> None:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                found = f"the byte 0x{line[error.start]:02x} is not UTF-8"
            else:
                if b"\0" not in line:
                    continue
                found = "a zero byte (UTF-16?)"
            raise InputError(found, file=file, field=f"line {number}", mend="save the table as UTF-8")


def _style_of(file: Path) -> Style:
    """How the table is written, by its first line."""
    with file.open(encoding="utf-8-sig") as text:
        number, names = next(((n, line) for n, line in enumerate(text, start=1) if line.strip()), (1, ""))
    separator = max((",", *_OTHER_SEPARATORS), key=names.count)
    if separator in _OTHER_SEPARATORS:
        raise InputError(
            f"columns are parted by {_OTHER_SEPARATORS[separator]}",
            file=file,
            field=f"line {number}",
            mend="save the table with commas between columns, or with semicolons and decimal commas",
        )
    return SEMICOLONS if names.count(";") > names.count(",") else COMMAS


def _line(file: Path, record: int, style: Style) -> str:
    """Line on which a record begins; record 0 holds the names.

    pyarrow counts records; blank lines, and line breaks in quotes, part them from lines.
    """
    with file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text, delimiter=style.separator)
        line, left = 1, record
        try:
            for values in reader:
                if values and left == 0:
                    break
                left -= bool(values)
                line = reader.line_num + 1
        except csv.Error:
            return f"row {record}"
    return f"line {line}"
