"""Peers' names from what nodes are called, where a program keeps that apart from their ids."""

from collections.abc import Mapping
from dataclasses import replace

from topology.entries import is_peer_name
from topology.foreign.graph import ForeignGraph
from topology.spelling import peer_name_of

__all__ = ["by_labels"]

_KEYS = ("name", "label")
"""igraph's and Cytoscape's; yEd's, Gephi's and GML's."""


def by_labels(graph: ForeignGraph, attributes: Mapping[str, Mapping[str, object]]) -> ForeignGraph:
    """Call the nodes by their name or label: many programs write ids of their own, such as n0, beside it.

    Parameters
    ----------
    graph : ForeignGraph
        With the nodes' ids.
    attributes : mapping of str to mapping
        Of each node, by its id.

    Returns
    -------
    ForeignGraph
        With the labels in place of the ids, where every node has one, no two the same, and each can become a
        peer's name; else as it was. A note says which, where there are labels.
    """
    notes = []
    for key in _KEYS:
        labels = {node: _text(attributes[node].get(key)) for node in graph.places}
        if not any(labels.values()):
            continue
        if all(node == label for node, label in labels.items()):
            break
        hindrance = _hindrance(labels)
        if hindrance:
            notes.append(f"the nodes' {key} is not used: {hindrance}")
            continue
        node, label = next(iter(labels.items()))
        return replace(
            graph,
            places={labels[node]: place for node, place in graph.places.items()},
            edges=tuple((labels[a], labels[b]) for a, b in graph.edges),
            notes=(
                *graph.notes,
                *notes,
                f"peers are called by the nodes' {key}, not by the id ({node} is {label!r})",
            ),
        )
    return replace(graph, notes=(*graph.notes, *notes))


def _text(found: object) -> str:
    return str(found).strip() if isinstance(found, str | int) and not isinstance(found, bool) else ""


def _hindrance(labels: Mapping[str, str]) -> str:
    """Why peers cannot be called so; empty where they can."""
    owners: dict[str, str] = {}
    for node, label in labels.items():
        if not label:
            return f"{node} has none"
        name = peer_name_of(label)
        if not is_peer_name(name):
            return f"{label[:60]!r} cannot be a peer's name"
        owner = owners.setdefault(name, node)
        if owner != node:
            return f"{owner} and {node} would both be called {name!r}"
    return ""
