"""What all foreign formats come to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ForeignGraph"]


@dataclass(frozen=True)
class ForeignGraph:
    """A graph as a file of another program has it; nothing is checked yet but the form of the file.

    Attributes
    ----------
    places : mapping of str to str
        Where in the file each node was met first, such as ``line 3``; in this order.
    edges : tuple of (str, str)
        As they stand there: self-loops, repeated edges and both directions of one edge may be among them.
    directed : bool
        Whether the file says that an edge holds in one direction only.
    weighted : bool
        Whether edges have weights there.
    notes : tuple of str
        What the reader left out.
    """

    places: Mapping[str, str]
    edges: tuple[tuple[str, str], ...]
    directed: bool = False
    weighted: bool = False
    notes: tuple[str, ...] = field(default=())
