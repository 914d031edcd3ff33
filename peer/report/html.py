"""Parts of the page as HTML; every text goes through `escape`."""

import json
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

__all__ = ["card", "data_script", "figure_card", "items", "paragraphs", "table", "tiles"]


# A number stays on one line with its unit, its power of ten, or what it counts by "of 100".
_HELD = re.compile(r"(?<=\d) (?=(?:%|[kMGT]?B|ms|µs|s|min|h|of 100)\b|%|×)|(?<=×) (?=\d)")


def paragraphs(texts: Iterable[str]) -> str:
    """Texts, each in a paragraph."""
    return "\n".join(f"<p>{escape(_HELD.sub(chr(0xA0), text))}</p>" for text in texts)


def items(texts: Iterable[str]) -> str:
    """Texts as a list."""
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"


def tiles(pairs: Iterable[tuple[str, str]]) -> str:
    """Names with their values, side by side where there is room."""
    body = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs)
    return f'<dl class="tiles">{body}</dl>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False) -> str:
    """A table; the first entry of a row is its name, numbers are at the right."""
    kind = ' class="n"' if numbers else ""
    top = "".join(f'<th scope="col"{kind if i else ""}>{escape(text)}</th>' for i, text in enumerate(head))
    lines = [f"<tr>{top}</tr>"] if head else []
    for first, *others in rows:
        cells = "".join(f"<td{kind}>{escape(text)}</td>" for text in others)
        lines.append(f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>')
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def card(title: str, body: str, kind: str = "") -> str:
    """A part of the page with a title; ``body`` is HTML."""
    return f'<section class="{f"card {kind}".strip()}"><h2>{escape(title)}</h2>{body}</section>'


def figure_card(title: str, note: str, views: Sequence[tuple[str, str]], below: str = "") -> str:
    """A place for a figure.

    Parameters
    ----------
    title, note : str
        Its words.
    views : sequence of (str, str)
        What the switch says, and the figure's key in `data_script`; the first is drawn, a single one needs no switch.
    below : str, optional
        HTML under the figure.

    Returns
    -------
    str
        HTML.
    """
    switch = ""
    if len(views) > 1:
        buttons = "".join(
            f'<button type="button" data-figure="{escape(key)}" aria-pressed="{"true" if i == 0 else "false"}">'
            f"{escape(label)}</button>"
            for i, (label, key) in enumerate(views)
        )
        switch = f'<div class="switch" role="group" aria-label="{escape(title)}">{buttons}</div>'
    return (
        f'<section class="card"><div class="head"><h2>{escape(title)}</h2>{switch}</div><p>{escape(note)}</p>'
        f'<div class="figure" role="img" aria-label="{escape(f"{title}. {note}")}" data-figure="{escape(views[0][1])}">'
        f"</div>{below}</section>"
    )


def data_script(name: str, document: Any) -> str:  # noqa: ANN401
    """JSON inside the page; no text in it can end the script or begin a comment."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return f'<script type="application/json" id="{escape(name)}">{text}</script>'
