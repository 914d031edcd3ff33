"""Edge lists with the heads of their columns, as Gephi, R and spreadsheets write them."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from topology.errors import InputError
from topology.foreign.graph import ForeignGraph

__all__ = ["HEADS", "read_edge_table"]

HEADS = (("source", "target"), ("from", "to"), ("src", "dst"))
"""What the columns of the two neighbours are called, in small letters."""

_SEPARATORS = (";", ",", "\t")
_OTHERS = ("type", "weight", "")


def read_edge_table(text: str, file: str | Path) -> ForeignGraph | None:
    """Read a table whose first line names the columns, two of them those of the neighbours.

    Parameters
    ----------
    text : str
        Content of the file; values are set apart by semicolons, commas or tabs, and may be in quotes.
    file : str or Path
        For messages.

    Returns
    -------
    ForeignGraph or None
        With the names as they stand there; None where the first line is no such one.

    Raises
    ------
    InputError
        With file, line and mend, for the first line that holds anything else.
    """
    lines = ["" if line.lstrip().startswith(("#", "%")) else line for line in text.splitlines()]
    first = next((line for line in lines if line.strip()), "")
    for separator in _SEPARATORS:
        heads = [head.strip() for head in next(csv.reader([first], delimiter=separator))]
        lower = [head.lower() for head in heads]
        for pair in HEADS:
            if set(pair) <= set(lower):
                columns = lower.index(pair[0]), lower.index(pair[1])
                return _read(_rows(lines, separator, file), heads, columns, file)
    return None


def _rows(lines: Sequence[str], separator: str, file: str | Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=separator)
    try:
        for row in reader:
            if any(row):
                yield reader.line_num, [value.strip() for value in row]
    except csv.Error as error:
        where = f"line {reader.line_num}"
        raise InputError(
            f"cannot be read ({error})", file=file, field=where, mend="write it again as CSV"
        ) from None


def _read(
    rows: Iterator[tuple[int, list[str]]], heads: list[str], columns: tuple[int, int], file: str | Path
) -> ForeignGraph:
    lower = [head.lower() for head in heads]
    kind = lower.index("type") if "type" in lower else None
    weight = lower.index("weight") if "weight" in lower else None
    first, second = columns
    named = f"{heads[first]}, {heads[second]}"
    number, _ = next(rows)
    notes = [f"line {number} ({named}) is taken as the heads of columns"]
    unused = [head for at, head in enumerate(heads) if at not in columns and lower[at] not in _OTHERS]
    if unused:
        notes.append(f"columns that are not used: {', '.join(unused)}")
    places: dict[str, str] = {}
    edges = []
    directed = weighted = False
    for number, row in rows:
        if len(row) != len(heads) or not row[first] or not row[second]:
            raise InputError(
                f"found {len(row)} values of {len(heads)}, or no {named}",
                file=file,
                field=f"line {number}",
                mend="give each line the columns of the first one; text that holds their separator in quotes",
            )
        edges.append((row[first], row[second]))
        for name in edges[-1]:
            places.setdefault(name, f"line {number}")
        directed |= kind is not None and row[kind].lower() == "directed"
        weighted |= weight is not None and row[weight] != ""
    return ForeignGraph(places, tuple(edges), directed=directed, weighted=weighted, notes=tuple(notes))
