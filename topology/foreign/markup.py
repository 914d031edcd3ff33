"""XML of unknown origin, read element by element."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers import expat

from topology.errors import InputError

__all__ = ["walk_xml"]


def walk_xml(
    content: bytes, file: str | Path, kind: str, element: Callable[[str, dict[str, str], int], None]
) -> None:
    """Go through the elements of a file that holds one graph.

    Document types are refused: entities defined in them can stand for gigabytes or other files.

    Parameters
    ----------
    content : bytes
        Of the file.
    file : str or Path
        For messages.
    kind : str
        What the file should be, such as ``GraphML``; for messages.
    element : callable
        Called with the name of each element, without its prefix, its attributes, and its line.

    Raises
    ------
    InputError
        If the file is no XML, has a document type, or holds more than one graph.
    """

    def refuse(*_: Any) -> NoReturn:  # noqa: ANN401
        raise InputError(
            "the file has a document type, which can hold harm",
            file=file,
            field=f"line {parser.CurrentLineNumber}",
            mend=f"remove the line <!DOCTYPE …>; {kind} needs none",
        )

    graphs = 0

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal graphs
        name = name.rpartition(":")[2]
        graphs += name == "graph"
        if graphs > 1:
            raise InputError(
                "the file holds more than one graph, or a graph in a node",
                file=file,
                field=f"line {parser.CurrentLineNumber}",
                mend="write the one that is meant into a file of its own",
            )
        element(name, attributes, parser.CurrentLineNumber)

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = begin
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise InputError(
            f"no XML ({expat.ErrorString(error.code)})",
            file=file,
            field=f"line {error.lineno}",
            mend=f"give a {kind} file, or say what it is with --format",
        ) from None
    except InputError:
        raise
    except (LookupError, ValueError) as error:  # of encodings that Python does not know, or not so
        raise InputError(f"no XML ({error})", file=file, mend="save it as UTF-8") from None
