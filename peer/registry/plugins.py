"""Algorithms of other packages: entry points of the group ``difpeer.algorithms``."""

import re
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from peer.config import RunSpec
from peer.program import Algorithm
from topology.errors import InputError

__all__ = ["GROUP", "NAME", "Plugin", "load_plugin", "plugin_names"]

GROUP = "difpeer.algorithms"

NAME = re.compile(r"[a-z0-9-]{1,64}")
"""Names of algorithms: status messages, logs and tables have room for them."""


@dataclass(frozen=True)
class Plugin:
    """An algorithm of another package.

    Attributes
    ----------
    algorithm : Algorithm
        What the entry point names.
    source : str
        The package and its version, when it was loaded: ``own-pca 0.1.0``.
    """

    algorithm: Algorithm
    source: str


_loaded: dict[str, Plugin] = {}
"""What this process computes with: a package that is upgraded meanwhile changes nothing before a restart."""


def plugin_names() -> list[str]:
    """Return the names that installed packages bring, without loading any of them."""
    return sorted({entry.name for entry in entry_points(group=GROUP) if NAME.fullmatch(entry.name)})


def load_plugin(name: str) -> Plugin | None:
    """Return the algorithm of a name from the package that brings it; None where no package does.

    Raises
    ------
    InputError
        If two packages bring it, or its package cannot be loaded or brings something else.
    """
    if name not in _loaded:
        if not NAME.fullmatch(name):
            return None
        found = sorted(entry_points(group=GROUP, name=name), key=_source)
        if not found:
            return None
        if len(found) > 1:
            raise InputError(
                f"{' and '.join(map(_source, found))} both bring an algorithm {name!r}",
                field="algorithm",
                mend="uninstall all but one of them",
            )
        _loaded[name] = _load(found[0])
    return _loaded[name]


def _load(entry: EntryPoint) -> Plugin:
    if not _is_whole(entry):
        raise InputError(
            f"{entry.name!r} comes from {_source(entry)}, which has no METADATA with the package's name and version",
            field="algorithm",
            mend="install that package again, or remove the folder",
        )
    try:
        loaded = entry.load()
    except (Exception, SystemExit) as error:  # code of others may raise anything
        raise _fault(entry, f"cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(loaded, Algorithm):
        raise _fault(entry, f"is a {type(loaded).__name__}, not an Algorithm of peer.program")
    if not (isinstance(loaded.spec_type, type) and issubclass(loaded.spec_type, RunSpec)):
        raise _fault(entry, f"has the spec_type {loaded.spec_type!r}, not a class derived from RunSpec")
    return Plugin(loaded, _source(entry))


def _fault(entry: EntryPoint, problem: str) -> InputError:
    return InputError(
        f"{entry.name!r} of {_source(entry)} {problem}",
        field="algorithm",
        mend=f'mend that package (its entry point: {entry.name} = "{entry.value}"), or install another version',
    )


def _source(entry: EntryPoint) -> str:
    """The package and its version; of one that is not whole, where it lies."""
    dist = entry.dist
    if dist is None:
        return entry.value
    if not _is_whole(entry):
        return str(getattr(dist, "_path", dist.locate_file("")))  # no public name leads to the folder itself
    return f"{dist.name} {dist.version}"


def _is_whole(entry: EntryPoint) -> bool:
    """Whether the package has its name and version; half an installation or half a removal has not."""
    return entry.dist is None or None not in (entry.dist.name, entry.dist.version)
