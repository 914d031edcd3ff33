"""Algorithms by name."""

from peer.algorithms.shipped import SHIPPED
from peer.program import Algorithm
from peer.registry.plugins import load_plugin, plugin_names
from topology.errors import InputError, name_hint

__all__ = ["algorithm", "source_of"]


def algorithm(name: object) -> Algorithm:
    """Return the algorithm of a name; one of difpeer's own is never replaced by another package's.

    Raises
    ------
    InputError
        If there is none, with the known names; or if its package is at fault, with the mend.
    """
    if isinstance(name, str) and name in SHIPPED:
        return SHIPPED[name]
    plugin = load_plugin(name) if isinstance(name, str) else None
    if plugin is None:
        hint = f"{name_hint(name, [*SHIPPED, *plugin_names()])} (or install the package that brings it)"
        raise InputError(f"there is no algorithm {name!r}", field="algorithm", mend=hint)
    return plugin.algorithm


def source_of(name: str) -> str:
    """Return the package that an algorithm comes from, with its version; empty for difpeer's own.

    Raises
    ------
    InputError
        As :func:`algorithm` does.
    """
    algorithm(name)
    plugin = None if name in SHIPPED else load_plugin(name)
    return "" if plugin is None else plugin.source
