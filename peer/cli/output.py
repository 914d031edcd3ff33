"""Where text goes: documents to stdout, progress and errors to stderr."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console

console = Console()
err = Console(stderr=True)


def emit(document: Mapping[str, Any], as_json: bool, text: Callable[[], None]) -> None:
    """Print a command's result: one JSON document and nothing else, or text for people.

    Parameters
    ----------
    document : mapping
        The whole result.
    as_json : bool
        Whether the user asked for ``--json``.
    text : callable
        Prints the result for people.
    """
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        sys.stdout.flush()
    else:
        text()


def say(text: str, where: Console = err) -> None:
    """Print a line for people as it is: its text may hold square brackets, and is not broken."""
    where.print(text, markup=False, highlight=False, soft_wrap=True)


def fail(message: str) -> None:
    """Print an error for people."""
    say(f"error: {message}")


def human_bytes(count: float) -> str:
    """A count of bytes in decimal units, ``38.6 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
