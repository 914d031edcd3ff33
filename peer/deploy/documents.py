"""Plain values as YAML for other programs to read."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

__all__ = ["uninterpolated", "yaml_documents"]

# Readers differ in what they take for something else: kubectl takes n, 1e3 and 0o17 for no text, PyYAML does.
_PLAIN = re.compile(r"(?:[A-Za-z]|\.?/).*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines, such as certificates, as such; and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401
        del data
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def yaml_documents(documents: Iterable[Mapping[str, Any]]) -> str:
    """Return documents as the text of one YAML file.

    Parameters
    ----------
    documents : iterable of mapping
        Plain values; the order of keys is kept.

    Returns
    -------
    str
        Documents separated by ``---``.
    """
    text: str = yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, explicit_start=True, width=100, allow_unicode=True
    )
    return text


def uninterpolated(value: Any) -> Any:  # noqa: ANN401
    """Write values so that Compose and Swarm, which put variables into them, leave them as they are.

    Parameters
    ----------
    value : any
        Plain values.

    Returns
    -------
    any
        The same with each ``$`` of a text doubled; keys are as they were.
    """
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {key: uninterpolated(one) for key, one in value.items()}
    if isinstance(value, list):
        return [uninterpolated(one) for one in value]
    return value
