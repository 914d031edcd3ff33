"""Node-link JSON, as networkx and d3 write it."""

import json
from pathlib import Path
from typing import Any, NoReturn

from topology.errors import InputError, name_hint
from topology.foreign.graph import ForeignGraph
from topology.foreign.labels import by_labels

__all__ = ["read_node_link"]


def read_node_link(text: str, file: str | Path) -> ForeignGraph:
    """Read a JSON object with ``nodes`` and ``edges``, which older networkx and d3 call ``links``.

    Parameters
    ----------
    text : str
        Content of the file.
    file : str or Path
        For messages.

    Returns
    -------
    ForeignGraph
        With the nodes' names or labels where they have them, all different; else with their ids. Numbers become text.

    Raises
    ------
    InputError
        With line or field and mend, if it is no such object.
    """
    found = _parse(text, file)
    key = "edges" if "edges" in found else "links"
    places: dict[str, str] = {}
    attributes: dict[str, dict[str, Any]] = {}
    for position, node in enumerate(_entries(found, "nodes", file)):
        place = f"nodes[{position}]"
        name = _name(node, "id", place, file)
        if name in places:
            _refuse(
                f"{name!r} is also the id of {places[name]}", f"{place}.id", "give each node its own id", file
            )
        places[name] = place
        attributes[name] = node
    edges, weighted = [], False
    for position, edge in enumerate(_entries(found, key, file)):
        place = f"{key}[{position}]"
        ends = {end: _name(edge, end, place, file) for end in ("source", "target")}
        for end, name in ends.items():
            if name not in places:
                _refuse(f"no node has the id {name!r}", f"{place}.{end}", name_hint(name, places), file)
        edges.append((ends["source"], ends["target"]))
        weighted |= "weight" in edge
    graph = ForeignGraph(places, tuple(edges), directed=found.get("directed") is True, weighted=weighted)
    return by_labels(graph, attributes)


def _parse(text: str, file: str | Path) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        _refuse(f"no JSON ({error.msg})", f"line {error.lineno}", "mend the syntax", file)
    except (ValueError, RecursionError):  # a number of thousands of digits; lists nested without an end
        _refuse("no JSON that can be read", None, "write it again with networkx's node_link_data", file)
    if not isinstance(found, dict):
        _refuse("no JSON object", None, "write it with networkx's node_link_data", file)
    return found


def _entries(found: dict[str, Any], key: str, file: str | Path) -> list[Any]:
    entries = found.get(key)
    if not isinstance(entries, list):
        spelling = "a list under edges or links" if key != "nodes" else "a list of nodes"
        _refuse("this list is missing", key, f"node-link JSON has {spelling}", file)
    return entries


def _name(entry: object, key: str, place: str, file: str | Path) -> str:
    value = entry.get(key) if isinstance(entry, dict) else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        _refuse(
            "found no text or whole number",
            f"{place}.{key}",
            "each node has an id, each edge two of them",
            file,
        )
    return str(value)


def _refuse(problem: str, field: str | None, mend: str, file: str | Path) -> NoReturn:
    raise InputError(problem, file=file, field=field, mend=mend) from None
