"""What is drawn, without a drawing library: the page and the files for papers are drawn from the same charts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Areas", "Bars", "Chart", "Line", "Lines", "Mark", "Matrix", "Panel", "Picture", "Timeline"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes
    ----------
    name : str
        For the legend.
    y : ndarray
        Shape (k,), float64; NaN makes a gap.
    colour : str
        A name of `peer.report.colours.COLOURS`.
    x : ndarray, optional
        Shape (k,), float64: where its values are, if not where those of the chart are.
    """

    name: str
    y: Floats
    colour: str
    x: Floats | None = None


@dataclass(frozen=True)
class Lines:
    """Lines over one axis; steps where each value holds for a bucket of rounds."""

    x: Floats
    lines: tuple[Line, ...]
    x_title: str
    y_title: str
    log_y: bool = False
    steps: bool = False


@dataclass(frozen=True)
class Areas:
    """Lines on top of each other: their sum is a whole.

    ``top`` cuts the axis where few values tower over all others.
    """

    x: Floats
    lines: tuple[Line, ...]
    x_title: str
    y_title: str
    top: float | None = None


@dataclass(frozen=True)
class Bars:
    """One horizontal bar for each name, made of the lines' values, of shape (names,)."""

    names: tuple[str, ...]
    lines: tuple[Line, ...]
    x_title: str
    unit: str = "ms"


@dataclass(frozen=True)
class Mark:
    """A moment of one name that is worth a mark, and what a hand on it says."""

    name: str
    x: float
    note: str


@dataclass(frozen=True)
class Timeline:
    """What each name did when: parts that follow each other, and marks.

    Attributes
    ----------
    names : tuple of str
        One bar each.
    parts, colours : tuple of str
        What the bars are made of.
    moments : ndarray
        Shape (names, parts + 1), float64: when each part begins, and when the last one ends; NaN where a name has
        no bar.
    marks : tuple of Mark
        On the bars.
    marked : str
        What the marks are.
    x_title : str
        With its unit.
    """

    names: tuple[str, ...]
    parts: tuple[str, ...]
    colours: tuple[str, ...]
    moments: Floats
    marks: tuple[Mark, ...]
    marked: str
    x_title: str


@dataclass(frozen=True)
class Matrix:
    """A number from each name (row) to each other (column), NaN where there is none; ``values`` is of shape (n, n)."""

    names: tuple[str, ...]
    values: Floats
    unit: str


@dataclass(frozen=True)
class Picture:
    """A network.

    Attributes
    ----------
    places : mapping of str to (float, float)
        Where each peer is, in a square of side 2 around 0.
    peer_notes : mapping of str to str
        A line on each peer.
    edges : mapping of (str, str) to float
        Thickness of each edge from 0 to 1.
    edge_notes : mapping of (str, str) to str
        A line on each edge.
    """

    places: Mapping[str, tuple[float, float]]
    peer_notes: Mapping[str, str]
    edges: Mapping[tuple[str, str], float]
    edge_notes: Mapping[tuple[str, str], str]


Chart = Lines | Areas | Bars | Matrix | Picture | Timeline


@dataclass(frozen=True)
class Panel:
    """One figure with its words.

    Attributes
    ----------
    key : str
        Begins the names of its files and of its places in the page.
    title : str
        A few words.
    note : str
        What is seen, in a sentence or two.
    views : mapping of str to Chart
        Ways to look at the same thing, by what the switch between them says; at least one.
    """

    key: str
    title: str
    note: str
    views: Mapping[str, Chart]
