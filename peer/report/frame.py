"""What every page has around its body: styles, scripts, figures; everything is inside, and nothing is fetched."""

import secrets
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from peer.report.charts import Panel
from peer.report.colours import COLOURS, DARK
from peer.report.html import data_script, figure_card
from peer.report.plots import plot
from peer.state.durable import disk_errors

__all__ = ["NO_SCRIPT", "framed", "panel_card", "write_html"]

NO_SCRIPT = (
    "<noscript><p>The figures need JavaScript; all numbers are in the text and the tables.</p></noscript>"
)

# Nothing outside the page may be asked for, whatever a script tries.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


def framed(title: str, body: str, made: Sequence[Panel]) -> str:
    """Make a page.

    Parameters
    ----------
    title : str
        For the window.
    body : str
        HTML, with a place for each view of the panels (`panel_card`).
    made : sequence of Panel
        What is drawn.

    Returns
    -------
    str
        HTML with plotly's script, about 5 MB.

    Raises
    ------
    ImportError
        If plotly is not installed.
    """
    from plotly.offline import get_plotlyjs  # an extra: only the page needs it

    figures = {
        f"{panel.key}-{i}": plot(chart) for panel in made for i, chart in enumerate(panel.views.values())
    }
    parts = files("peer.report") / "page"
    data = {"figures": figures, "colours": {"light": dict(COLOURS), "dark": dict(DARK)}}
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(title)} – difpeer report</title>
<style>
{(parts / "style.css").read_text(encoding="utf-8")}</style>
</head>
<body>
<main>
{body}
</main>
{data_script("figures", data)}
<script>{get_plotlyjs()}</script>
<script>
{(parts / "draw.js").read_text(encoding="utf-8")}</script>
</body>
</html>
"""


def panel_card(panel: Panel, below: str = "") -> str:
    """A place for a panel; ``below`` is HTML under its figure."""
    views = [(label, f"{panel.key}-{i}") for i, label in enumerate(panel.views)]
    return figure_card(panel.title, panel.note, views, below)


def write_html(text: str, path: Path) -> None:
    """Write a page, in the place of an older one.

    Parameters
    ----------
    text : str
        The page.
    path : Path
        The file to write; it is there whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with disk_errors("cannot be written", path, "give a file in an existing folder", field="--out"):
            partial.write_text(text, encoding="utf-8")
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
