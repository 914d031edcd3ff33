"""GEXF files, Gephi's own: read here, for networkx knows only their older versions."""

from pathlib import Path
from typing import NoReturn

from topology.errors import InputError, name_hint
from topology.foreign.graph import ForeignGraph
from topology.foreign.labels import by_labels
from topology.foreign.markup import walk_xml

__all__ = ["read_gexf"]


def read_gexf(content: bytes, file: str | Path) -> ForeignGraph:
    """Read a GEXF file.

    Parameters
    ----------
    content : bytes
        Of the file.
    file : str or Path
        For messages.

    Returns
    -------
    ForeignGraph
        With the nodes' labels as names where they are all different, else with their ids.

    Raises
    ------
    InputError
        If the file is no XML, has a document type, or holds no graph as GEXF has it.
    """
    reader = _Reader(file)
    walk_xml(content, file, "GEXF", reader.element)
    return reader.graph()


class _Reader:
    def __init__(self, file: str | Path) -> None:
        self._file = file
        self._found = False
        self._directed = False
        self._weighted = False
        self._nodes: dict[str, dict[str, str]] = {}
        self._places: dict[str, str] = {}
        self._edges: list[tuple[str, str, int]] = []

    def element(self, name: str, attributes: dict[str, str], line: int) -> None:
        """Take what is needed; anything else in the file is about looks, or times."""
        if name == "graph":
            self._found = True
            self._directed |= attributes.get("defaultedgetype") == "directed"
        elif name == "node":
            node = self._attribute(attributes, "id", line)
            if node in self._nodes:
                self._refuse(f"{node!r} is also the id of another node", line, "give each node its own id")
            self._nodes[node] = attributes
            self._places[node] = f"line {line}"
        elif name == "edge":
            source, target = (self._attribute(attributes, end, line) for end in ("source", "target"))
            self._edges.append((source, target, line))
            if attributes.get("type") == "mutual":
                self._edges.append((target, source, line))
            self._directed |= attributes.get("type") == "directed"
            self._weighted |= "weight" in attributes

    def graph(self) -> ForeignGraph:
        """What was found; an edge may stand before its nodes."""
        if not self._found:
            raise InputError("holds no graph", file=self._file, mend="write it again as GEXF")
        for *ends, line in self._edges:
            for end in ends:
                if end not in self._nodes:
                    self._refuse(f"no node has the id {end!r}", line, name_hint(end, self._nodes))
        graph = ForeignGraph(
            self._places,
            tuple((a, b) for a, b, _ in self._edges),
            directed=self._directed,
            weighted=self._weighted,
        )
        return by_labels(graph, self._nodes)

    def _attribute(self, attributes: dict[str, str], key: str, line: int) -> str:
        value = attributes.get(key)
        if not value:
            self._refuse(
                f"the attribute {key} is missing", line, "each node has an id, each edge two of them"
            )
        return value

    def _refuse(self, problem: str, line: int, mend: str) -> NoReturn:
        raise InputError(problem, file=self._file, field=f"line {line}", mend=mend)
