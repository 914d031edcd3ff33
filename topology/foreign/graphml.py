"""GraphML files, read by networkx.

A serving peer does not import this module: networkx would cost it tens of megabytes.
"""

from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers import expat

import networkx as nx

from topology.errors import InputError
from topology.foreign.graph import ForeignGraph

__all__ = ["read_graphml"]


def read_graphml(content: bytes, file: str | Path) -> ForeignGraph:
    """Read a GraphML file.

    Parameters
    ----------
    content : bytes
        Of the file.
    file : str or Path
        For messages.

    Returns
    -------
    ForeignGraph
        With the nodes' ids as names.

    Raises
    ------
    InputError
        If the file is no XML, has a document type, or holds no graph that networkx can read.
    """
    _check_xml(content, file)
    try:
        graph: nx.Graph[str] = nx.read_graphml(
            BytesIO(content),
            node_type=_id,  # type: ignore[call-overload]  # networkx only calls it
        )
    # networkx lets the errors of its own conversions through: a missing key, a number that is none, …
    except (nx.NetworkXError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"no GraphML that networkx can read ({error})",
            file=file,
            mend="write it again with networkx or yEd",
        ) from None
    return ForeignGraph(
        {node: f"node {node!r}" for node in graph},
        tuple((a, b) for a, b in graph.edges()),
        directed=graph.is_directed(),
        weighted=any("weight" in data for _, _, data in graph.edges(data=True)),
    )


def _id(found: object) -> str:
    if not isinstance(found, str) or not found:
        raise ValueError("a node, or an end of an edge, has no id")
    return found


def _check_xml(content: bytes, file: str | Path) -> None:
    """Refuse what is no XML, and document types: entities defined in them can stand for gigabytes or other files."""

    def refuse(*_: Any) -> NoReturn:  # noqa: ANN401
        raise InputError(
            "the file has a document type, which can hold harm",
            file=file,
            field=f"line {parser.CurrentLineNumber}",
            mend="remove the line <!DOCTYPE …>; GraphML needs none",
        )

    graphs = 0

    def count(name: str, _: dict[str, str]) -> None:
        nonlocal graphs
        graphs += name.rpartition(":")[2] == "graph"
        if graphs > 1:
            raise InputError(
                "the file holds more than one graph, or a graph in a node",
                file=file,
                field=f"line {parser.CurrentLineNumber}",
                mend="write the one that is meant into a file of its own",
            )

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = count
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise InputError(
            f"no XML ({expat.ErrorString(error.code)})",
            file=file,
            field=f"line {error.lineno}",
            mend="give a GraphML file, or say what it is with --format",
        ) from None
    except InputError:
        raise
    except (LookupError, ValueError) as error:  # of encodings that Python does not know, or not so
        raise InputError(f"no XML ({error})", file=file, mend="save it as UTF-8") from None
