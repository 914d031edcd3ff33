"""Reading run specifications: the algorithm that one names decides which fields it may have."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peer.config import MOST, RunSpec
from peer.registry.algorithms import algorithm
from peer.registry.plugins import NAME
from topology.errors import InputError
from topology.yamlfile import load_yaml, validate

__all__ = ["SpecHead", "parse_spec", "read_spec", "spec_from_canonical", "spec_head"]


def parse_spec(data: dict[str, Any], file: str | Path | None = None) -> RunSpec:
    """Check a run specification.

    Parameters
    ----------
    data : dict
        The parsed YAML or JSON.
    file : str or Path, optional
        Where it came from, for messages.

    Returns
    -------
    RunSpec
        Of the algorithm's own type.

    Raises
    ------
    InputError
        With the field and the mend.
    """
    try:
        model = algorithm(data.get("algorithm")).spec_type
    except InputError as error:
        problem = error.problem if "algorithm" in data else "it is missing"
        raise InputError(problem, file=file, field=error.field, mend=error.mend) from error
    return validate(model, data, file)


def read_spec(path: str | Path) -> RunSpec:
    """Read a run specification from a YAML file; raises InputError with file, field and mend."""
    return parse_spec(load_yaml(path), path)


def spec_from_canonical(data: bytes) -> RunSpec:
    """Read the bytes of ``canonical_spec``; raises InputError where they are not a valid specification."""
    return parse_spec(_fields(data))


@dataclass(frozen=True)
class SpecHead:
    """What can be told of a specification without its algorithm.

    Attributes
    ----------
    algorithm : str
        Its name; empty where it has none that could be one.
    iterations : int
        Of the main loop; 0 where the specification has no such number.
    """

    algorithm: str = ""
    iterations: int = 0


def spec_head(data: bytes) -> SpecHead:
    """Read the head of a canonical specification, whether or not it is valid; nothing is loaded for it."""
    try:
        fields = _fields(data)
    except InputError:
        return SpecHead()
    name, iterations = fields.get("algorithm"), fields.get("iterations")
    return SpecHead(
        name if isinstance(name, str) and NAME.fullmatch(name) else "",
        iterations if type(iterations) is int and 0 <= iterations <= MOST else 0,
    )


def _fields(data: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:  # nested deeper than Python's stack is no ValueError
        raise InputError(
            f"the specification is not JSON: {error}", mend="submit it with difpeer run"
        ) from error
    if not isinstance(fields, dict):
        raise InputError("the specification is not a JSON object", mend="submit it with difpeer run")
    return fields
