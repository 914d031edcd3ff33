"""The error of bad input, and hints for misspelled names."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

__all__ = ["InputError", "NotYet", "name_hint"]


class InputError(ValueError):
    """Input that cannot be used; the message names file, field and mend.

    Parameters
    ----------
    problem : str
        What is wrong, with the value that was found.
    file : str or Path, optional
        The file the input came from.
    field : str, optional
        Where in the file, such as ``agreement.rounds`` or ``edges[2]``.
    mend : str, optional
        What to do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        field: str | None = None,
        mend: str | None = None,
    ) -> None:
        where = "".join(f"{part}: " for part in (file, field) if part)
        super().__init__(f"{where}{problem}" + (f"; {mend}" if mend else ""))
        self.problem = problem
        self.file = str(file) if file is not None else None
        self.field = field
        self.mend = mend


class NotYet(InputError):
    """Input that cannot be used now, and perhaps can later without anybody's doing: a port in use, a clock not set."""


def name_hint(name: object, known: Iterable[str]) -> str:
    """Say which known name was probably meant, or list those there are.

    Parameters
    ----------
    name : object
        What was found.
    known : iterable of str
        The names that would have been right.

    Returns
    -------
    str
        A mend such as ``did you mean 'p1'?`` or ``use one of: p0, p1``.
    """
    names = sorted(known)
    close = get_close_matches(str(name), names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    if not names:
        return "remove it"
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f"use one of: {shown}"
