"""Edge lists: two names in each line, and DecentralizePy's form of them, with the number of nodes first."""

import re
from collections.abc import Iterator
from pathlib import Path

from topology.errors import InputError
from topology.foreign.edge_table import HEADS, read_edge_table
from topology.foreign.graph import ForeignGraph

__all__ = ["MOST_NODES", "begins_with_count", "read_counted_edges", "read_edge_list"]

MOST_NODES = 65535
"""More peers than ports, and more than a network file is good for."""

_COUNT = re.compile(r"[0-9]{1,9}")
_COMMENT = re.compile(r"[#%].*")
_GAP = re.compile(r"[ \t]*[,;][ \t]*|\s+")
# networkx writes the attributes of an edge behind it, others a weight.
_ATTRIBUTES = re.compile(r"\{.*\}|[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?")


def begins_with_count(text: str) -> bool:
    """Whether the first line with content is a single number, as in DecentralizePy's ``.edges`` files."""
    _, words = next(_lines(text), (0, []))
    return len(words) == 1 and bool(_COUNT.fullmatch(words[0]))


def read_edge_list(text: str, file: str | Path) -> ForeignGraph:
    """Read lines of two names, set apart by spaces, a tab, a comma or a semicolon.

    Parameters
    ----------
    text : str
        Content of the file. A weight, or networkx's attributes, may follow the names; ``#`` and ``%`` begin
        comments. A first line such as ``source,target`` names the columns: then others may stand between and behind
        them, and names may hold blanks.
    file : str or Path
        For messages.

    Returns
    -------
    ForeignGraph
        With the names as they stand there.

    Raises
    ------
    InputError
        With file, line and mend, for the first line that holds anything else.
    """
    table = read_edge_table(text, file)
    if table is not None:
        return table
    places: dict[str, str] = {}
    edges: list[tuple[str, str]] = []
    weighted, notes = False, []
    for number, words in _lines(text):
        if not edges and {word.lower() for word in words[:2]} in map(set, HEADS):
            notes.append(f"line {number} ({', '.join(words[:2])}) is taken as the heads of columns")
            continue
        attributes = words[2] if len(words) > 2 else "{}"
        if len(words) < 2 or not all(words) or not _ATTRIBUTES.fullmatch(attributes):
            raise InputError(
                f"found {_shown(words)} where two names are expected",
                file=file,
                field=f"line {number}",
                mend="write the names of two neighbours; only a weight may follow. For other columns, or names with "
                "blanks, begin with a line such as source,target",
            )
        weighted |= attributes != "{}"
        edges.append((words[0], words[1]))
        for name in words[:2]:
            places.setdefault(name, f"line {number}")
    return ForeignGraph(places, tuple(edges), weighted=weighted, notes=tuple(notes))


def read_counted_edges(text: str, file: str | Path) -> ForeignGraph:
    """Read DecentralizePy's ``.edges`` form: the number of nodes, then lines of two ids counted from 0.

    Parameters
    ----------
    text : str
        Content of the file.
    file : str or Path
        For messages.

    Returns
    -------
    ForeignGraph
        With the ids as names.

    Raises
    ------
    InputError
        With file, line and mend, if the first line is no number or another holds anything but two ids.
    """
    lines = _lines(text)
    first, words = next(lines, (1, []))
    if len(words) != 1 or not _COUNT.fullmatch(words[0]) or not int(words[0]) <= MOST_NODES:
        raise InputError(
            f"found {_shown(words)} where the number of nodes is expected",
            file=file,
            field=f"line {first}",
            mend=f"write a number up to {MOST_NODES}, or read the file with --format edge-list",
        )
    count = int(words[0])
    edges = []
    for number, words in lines:
        if len(words) != 2 or not all(_COUNT.fullmatch(word) and int(word) < count for word in words):
            raise InputError(
                f"found {_shown(words)} where two ids are expected",
                file=file,
                field=f"line {number}",
                mend=f"write two numbers from 0 to {count - 1}: line {first} says that there are {count} nodes",
            )
        edges.append((str(int(words[0])), str(int(words[1]))))
    return ForeignGraph({str(node): f"line {first}" for node in range(count)}, tuple(edges))


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Numbers and words of the lines that hold something; all that follows two names is one word."""
    for number, line in enumerate(text.split("\n"), 1):
        content = _COMMENT.sub("", line).strip()
        if content:
            yield number, _GAP.split(content, maxsplit=2)


def _shown(words: list[str]) -> str:
    text = " ".join(words)
    return repr(text if len(text) <= 60 else f"{text[:60]}…")
