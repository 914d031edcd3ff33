"""Write ``docs/reference/`` from the code; with ``--check`` only say whether it is up to date.

python tools/generate_reference.py
python tools/generate_reference.py --check
"""

import argparse
import difflib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import typer.main
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from peer.cli.main import app
from peer.config import DifAltgdminSpec

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "reference"

_NOTE = "<!-- Written by tools/generate_reference.py: change the code, then run `make reference`. -->\n\n"
_ALGORITHMS = (DifAltgdminSpec,)


def generate() -> dict[str, str]:
    """Text of each page by its name."""
    pages = {"commands.md": commands(), "specification.md": specification()}
    return {name: _NOTE + text for name, text in pages.items()}


def commands() -> str:
    """Every command with its arguments, options and example, as ``--help`` has them."""
    lines = [
        "# Commands",
        "",
        "`--help` of each command says the same. Exit status: 0 done, 1 the run failed,",
    ]
    lines += ["2 bad input or nothing was run, 75 bad input that may pass by itself, 130 interrupted.", ""]
    for words, command in _commands(["difpeer"], typer.main.get_command(app)):
        context = command.context_class(command, info_name=words[-1])
        records = [
            parameter.get_help_record(context) for parameter in command.params if parameter.name != "help"
        ]
        lines += [f"## {' '.join(words)}", "", _text(command.help), ""]
        lines += ["| argument or option | meaning |", "|---|---|"]
        lines += [f"| `{_text(name)}` | {_text(meaning)} |" for name, meaning in filter(None, records)]
        lines += ["", f"{_text(command.epilog).replace('Example: ', 'Example: `')}`", ""]
    return "\n".join(lines)


def _commands(words: list[str], command: Any) -> Iterator[tuple[list[str], Any]]:  # noqa: ANN401 - typer's own
    """All commands below one, depth first; groups only lead to them."""
    if not hasattr(command, "list_commands"):
        yield words, command
        return
    for name in command.list_commands(None):
        yield from _commands([*words, name], command.get_command(None, name))


def specification() -> str:
    """The run specification of each algorithm, field by field."""
    lines = [
        "# Run specification",
        "",
        "A YAML file. Unknown and repeated keys are errors, and every peer of a run",
    ]
    lines += ["holds the same specification.", ""]
    for model in _ALGORITHMS:
        name = model.model_fields["algorithm"].default
        lines += [f"## {name}", "", _text(model.__doc__), "", *_fields(model), ""]
    return "\n".join(lines)


def _fields(model: type[BaseModel]) -> list[str]:
    return ["| field | type | default | meaning |", "|---|---|---|---|", *_rows(model, "")]


def _rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield f"| `{prefix}{name}` | section | | {_text(field.description)} |"
            yield from _rows(section, f"{prefix}{name}.")
        else:
            default = _field_default(field)
            yield f"| `{prefix}{name}` | {_type(field)} | {default} | {_text(field.description)} |"


def _field_default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = (
        field.default
        if field.default is not PydanticUndefined
        else field.get_default(call_default_factory=True)
    )
    return "`null`" if value is None else f"`{value}`"


def _type(field: FieldInfo) -> str:
    text = _type_name(field.annotation)
    bounds = []
    for rule in field.metadata:
        for attribute, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
            bound = getattr(rule, attribute, None)
            if bound is not None and abs(bound) < 2**31 - 1:
                bounds.append(f"{sign} {bound}")
    return ", ".join([text, *bounds])


def _type_name(annotation: Any) -> str:  # noqa: ANN401 - whatever an annotation may be
    origin = get_origin(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if origin in (Union, UnionType):
        return " or ".join(_type_name(part) for part in get_args(annotation))
    if origin is not None:
        inside = ", ".join(_type_name(part) for part in get_args(annotation) if part is not Ellipsis)
        return f"{origin.__name__} of {inside}"
    return "null" if annotation is type(None) else str(getattr(annotation, "__name__", annotation))


def _text(text: str | None) -> str:
    """One line that a table's cell can hold."""
    return " ".join((text or "").split()).replace("|", "\\|")


def differences(fresh: dict[str, str], target: Path = TARGET) -> list[str]:
    """Lines of a unified diff from what lies in ``target`` to ``fresh``; empty when nothing differs."""
    lines: list[str] = []
    for name, text in fresh.items():
        path = target / name
        old, new = path.read_text(encoding="utf-8").splitlines() if path.exists() else [], text.splitlines()
        lines += difflib.unified_diff(old, new, f"committed/{name}", f"generated/{name}", lineterm="", n=1)
    return lines


def main() -> None:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if they are out of date")
    fresh = generate()
    if parser.parse_args().check:
        different = differences(fresh)
        if different:
            sys.stdout.write("\n".join(different) + "\n")
            sys.exit("docs/reference is out of date: make reference")
        return
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, text in fresh.items():
        (TARGET / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
