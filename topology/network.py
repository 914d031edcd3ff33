"""The network of peers: who is there, who is whose neighbour, and the file that says so.

No graph library is imported here: every peer process reads its network file and has to stay small.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from topology.address import parse_address
from topology.content import network_content
from topology.entries import Edge, KeyPins, PeerEntry, PeerName, as_keys
from topology.errors import InputError, name_hint
from topology.parts import adjacent, components, distances, listed
from topology.yamlfile import dump_yaml, load_yaml, validate

__all__ = [
    "Edge",
    "MixingRule",
    "Network",
    "PeerEntry",
    "PeerName",
    "read_network",
    "write_network",
]

# Graphs of other programs, which `topology convert` reads.
_FOREIGN = (".csv", ".tsv", ".txt", ".edges", ".graphml", ".gexf", ".gml", ".xml", ".json")

MixingRule = Literal["metropolis", "lazy-metropolis", "max-degree", "uniform"]


class Network(BaseModel):
    """A connected, undirected network of at least two peers.

    Equal networks are equal objects: edges are kept in the order of their names, whatever the order
    in the file. Everything that depends on an order uses the sorted `names`.

    Parameters
    ----------
    name : str
        What people call the network, up to 64 printable characters.
    mixing : str
        The mixing rule: metropolis (default), lazy-metropolis, max-degree or uniform.
    peers : dict of str to PeerEntry
        At least two, with different addresses where they have any.
    edges : tuple of Edge
        Each pair once, connecting all peers.
    operators : dict of str to str or tuple of str
        Fingerprints of the public keys of those who may submit runs.

    Raises
    ------
    InputError
        Out of `read_network` and `validate`; pydantic's ValidationError out of the constructor.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=64, description="What people call the network.")
    mixing: MixingRule = Field("metropolis", description="How the weights of the combination are chosen.")
    peers: dict[PeerName, PeerEntry] = Field(description="The peers by name.")
    edges: tuple[Edge, ...] = Field(description="Who is whose neighbour.")
    operators: dict[PeerName, KeyPins] = Field(
        default_factory=dict, description="Who may submit runs: fingerprints of their public keys."
    )

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not name.isprintable():
            raise InputError(f"found {name!r}", mend="use printable characters only")
        return name

    @field_validator("peers")
    @classmethod
    def _check_peers(cls, peers: dict[str, PeerEntry]) -> dict[str, PeerEntry]:
        if len(peers) < 2:
            raise InputError(f"found {len(peers)} peers", mend="a network has at least two")
        owners: dict[tuple[str, int], str] = {}
        for name, entry in peers.items():
            if entry.address is None:
                continue
            owner = owners.setdefault(parse_address(entry.address), name)
            if owner != name:
                raise InputError(
                    f"{entry.address!r} is also the address of {owner!r}",
                    field=f"{name}.address",
                    mend="give each peer its own port",
                )
        return peers

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        owners: dict[str, str] = {}
        named = [(f"peers.{name}.key", name, entry.keys) for name, entry in self.peers.items()]
        named += [(f"operators.{name}", name, keys) for name, keys in self.operator_keys.items()]
        for field, name, keys in named:
            if field.startswith("operators") and name in self.peers:
                raise InputError(
                    f"{name!r} is a peer, too", field=field, mend="give the operator a name of their own"
                )
            operator = " --operator" if field.startswith("operators") else ""
            for key in keys:
                owner = owners.setdefault(key, name)
                if owner != name:
                    raise InputError(
                        f"{key} is also the key of {owner!r}",
                        field=field,
                        mend=f"each has a key of its own: take {field} out of the file, then, on {name}'s machine, "
                        f"`difpeer keys issue {name} --network FILE{operator}`",
                    )
        return self

    @model_validator(mode="after")
    def _check_edges(self) -> Self:
        seen: dict[tuple[str, str], int] = {}
        for position, edge in enumerate(self.edges):
            field = f"edges[{position}]"
            for end in (edge.first, edge.second):
                if end not in self.peers:
                    raise InputError(
                        f"no peer is called {end!r}", field=field, mend=name_hint(end, self.peers)
                    )
            before = seen.setdefault((edge.first, edge.second), position)
            if before != position:
                raise InputError(
                    f"{edge.first!r} and {edge.second!r} are joined by edges[{before}] already",
                    field=field,
                    mend="an edge holds in both directions: remove one of the two",
                )
        parts = components(self.peers, seen)
        if len(parts) > 1:
            named = " | ".join(listed(part) for part in parts[:4]) + (" | …" if len(parts) > 4 else "")
            raise InputError(
                f"the network falls into {len(parts)} parts: {named}",
                field="edges",
                mend="join them by edges",
            )
        # The class is frozen for its users; here the object is still being made.
        self.__dict__["edges"] = tuple(sorted(self.edges, key=lambda edge: (edge.first, edge.second)))
        return self

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the peers, sorted."""
        return tuple(sorted(self.peers))

    @property
    def operator_keys(self) -> dict[str, tuple[str, ...]]:
        """The operators' fingerprints."""
        return {name: as_keys(keys) for name, keys in self.operators.items()}

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.names)}

    @cached_property
    def _neighbours(self) -> dict[str, tuple[str, ...]]:
        return {name: tuple(sorted(near)) for name, near in adjacent(self.peers, self._edges).items()}

    @cached_property
    def _edges(self) -> dict[tuple[str, str], Edge]:
        return {(edge.first, edge.second): edge for edge in self.edges}

    def index(self, name: str) -> int:
        """Position of a peer among the sorted names.

        Parameters
        ----------
        name : str
            The peer.

        Returns
        -------
        int
            From 0.

        Raises
        ------
        InputError
            If there is no such peer.
        """
        if name not in self._positions:
            raise InputError(
                f"no peer of network {self.name!r} is called {name!r}", mend=name_hint(name, self.names)
            )
        return self._positions[name]

    def neighbours(self, name: str) -> tuple[str, ...]:
        """The sorted names of a peer's neighbours.

        Parameters
        ----------
        name : str
            The peer.

        Returns
        -------
        tuple of str
            At least one name.

        Raises
        ------
        InputError
            If there is no such peer.
        """
        return self._neighbours[self.names[self.index(name)]]

    def edge(self, a: str, b: str) -> Edge:
        """The edge between two neighbours.

        Parameters
        ----------
        a, b : str
            Its ends, in any order.

        Returns
        -------
        Edge
            The edge.

        Raises
        ------
        InputError
            If the two are not neighbours.
        """
        first, second = sorted((a, b))
        if (first, second) not in self._edges:
            raise InputError(
                f"{a!r} and {b!r} are no neighbours in network {self.name!r}", mend="add the edge"
            )
        return self._edges[first, second]

    def can_dial(self, a: str, b: str) -> bool:
        """Whether a peer can open connections to a neighbour: to one that has no address, or dials itself, it cannot.

        Parameters
        ----------
        a, b : str
            Two neighbours.

        Raises
        ------
        InputError
            If the two are not neighbours.
        """
        return self.edge(a, b).dial in (None, a) and self.peers[b].address is not None

    @cached_property
    def adjacency(self) -> NDArray[np.bool_]:
        """Who is whose neighbour: (L, L), symmetric, in the order of `names`, read-only."""
        matrix = np.zeros((len(self.names), len(self.names)), dtype=np.bool_)
        for edge in self.edges:
            ends = self._positions[edge.first], self._positions[edge.second]
            matrix[ends] = matrix[ends[::-1]] = True
        matrix.setflags(write=False)
        return matrix

    @cached_property
    def _distances(self) -> NDArray[np.int64]:
        return distances(self.adjacency)

    @cached_property
    def diameter(self) -> int:
        """Most hops between any two peers."""
        return int(self._distances.max())

    def next_hop(self, source: str, target: str) -> str:
        """The neighbour of `source` to which a message for `target` goes.

        It lies on a shortest path; of several the lowest name is taken, so all peers agree.

        Parameters
        ----------
        source, target : str
            Two different peers.

        Returns
        -------
        str
            A neighbour of `source`.

        Raises
        ------
        InputError
            If one of the two is unknown, or both are the same.
        """
        if source == target:
            raise InputError(f"{source!r} is source and target", mend="give two different peers")
        to_target = self._distances[self.index(target)]
        nearer = to_target[self.index(source)] - 1
        return next(name for name in self.neighbours(source) if to_target[self.index(name)] == nearer)

    def with_keys(
        self, peers: Mapping[str, tuple[str, ...]], operators: Mapping[str, tuple[str, ...]]
    ) -> Self:
        """The same network with other pins, checked like a file.

        Parameters
        ----------
        peers, operators : mapping of str to tuple of str
            New fingerprints by name; others keep theirs, and operators may be new.

        Returns
        -------
        Network
            A new network.

        Raises
        ------
        InputError
            If a peer is unknown, or two have the same key.
        """
        content = network_content(self)
        for name, keys in peers.items():
            content["peers"][self.names[self.index(name)]]["key"] = list(keys)
        if operators:
            content.setdefault("operators", {}).update({name: list(keys) for name, keys in operators.items()})
        return validate(type(self), content)

    def with_addresses(self, addresses: Mapping[str, str]) -> Self:
        """The same network with other addresses, checked like a file.

        Parameters
        ----------
        addresses : mapping of str to str
            New addresses by name; other peers keep theirs.

        Returns
        -------
        Network
            A new network.

        Raises
        ------
        InputError
            If a name is unknown or an address cannot be used.
        """
        content = network_content(self)
        for name, address in addresses.items():
            content["peers"][self.names[self.index(name)]]["address"] = address
        return validate(type(self), content)


def read_network(path: str | Path) -> Network:
    """Read and check a network file.

    Parameters
    ----------
    path : str or Path
        The YAML file.

    Returns
    -------
    Network
        The network.

    Raises
    ------
    InputError
        If the file cannot be read or describes no usable network.
    """
    try:
        return validate(Network, load_yaml(path), path)
    except InputError as error:
        if Path(path).suffix.lower() not in _FOREIGN or not Path(path).is_file():
            raise
        raise InputError(
            error.problem,
            file=path,
            field=error.field,
            mend=f"if it is a graph of another program: difpeer topology convert {path} --out network.yaml",
        ) from None


def write_network(network: Network, path: str | Path) -> None:
    """Write a network file that `read_network` reads back to an equal network.

    Parameters
    ----------
    network : Network
        The network.
    path : str or Path
        The file; what was there is replaced.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    dump_yaml(network_content(network), path)
