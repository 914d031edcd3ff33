"""GraphML files, read by networkx.

A serving peer does not import this module: networkx would cost it tens of megabytes.
"""

from io import BytesIO
from pathlib import Path

import networkx as nx

from topology.errors import InputError
from topology.foreign.graph import ForeignGraph
from topology.foreign.labels import by_labels
from topology.foreign.markup import walk_xml

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
        With the nodes' names or labels where they have them, all different; else with their ids.

    Raises
    ------
    InputError
        If the file is no XML, has a document type, or holds no graph that networkx can read.
    """
    walk_xml(content, file, "GraphML", lambda *_: None)
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
    read = ForeignGraph(
        {node: f"node {node!r}" for node in graph},
        tuple((a, b) for a, b in graph.edges()),
        directed=graph.is_directed(),
        weighted=any("weight" in data for _, _, data in graph.edges(data=True)),
    )
    return by_labels(read, graph.nodes)


def _id(found: object) -> str:
    if not isinstance(found, str) or not found:
        raise ValueError("a node, or an end of an edge, has no id")
    return found
