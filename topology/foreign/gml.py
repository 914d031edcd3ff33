"""GML files, read by networkx.

A serving peer does not import this module: networkx would cost it tens of megabytes.
"""

from pathlib import Path

import networkx as nx

from topology.errors import InputError
from topology.foreign.graph import ForeignGraph
from topology.foreign.labels import by_labels

__all__ = ["read_gml"]


def read_gml(text: str, file: str | Path) -> ForeignGraph:
    """Read a GML file.

    Parameters
    ----------
    text : str
        Content of the file.
    file : str or Path
        For messages.

    Returns
    -------
    ForeignGraph
        With the nodes' labels as names where they are all different, else with their ids.

    Raises
    ------
    InputError
        If it holds no graph that networkx can read.
    """
    try:
        graph = nx.parse_gml(text.splitlines(), label="id")
    # networkx lets the errors of its own conversions through; a file that ends in the midst is a StopIteration.
    except (
        nx.NetworkXError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
        StopIteration,
    ) as error:
        raise InputError(
            f"no GML that networkx can read ({' '.join(str(error).split())})",
            file=file,
            mend="mend the file, or write it again as GraphML",
        ) from None
    read = ForeignGraph(
        {str(node): f"node {node}" for node in graph},
        tuple((str(a), str(b)) for a, b in graph.edges()),
        directed=graph.is_directed(),
        weighted=any("weight" in data for _, _, data in graph.edges(data=True)),
    )
    return by_labels(read, {str(node): data for node, data in graph.nodes(data=True)})
