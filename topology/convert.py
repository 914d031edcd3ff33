"""Network files out of the files of other programs.

A serving peer does not import this module: it reads GraphML and GML by networkx.
"""

import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from topology.address import loopback_addresses
from topology.errors import InputError
from topology.foreign.edge_list import begins_with_count, read_counted_edges, read_edge_list
from topology.foreign.gexf import read_gexf
from topology.foreign.gml import read_gml
from topology.foreign.graph import ForeignGraph
from topology.foreign.graphml import read_graphml
from topology.foreign.naming import peer_names_of
from topology.foreign.node_link import read_node_link
from topology.network import MixingRule, Network
from topology.yamlfile import validate

__all__ = ["ConvertedNetwork", "ForeignFormat", "convert_file"]

ForeignFormat = Literal["edge-list", "edges", "graphml", "gexf", "gml", "node-link"]

_ENDINGS: dict[str, ForeignFormat] = {
    ".graphml": "graphml",
    ".gexf": "gexf",
    ".gml": "gml",
    ".json": "node-link",
}
_NOT_READ = {
    ".dot": "a Graphviz file",
    ".gv": "a Graphviz file",
    ".net": "a Pajek file",
    ".gdf": "a GUESS file",
    ".xlsx": "a spreadsheet",
    ".xls": "a spreadsheet",
    ".ods": "a spreadsheet",
}
# Without these their lines would be taken for those of an edge list.
_DOT = re.compile(r"\s*(strict\s+)?(di)?graph\b[^\[\n]*\{")
_GML = re.compile(r"^\s*graph\s*\[", re.MULTILINE)


@dataclass(frozen=True)
class ConvertedNetwork:
    """A network out of a foreign file.

    Attributes
    ----------
    network : Network
        The network.
    format : str
        What the file was read as.
    names : dict of str to str
        The peer's name by what the node is called in the file.
    notes : tuple of str
        What was changed or left out.
    """

    network: Network
    format: ForeignFormat
    names: dict[str, str]
    notes: tuple[str, ...]


def convert_file(
    path: str | Path,
    format: ForeignFormat | None = None,  # noqa: A002 - the option's name
    *,
    mixing: MixingRule = "metropolis",
    base_port: int = 7100,
    name: str | None = None,
) -> ConvertedNetwork:
    """Read a network out of another program's file.

    Edges of difpeer have no direction, no weight and two different ends: a directed graph is taken as
    undirected, weights are left to the mixing rule, self-loops and repeated edges are left out. Each of
    these is told in the notes.

    Parameters
    ----------
    path : str or Path
        The file.
    format : str, optional
        edge-list (two names in each line, or a table with heads), edges (DecentralizePy's: the number of nodes,
        then pairs of ids), graphml, gexf, gml or node-link (JSON); by default found out by the file's ending and
        content.
    mixing : str, optional
        The mixing rule.
    base_port : int, optional
        Peer number i, in the order of the names, gets the address 127.0.0.1:(base_port + i).
    name : str, optional
        The network's name; by default the file's.

    Returns
    -------
    ConvertedNetwork
        The network, and what was changed.

    Raises
    ------
    InputError
        If the file cannot be read, or holds no connected network of at least two peers.
    """
    path = Path(path)
    content = _content(path)
    kind = format or _recognize(path, content)
    graph = _read(kind, content, path)
    if not graph.places:
        raise InputError(
            "the file holds no nodes", file=path, mend=f"it was read as {kind}: say what it is with --format"
        )
    names = peer_names_of(graph.places, path)
    peers = sorted(names.values())
    addresses = loopback_addresses(len(peers), base_port)
    edges = sorted({tuple(sorted((names[a], names[b]))) for a, b in graph.edges if a != b})
    described = {
        "name": path.stem[:64] if name is None else name,
        "mixing": mixing,
        "peers": {peer: {"address": address} for peer, address in zip(peers, addresses, strict=True)},
        "edges": [list(edge) for edge in edges],
    }
    try:
        network = validate(Network, described)
    except InputError as error:
        named_by_user = error.field == "name"
        raise InputError(
            error.problem, file=None if named_by_user else path, field=error.field, mend=error.mend
        ) from None
    return ConvertedNetwork(network, kind, names, (*graph.notes, *_notes(graph, names, mixing)))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError("no such file", file=path, mend="check the path") from None
    except OSError as error:
        raise InputError(
            f"cannot be read ({error.strerror})", file=path, mend="give a readable file"
        ) from None


def _recognize(path: Path, content: bytes) -> ForeignFormat:
    ending = path.suffix.lower()
    if ending in _ENDINGS:
        return _ENDINGS[ending]
    if ending == ".xml" or content.removeprefix(BOM_UTF8).lstrip().startswith(b"<"):
        return "gexf" if b"<gexf" in content[:2000] else "graphml"
    whose = _NOT_READ.get(ending)
    text = "" if whose else _text(content, path).lstrip()
    if whose or _DOT.match(text):
        raise InputError(
            f"this is {whose or _NOT_READ['.dot']}, which is not read",
            file=path,
            mend="write it as GraphML, GEXF, GML, node-link JSON or an edge list (CSV), or say with --format which "
            "of them it is",
        )
    if text.startswith("{"):
        return "node-link"
    if _GML.search(text[:2000]):
        return "gml"
    return "edges" if begins_with_count(text) else "edge-list"


def _read(kind: ForeignFormat, content: bytes, path: Path) -> ForeignGraph:
    if kind in ("graphml", "gexf"):
        return (read_graphml if kind == "graphml" else read_gexf)(content, path)
    readers = {
        "edge-list": read_edge_list,
        "edges": read_counted_edges,
        "gml": read_gml,
        "node-link": read_node_link,
    }
    return readers[kind](_text(content, path), path)


def _text(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text ({error.reason})", file=path, mend="save it as UTF-8") from None


def _notes(graph: ForeignGraph, names: Mapping[str, str], mixing: MixingRule) -> list[str]:
    notes = []
    changed = [
        f"{node} → {name}" for name, node in sorted((new, old) for old, new in names.items()) if node != name
    ]
    if changed:
        notes.append(f"nodes are renamed: {_some(changed)}")
    loops = dict.fromkeys(names[a] for a, b in graph.edges if a == b)
    if loops:
        notes.append(f"self-loops are left out ({_some(list(loops))}): own weights come from the mixing rule")
    counts = Counter((a, b) for a, b in graph.edges if a != b)
    repeated = [f"{names[a]} – {names[b]}" for (a, b), count in counts.items() if count > 1]
    if repeated:
        notes.append(f"edges that are repeated are kept once ({_some(repeated)})")
    lone = [f"{names[a]} → {names[b]}" for a, b in counts if (b, a) not in counts]
    if graph.directed and lone:
        notes.append(
            f"the file is directed; edges without their reverse ({_some(lone)}) are taken as undirected, "
            "for neighbours exchange in both directions"
        )
    if graph.weighted:
        notes.append(f"weights in the file are not used: the mixing rule ({mixing}) decides them")
    return notes


def _some(entries: list[str]) -> str:
    return ", ".join(entries[:4]) + (f", … ({len(entries)} in all)" if len(entries) > 4 else "")
