"""R1: which stream of an edge is the current one, and who may speak on it.

``(incarnation, attempt)`` of the dialler orders the connections of an edge. Input on any but the current one is
dropped. That keeps a half-open stream from displacing the live one, and the byte counts honest.
"""

from dataclasses import dataclass, field

from peer.protocol.effects import Close, Effect, LinkChanged, Send, StopPeer
from peer.protocol.messages import PROTOCOL_VERSION, Hello, OldIncarnation
from topology.network import Network


@dataclass(slots=True)
class Link:
    """The connections of one edge."""

    neighbour: str
    dials: bool
    """Whether this peer is the one that dials."""
    attempt: int = 0
    """Ours, where we dial."""
    seen: tuple[int, int] = (0, 0)
    """Highest incarnation of the neighbour, and its attempt on the current connection where it dials."""
    current: int | None = None
    up: bool = False
    software: str = ""
    goodbye: bool = False

    @property
    def connection(self) -> int:
        """The current connection of a link that is up."""
        assert self.current is not None
        return self.current


@dataclass(slots=True)
class Connections:
    """The current connection of every edge of one peer."""

    name: str
    incarnation: int
    software: str
    links: dict[str, Link] = field(default_factory=dict)
    _neighbour_of: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, network: Network, name: str, incarnation: int, software: str) -> "Connections":
        """All edges of a peer, every one of them down."""
        links = {n: Link(n, network.edge(name, n).dialler == name) for n in network.neighbours(name)}
        return cls(name, incarnation, software, links)

    def up(self) -> list[Link]:
        """Links on which both sides have said Hello, in the order of names."""
        return [link for link in self.links.values() if link.up]

    def neighbour(self, connection: int) -> str | None:
        """Whose *current* connection this is; None where input is to be dropped."""
        name = self._neighbour_of.get(connection)
        return name if name is not None and self.links[name].current == connection else None

    def known(self, connection: int) -> bool:
        """Whether the connection has ever said Hello or was dialled by us."""
        return connection in self._neighbour_of

    def dialled(self, neighbour: str, connection: int) -> list[Effect]:
        """Our stream is open: it is our newest, say Hello on it."""
        link = self.links[neighbour]
        effects = self._supersede(link)
        link.attempt += 1
        self._adopt(link, connection)
        effects.append(Send(connection, neighbour, self._hello(link.attempt)))
        return effects

    def hello(self, connection: int, hello: Hello) -> tuple[list[Effect], Link | None]:
        """A Hello arrived; returns the link when it came up by it."""
        link = self.links.get(hello.name)
        refused = self._refuse(connection, hello, link)
        if refused is not None or link is None:
            whose = self._neighbour_of.get(connection) or ("" if link is None else link.neighbour)
            return [Close(connection, refused or "", whose)], None
        if hello.incarnation < link.seen[0]:
            old = OldIncarnation(link.seen[0])
            text = (
                f"{hello.name} shows incarnation {hello.incarnation}, {link.seen[0]} was seen before: its state "
                "folder was lost, restored from an old copy, or is served twice"
            )
            return [Send(connection, hello.name, old), Close(connection, text, hello.name)], None
        effects: list[Effect] = []
        if link.dials:
            link.seen = (hello.incarnation, link.attempt)
        else:
            if (hello.incarnation, hello.attempt) <= link.seen:
                return [Close(connection, f"a newer connection of {hello.name} exists")], None
            effects += self._supersede(link)
            link.seen = (hello.incarnation, hello.attempt)
            self._adopt(link, connection)
            effects.append(Send(connection, hello.name, self._hello(hello.attempt)))
        link.up = True
        link.goodbye = False
        link.software = hello.software
        effects.append(LinkChanged(link.neighbour, connection, up=True))
        return effects, link

    def old_incarnation(self, neighbour: str, seen: int) -> list[Effect]:
        """The neighbour has seen a later incarnation of this peer than this process."""
        if seen <= self.incarnation:
            return []
        return [
            StopPeer(
                f"{neighbour} has seen incarnation {seen} of {self.name}, this process is {self.incarnation}: the "
                "state folder was lost, restored from an old copy, or is served twice; stop the other process, or "
                "restore the newest state folder"
            )
        ]

    def lost(self, connection: int) -> list[Effect]:
        """A stream ended."""
        name = self._neighbour_of.pop(connection, None)
        if name is None or self.links[name].current != connection:
            return []
        link = self.links[name]
        was_up, link.up, link.current = link.up, False, None
        return [LinkChanged(name, connection, up=False, goodbye=link.goodbye)] if was_up else []

    def _hello(self, attempt: int) -> Hello:
        return Hello(PROTOCOL_VERSION, self.name, self.incarnation, attempt, self.software)

    def _adopt(self, link: Link, connection: int) -> None:
        link.current = connection
        self._neighbour_of[connection] = link.neighbour

    def _supersede(self, link: Link) -> list[Effect]:
        if link.current is None:
            return []
        effects: list[Effect] = [Close(link.current, "a newer connection of this edge exists")]
        if link.up:
            effects.append(LinkChanged(link.neighbour, link.current, up=False))
        link.up, link.current = False, None
        return effects

    def _refuse(self, connection: int, hello: Hello, link: Link | None) -> str | None:
        """Why a Hello cannot be taken, for our own log."""
        if hello.name == self.name:
            return f"a second process was started as {self.name}; it is refused while this one serves"
        if link is None:
            return f"{hello.name!r} is not a neighbour of {self.name} in the network file"
        if hello.version != PROTOCOL_VERSION:
            return (
                f"{hello.name} speaks protocol version {hello.version} ({hello.software}), this peer speaks "
                f"{PROTOCOL_VERSION}; install the same difpeer version at both"
            )
        dialled = self._neighbour_of.get(connection)
        if dialled is not None and dialled != hello.name:
            return f"the address of {dialled} is answered by {hello.name}; mend the network file"
        if link.up and link.current == connection:
            return f"{hello.name} said Hello twice on one connection"
        if link.dials and link.current != connection:
            return f"{hello.name} dialled, but this edge is dialled by {self.name}; give both the same network file"
        return None
