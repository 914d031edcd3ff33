"""YAML files read strictly, and checked against pydantic models with messages that name the mend."""

import json
import re
from collections.abc import Hashable, Mapping
from datetime import date
from pathlib import Path
from reprlib import Repr
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from topology.errors import InputError, name_hint
from topology.files import replace_file

__all__ = ["dump_yaml", "load_yaml", "validate", "yaml_text"]

Model = TypeVar("Model", bound=BaseModel)

# libyaml's parser is several times faster than the pure one; both build the same nodes.
_BaseLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# YAML 1.1, as PyYAML reads it, takes 1e-6 for text. Reader and writer share this rule, else a
# peer called "1e5" would be written without quotes and come back as a number.
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*)(?:\.[0-9_]*)?[eE][-+]?[0-9]+\Z")


_DEEPEST = 50
_MOST_DIGITS = 400
"""Of a number: nobody means more, and Python's own conversions fail or take long above some thousands."""


class _Loader(_BaseLoader):  # type: ignore[misc, valid-type]
    """Safe loader that refuses duplicate keys, deep nesting, and aliases (a few can stand for gigabytes)."""

    _depth = 0

    # Called around each node. The C parser recurses without a bound and would crash the process.
    def descend_resolver(self, current_node: yaml.Node | None, current_index: object) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InputError(f"values are nested more than {_DEEPEST} deep", mend="write a flatter file")
        super().descend_resolver(current_node, current_index)

    def ascend_resolver(self) -> None:
        self._depth -= 1
        super().ascend_resolver()

    def get_single_node(self) -> yaml.Node | None:
        node: yaml.Node | None = super().get_single_node()
        if node is not None:
            _refuse_aliases(node)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        if not isinstance(node, yaml.ScalarNode):
            return super().construct_object(node, deep)
        line = node.start_mark.line + 1
        if len(node.value) > _MOST_DIGITS and node.tag in _NUMBERS:
            raise InputError(
                f"line {line}: a number of {len(node.value)} characters", mend="write a shorter number"
            )
        try:
            return super().construct_object(node, deep)
        except (ArithmeticError, AttributeError, LookupError, ValueError) as error:
            # What a tag such as !!int promises, or the look of a date, is not there: PyYAML does not check it.
            kind = node.tag.rpartition(":")[2]
            raise InputError(
                f"line {line}: not valid YAML ({_BRIEF.repr(node.value)} is no {kind})",
                mend="mend it, or put it in quotes",
            ) from error

    def construct_scalar(self, node: yaml.Node) -> object:
        if not isinstance(node, yaml.ScalarNode):
            # PyYAML would take the value of the key "=" for it.
            line = node.start_mark.line + 1
            raise InputError(f"line {line}: not valid YAML (no single value)", mend="mend the syntax")
        return super().construct_scalar(node)

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[Hashable, Any]:
        if not isinstance(node, yaml.MappingNode):
            # A tag such as !!set says so, of something else.
            line = node.start_mark.line + 1
            raise InputError(f"line {line}: not valid YAML (a mapping is expected)", mend="mend the syntax")
        lines: dict[Hashable, int] = {}
        for key_node, _ in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise InputError(f"line {line}: a key must be text", mend="write key: value")
            key = (key_node.tag, key_node.value)
            if key in lines:
                raise InputError(
                    f"duplicate key (lines {lines[key]} and {line})",
                    field=key_node.value,
                    mend="keep one of the two",
                )
            lines[key] = line
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


class _Dumper(yaml.SafeDumper):
    """Safe dumper that quotes whatever the loader would take for a number."""


_BRIEF = Repr()
_BRIEF.maxstring = _BRIEF.maxother = _BRIEF.maxlong = 120
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def _refuse_aliases(root: yaml.Node) -> None:
    """Refuse a node that is met twice, before anything is made of it: also merging (``<<``) multiplies."""
    met, left = set(), [root]
    while left:
        node = left.pop()
        if id(node) in met:
            line = node.start_mark.line + 1
            raise InputError(f"line {line}: a value is used again by an alias", mend="write the value out")
        met.add(id(node))
        if isinstance(node, yaml.MappingNode):
            left += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            left += node.value


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789"))
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789"))


def load_yaml(path: str | Path) -> dict[str, Any]:
    """Read one YAML mapping from a file.

    Parameters
    ----------
    path : str or Path
        The file, in UTF-8.

    Returns
    -------
    dict
        Plain Python values; ``1e-6`` is a number, keys are unique.

    Raises
    ------
    InputError
        If the file is missing, is not YAML, has a duplicate key, or holds no mapping.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError("no such file", file=path, mend="check the path") from None
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text ({error.reason})", file=path, mend="save it as UTF-8") from None
    except OSError as error:
        raise InputError(
            f"cannot be read ({error.strerror})", file=path, mend="give a readable file"
        ) from None
    data = _parse(text, path)
    if not isinstance(data, dict):
        found = "is empty" if data is None else f"holds {_kind(data)}"
        raise InputError(f"{found} where a mapping is expected", file=path, mend="write lines of key: value")
    return data


def _parse(text: str, path: str | Path) -> object:
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except InputError as error:
        raise InputError(error.problem, file=path, field=error.field, mend=error.mend) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise InputError(
            f"{where}not valid YAML ({error.problem})", file=path, mend="mend the syntax"
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"not valid YAML ({reason})", file=path, mend="mend the syntax") from None


def yaml_text(data: Mapping[str, Any]) -> str:
    """Return a mapping as the text of a file that `load_yaml` gives the same values of.

    Parameters
    ----------
    data : mapping
        Plain Python values; the order of keys is kept.

    Returns
    -------
    str
        Only ASCII.
    """
    # One line for each innermost list or mapping: a peer or an edge stays on its line.
    # Only ASCII: PyYAML writes some line breaks of Unicode so that they come back as spaces.
    return yaml.dump(dict(data), Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=4096)


def dump_yaml(data: Mapping[str, Any], path: str | Path) -> None:
    """Write a mapping so that `load_yaml` gives the same values back.

    Parameters
    ----------
    data : mapping
        Plain Python values; the order of keys is kept.
    path : str or Path
        The file to write; what was there is replaced, a link and the file's mode stay.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    try:
        replace_file(Path(path), yaml_text(data).encode())
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})", file=path, mend="give a file in an existing folder"
        ) from None


def validate(model_type: type[Model], data: Mapping[str, Any], file: str | Path | None = None) -> Model:
    """Check plain values against a model, without converting types.

    Parameters
    ----------
    model_type : type
        The pydantic model.
    data : mapping
        Values as YAML or JSON give them; lists stand for tuples.
    file : str or Path, optional
        Where they came from, for the message.

    Returns
    -------
    BaseModel
        An instance of `model_type`.

    Raises
    ------
    InputError
        For the first thing that is wrong; unknown keys come first, since a misspelled key is also
        a missing one.
    """
    _refuse_foreign(data, (), file)
    try:
        # Strict in JSON mode: "4" and true are no integers, yet a list may become a tuple.
        return model_type.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as caught:
        errors = caught.errors(include_url=False)
        first = next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])
        problem, mend = _explain(model_type, first)
        cause = first.get("ctx", {}).get("error")
        inner = cause.field if isinstance(cause, InputError) else None
        raise InputError(problem, file=file, field=_path(first["loc"], inner), mend=mend) from None


def _refuse_foreign(value: object, loc: tuple[str | int, ...], file: str | Path | None) -> None:
    """Refuse what YAML can say and JSON cannot (keys that are not text, dates, sets, bytes), and deep nesting."""
    if len(loc) > _DEEPEST:
        # No path: it would be as long as what is refused.
        raise InputError(f"values are nested more than {_DEEPEST} deep", file=file, mend="write fewer levels")
    if isinstance(value, Mapping):
        for key, entry in value.items():
            if not isinstance(key, str):
                raise InputError(
                    f"the key {key} is {_kind(key)}, not text",
                    file=file,
                    field=_path(loc),
                    mend=f'put it in quotes: "{key}"',
                )
            _refuse_foreign(entry, (*loc, key), file)
    elif isinstance(value, list | tuple):
        for position, entry in enumerate(value):
            _refuse_foreign(entry, (*loc, position), file)
    elif not isinstance(value, str | int | float | None):
        raise InputError(f"found {_kind(value)}", file=file, field=_path(loc), mend="put text in quotes")


def _path(loc: tuple[str | int, ...], inner: str | None = None) -> str | None:
    """Write a location as ``peers.p0.address`` or ``edges[2]``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc if part != "[key]")
    if inner:
        text += inner if inner.startswith("[") else f".{inner}"
    return text.strip(".") or None


def _kind(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case date():
            return "a date"
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
    return f"a value of type {type(value).__name__}"


_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": 'text (in quotes, if it looks like a number: "1")',
    "bool_type": "true or false",
    "model_type": "a mapping of key: value",
    "dict_type": "a mapping of key: value",
    "list_type": "a list",
    "tuple_type": "a list",
}
_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def _explain(model_type: type[BaseModel], error: ErrorDetails) -> tuple[str, str | None]:
    """Turn one error of pydantic into (problem, mend)."""
    kind, context, found = error["type"], error.get("ctx", {}), error["input"]
    shown = f"found {_kind(found)}" if isinstance(found, Mapping | list) else f"found {_BRIEF.repr(found)}"
    if isinstance(context.get("error"), InputError):
        return context["error"].problem, context["error"].mend
    if kind == "extra_forbidden":
        *parents, key = error["loc"]
        return "unknown key", name_hint(key, _known_keys(model_type, parents))
    if kind == "missing":
        return "this key is missing", "add it"
    if kind == "literal_error":
        options = [option.strip("' ") for option in context["expected"].replace(" or ", ",").split(",")]
        return shown, name_hint(found, options)
    for bound, sign in _BOUNDS.items():
        if bound in context:
            return shown, f"give a number {sign} {context[bound]:g}"
    if kind in _WANTED:
        return shown, f"give {_WANTED[kind]}"
    return shown, error["msg"][0].lower() + error["msg"][1:]


def _known_keys(annotation: object, loc: list[str | int]) -> list[str]:
    """Names of the fields of the model that sits at `loc` below `annotation`."""
    origin, inner = get_origin(annotation), [arg for arg in get_args(annotation) if arg is not type(None)]
    if origin in (Annotated, Union, UnionType):  # of unions only `Model | None`
        return _known_keys(inner[0], loc)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not loc:
            return list(annotation.model_fields)
        return _known_keys(annotation.model_fields[str(loc[0])].annotation, loc[1:])
    return _known_keys(inner[1 if origin is dict else 0], loc[1:])
