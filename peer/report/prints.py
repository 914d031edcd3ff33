"""Charts as files for papers: SVG and PNG, drawn by matplotlib without a screen."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from peer.report.charts import Areas, Bars, Chart, Lines, Matrix, Panel, Picture, Timeline
from peer.report.colours import COLOURS
from peer.report.ticks import log_ticks
from peer.state.durable import disk_errors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["print_panels"]

WIDTH_IN = 4.6
HEIGHT_IN = 3.0
PNG_DPI = 200

# Text stays text in the SVG; its ids and no date make the same run the same file.
_STYLE: Any = {
    "font.size": 8.5,
    "text.parse_math": False,  # names of metrics and peers are no formulas
    "font.family": "sans-serif",
    "svg.fonttype": "none",
    "svg.hashsalt": "difpeer",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": COLOURS["soft"],
    "axes.labelcolor": COLOURS["ink"],
    "xtick.color": COLOURS["soft"],
    "ytick.color": COLOURS["soft"],
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": COLOURS["grid"],
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.4,
}


def print_panels(panels: Sequence[Panel], folder: Path) -> list[Path]:
    """Write every view of every panel as ``KEY-VIEW.svg`` and ``KEY-VIEW.png``, in the place of older ones.

    Parameters
    ----------
    panels : sequence of Panel
        Of `peer.report.panels.panels`.
    folder : Path
        Where to; made where it is missing.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    InputError
        If a file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    written = []
    with disk_errors("cannot be written", folder, "give a folder where you may write", field="--figures"):
        folder.mkdir(parents=True, exist_ok=True)
        for panel in panels:
            for view, chart in panel.views.items():
                stem = panel.key if view == panel.key else f"{panel.key}-{view.replace(' ', '-')}"
                with rc_context(_STYLE):
                    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
                    FigureCanvasAgg(figure)
                    _draw(chart, figure)
                    for kind, options in (("svg", {"metadata": {"Date": None}}), ("png", {"dpi": PNG_DPI})):
                        path = folder / f"{stem}.{kind}"
                        figure.savefig(path, **options)
                        written.append(path)
    return written


def _draw(chart: Chart, figure: "Figure") -> None:
    axes = figure.add_subplot()
    match chart:
        case Lines():
            _lines(chart, axes)
        case Areas():
            _areas(chart, axes)
        case Bars():
            _bars(chart, axes, figure)
        case Matrix():
            _matrix(chart, axes, figure)
        case Picture():
            _picture(chart, axes, figure)
        case Timeline():
            _timeline(chart, axes, figure)


def _lines(chart: Lines, axes: "Axes") -> None:
    for line in chart.lines:
        style = {"drawstyle": "steps-mid"} if chart.steps else {}
        x = chart.x if line.x is None else line.x
        axes.plot(x, line.y, label=line.name, color=COLOURS[line.colour], **style)  # type: ignore[arg-type]
    if chart.log_y:
        axes.set_yscale("log")
        shown = axes.get_ylim()
        axes.set_yticks(*log_ticks(line.y for line in chart.lines), minor=False)
        axes.set_yticks([], minor=True)
        axes.set_ylim(shown)  # ticks beyond what is drawn would stretch the axis
    else:
        axes.set_ylim(bottom=0)
    axes.set(xlabel=chart.x_title, ylabel=chart.y_title)
    _legend(axes, len(chart.lines))


def _areas(chart: Areas, axes: "Axes") -> None:
    axes.stackplot(
        chart.x,
        *(line.y for line in chart.lines),
        labels=[line.name for line in chart.lines],
        colors=[COLOURS[line.colour] for line in chart.lines],
        linewidth=0,
        step="mid",
    )
    axes.set(xlabel=chart.x_title, ylabel=chart.y_title)
    axes.set_ylim(0, chart.top)
    axes.margins(x=0)
    _legend(axes, len(chart.lines))


def _bars(chart: Bars, axes: "Axes", figure: "Figure") -> None:
    left = np.zeros(len(chart.names))
    for line in chart.lines:
        axes.barh(chart.names, line.y, left=left, label=line.name, color=COLOURS[line.colour], height=0.7)
        left = left + line.y
    _rows(chart.names, chart.x_title, axes, figure)
    _legend(axes, len(chart.lines))


def _timeline(chart: Timeline, axes: "Axes", figure: "Figure") -> None:
    lengths = np.diff(chart.moments, axis=1)
    for i, (part, colour) in enumerate(zip(chart.parts, chart.colours, strict=True)):
        axes.barh(
            chart.names,
            lengths[:, i],
            left=chart.moments[:, i],
            label=part,
            color=COLOURS[colour],
            height=0.7,
        )
    x, names = [mark.x for mark in chart.marks], [mark.name for mark in chart.marks]
    axes.scatter(
        x, names, s=14, marker="D", color=COLOURS["ink"], edgecolors="white", linewidths=0.5, zorder=3
    )
    _rows(chart.names, chart.x_title, axes, figure)
    _legend(axes, len(chart.parts))


def _rows(names: Sequence[str], x_title: str, axes: "Axes", figure: "Figure") -> None:
    figure.set_figheight(max(HEIGHT_IN, 0.8 + 0.2 * len(names)))
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.set_xlabel(x_title)


def _matrix(chart: Matrix, axes: "Axes", figure: "Figure") -> None:
    from matplotlib.colors import LinearSegmentedColormap

    figure.set_size_inches(WIDTH_IN, WIDTH_IN * 0.85)
    shades = LinearSegmentedColormap.from_list("bytes", [COLOURS["low"], COLOURS["blue"]])
    drawn = axes.imshow(chart.values, vmin=0, cmap=shades)
    places = range(len(chart.names))
    axes.set_xticks(places, chart.names, rotation=90)
    axes.set_yticks(places, chart.names)
    axes.grid(visible=False)
    axes.set(xlabel="to", ylabel="from")
    figure.colorbar(drawn, label=chart.unit, shrink=0.8)


def _picture(chart: Picture, axes: "Axes", figure: "Figure") -> None:
    figure.set_size_inches(WIDTH_IN, WIDTH_IN * 0.85)
    for (first, second), thickness in chart.edges.items():
        ends = np.array([chart.places[first], chart.places[second]])
        axes.plot(*ends.T, color=COLOURS["edge"], linewidth=0.3 + 2 * thickness, zorder=1)
    places = np.array(list(chart.places.values()))
    axes.scatter(places[:, 0], places[:, 1], s=90, color=COLOURS["blue"], edgecolors="white", zorder=2)
    for name, place in chart.places.items():
        axes.annotate(
            name, place, xytext=(0, 7), textcoords="offset points", ha="center", color=COLOURS["ink"]
        )
    axes.set_axis_off()
    axes.set_aspect("equal")


def _legend(axes: "Axes", lines: int) -> None:
    if lines > 1:
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=min(lines, 5), handlelength=1.2, columnspacing=1.2
        )
