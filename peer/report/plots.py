"""Charts as plotly figures, in plain JSON values.

Colours are ``@`` and a name of `peer.report.colours`: the page puts the reader's light or dark ones in.
"""

import math
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peer.report.charts import Areas, Bars, Chart, Line, Lines, Matrix, Picture, Timeline
from peer.report.ticks import log_ticks
from peer.report.wording import number

__all__ = ["plot"]

Json = dict[str, Any]

HEIGHT_PX = 340
ROW_PX = 26
MOST_TEXTS = 12
"""Peers up to which the numbers of a matrix have room in its cells, also on a phone."""

THICKNESSES = 6


def plot(chart: Chart) -> Json:
    """Make plotly's ``data`` and ``layout`` of a chart.

    Parameters
    ----------
    chart : Chart
        Any of `peer.report.charts`.

    Returns
    -------
    dict
        Plain JSON values; names and notes are escaped, since plotly takes texts for HTML.
    """
    match chart:
        case Lines():
            return _lines(chart)
        case Areas():
            return _areas(chart)
        case Bars():
            return _bars(chart)
        case Matrix():
            return _matrix(chart)
        case Picture():
            return _picture(chart)
        case Timeline():
            return _timeline(chart)


def _lines(chart: Lines) -> Json:
    form = f"%{{y:.4~g}} {escape(chart.y_title)}" if chart.steps else "%{y:.2e}"
    data = [
        {
            **_line(line, chart.x),
            "line": {"color": f"@{line.colour}", "width": 2, "shape": "hvh" if chart.steps else "linear"},
            "hovertemplate": f"{form}<extra>{escape(line.name)}</extra>",
        }
        for line in chart.lines
    ]
    y: Json = {"rangemode": "tozero"}
    if chart.log_y:
        values, texts = log_ticks(line.y for line in chart.lines)
        y = {"type": "log", "tickvals": values, "ticktext": texts}
    return {"data": data, "layout": _layout(chart.x_title, chart.y_title, y=y, legend=len(data) > 1)}


def _line(line: Line, x: NDArray[np.float64]) -> Json:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": escape(line.name),
        "x": _numbers(x if line.x is None else line.x),
        "y": _numbers(line.y),
    }


def _areas(chart: Areas) -> Json:
    data = [
        {
            **_line(line, chart.x),
            "stackgroup": "whole",
            "line": {"color": f"@{line.colour}", "width": 0, "shape": "hvh"},
            "fillcolor": f"@{line.colour}",
            "hovertemplate": f"%{{y:.3~g}} ms<extra>{escape(line.name)}</extra>",
        }
        for line in chart.lines
    ]
    y = {"range": [0, chart.top]} if chart.top is not None else {"rangemode": "tozero"}
    return {"data": data, "layout": _layout(chart.x_title, chart.y_title, y=y)}


def _bars(chart: Bars) -> Json:
    names = [escape(name) for name in chart.names]
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": escape(line.name),
            "x": _numbers(line.y),
            "y": names,
            "marker": {"color": f"@{line.colour}", "line": {"width": 0}},
            "hovertemplate": f"%{{x:.3~g}} {escape(chart.unit)}<extra>{escape(line.name)}</extra>",
        }
        for line in chart.lines
    ]
    return {"data": data, "layout": _rows(chart.x_title, len(names)) | {"hovermode": "y unified"}}


def _timeline(chart: Timeline) -> Json:
    names = [escape(name) for name in chart.names]
    lengths = np.diff(chart.moments, axis=1)
    data: list[Json] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": escape(part),
            "base": _numbers(chart.moments[:, i]),
            "x": _numbers(lengths[:, i]),
            "y": names,
            "marker": {"color": f"@{colour}", "line": {"width": 0}},
            "hovertext": [
                escape(f"{part}: {number(length)} ms") if math.isfinite(length) else ""
                for length in lengths[:, i].tolist()
            ],
            "hovertemplate": "%{hovertext}<extra>%{y}</extra>",
        }
        for i, (part, colour) in enumerate(zip(chart.parts, chart.colours, strict=True))
    ]
    data.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": escape(chart.marked),
            "x": _numbers(np.array([mark.x for mark in chart.marks])),
            "y": [escape(mark.name) for mark in chart.marks],
            "marker": {
                "color": "@ink",
                "size": 8,
                "symbol": "diamond",
                "line": {"color": "@ground", "width": 1},
            },
            "hovertext": [escape(mark.note) for mark in chart.marks],
            "hovertemplate": "%{hovertext}<extra>%{y}</extra>",
            "cliponaxis": False,
        }
    )
    layout = _rows(chart.x_title, len(names)) | {"hovermode": "closest"}
    layout["barmode"] = "overlay"
    return {"data": data, "layout": layout}


def _rows(x_title: str, rows: int) -> Json:
    """The layout of horizontal bars, the first on top."""
    layout = _layout(x_title, "", y={"type": "category", "autorange": "reversed", "showgrid": False})
    layout |= {"barmode": "stack", "bargap": 0.3, "height": max(HEIGHT_PX, 120 + ROW_PX * rows)}
    layout["legend"]["traceorder"] = "normal"
    return layout


def _matrix(chart: Matrix) -> Json:
    names = [escape(name) for name in chart.names]
    few = len(names) <= MOST_TEXTS
    trace = {
        "type": "heatmap",
        "x": names,
        "y": names,
        "z": [_numbers(row) for row in chart.values],
        "zmin": 0,
        "zmax": float(np.nanmax(chart.values, initial=0)) or 1,
        "xgap": 1,
        "ygap": 1,
        "hoverongaps": False,
        "colorscale": [[0, "@low"], [1, "@blue"]],
        "showscale": not few,
        "colorbar": {"title": {"text": chart.unit}, "thickness": 10, "outlinewidth": 0},
        "hovertemplate": f"%{{y}} to %{{x}}: %{{z:.4~g}} {chart.unit}<extra></extra>",
    }
    if few:
        trace["text"] = [
            [number(value) if value == value else "" for value in row] for row in chart.values.tolist()
        ]
        trace["texttemplate"] = "%{text}"
    category: Json = {"type": "category", "showgrid": False, "tickmode": "array", "tickvals": names}
    layout = _layout("", "", y={**category, "autorange": "reversed"}, legend=False)
    layout["xaxis"] |= category
    layout |= {"height": max(HEIGHT_PX, min(140 + ROW_PX * len(names), 760)), "hovermode": "closest"}
    return {"data": [trace], "layout": layout}


def _picture(chart: Picture) -> Json:
    names = list(chart.places)
    short = max(map(len, names)) <= 3
    places = np.array([chart.places[name] for name in names])
    middles = [
        (np.array(chart.places[first]) + np.array(chart.places[second])) / 2 for first, second in chart.edges
    ]
    peers = {
        "type": "scatter",
        "mode": "markers+text",
        "x": _numbers(places[:, 0]),
        "y": _numbers(places[:, 1]),
        "text": [escape(name) for name in names],
        "textposition": "middle center" if short else "top center",
        "textfont": {"color": "@ground" if short else "@ink", "size": 12},
        "marker": {"color": "@blue", "size": 32 if short else 16, "line": {"color": "@ground", "width": 2}},
        "hovertext": [escape(chart.peer_notes[name]) for name in names],
        "hoverinfo": "text",
        "cliponaxis": False,
    }
    # Lines cannot be hovered over between their ends: each edge has an invisible point in its middle.
    points = {
        "type": "scatter",
        "mode": "markers",
        "x": [float(place[0]) for place in middles],
        "y": [float(place[1]) for place in middles],
        "marker": {"color": "@edge", "size": 12, "opacity": 0},
        "hovertext": [escape(note) for note in chart.edge_notes.values()],
        "hoverinfo": "text",
    }
    hidden: Json = {"visible": False, "fixedrange": True}
    layout = _layout("", "", y=hidden, legend=False)
    layout["xaxis"] |= hidden
    layout["yaxis"] |= {"scaleanchor": "x", "scaleratio": 1}
    layout |= {"height": 420, "hovermode": "closest", "margin": {"l": 24, "r": 24, "t": 24, "b": 24}}
    return {"data": [*_edges(chart), points, peers], "layout": layout}


def _edges(chart: Picture) -> list[Json]:
    """A trace for each class of thickness: thousands of traces would be slow."""
    classes: dict[int, tuple[list[float | None], list[float | None]]] = {}
    for (first, second), thickness in chart.edges.items():
        x, y = classes.setdefault(max(1, math.ceil(thickness * THICKNESSES)), ([], []))
        (x0, y0), (x1, y1) = chart.places[first], chart.places[second]
        x += [x0, x1, None]
        y += [y0, y1, None]
    widest = 4 if len(chart.edges) < 40 else 2
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": x,
            "y": y,
            "line": {"color": "@edge", "width": widest * thickness / THICKNESSES},
            "hoverinfo": "skip",
        }
        for thickness, (x, y) in sorted(classes.items())
    ]


def _layout(x_title: str, y_title: str, *, y: Json | None = None, legend: bool = True) -> Json:
    axis: Json = {
        "gridcolor": "@grid",
        "linecolor": "@grid",
        "zeroline": False,
        "tickfont": {"color": "@soft"},
        "title": {"font": {"color": "@soft", "size": 12}, "standoff": 8},
        "automargin": True,
    }
    return {
        "height": HEIGHT_PX,
        "margin": {"l": 8, "r": 12, "t": 40 if legend else 12, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "@ink", "size": 12.5, "family": "system-ui, sans-serif"},
        "hoverlabel": {"bgcolor": "@ground", "bordercolor": "@grid", "font": {"color": "@ink"}},
        "showlegend": legend,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "itemsizing": "constant"},
        "hovermode": "x unified",
        "xaxis": {
            **axis,
            "title": {**axis["title"], "text": escape(x_title)},
            "showgrid": False,
            "showline": True,
            "hoverformat": ".6~g",
            "unifiedhovertitle": {"text": f"{escape(x_title)}: %{{x}}"},
        },
        "yaxis": {**axis, "title": {**axis["title"], "text": escape(y_title)}, **(y or {})},
    }


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    """Six digits are more than a screen can show, and a third of the bytes."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values.tolist()]
