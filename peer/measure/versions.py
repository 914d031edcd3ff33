"""Versions of what computes and measures."""

import platform
from collections.abc import Mapping
from importlib.metadata import version

import peer

__all__ = ["common_versions", "software_versions"]

_LIBRARIES = ("numpy", "grpcio", "protobuf")


def software_versions(source: str = "") -> dict[str, str]:
    """Versions of difpeer, Python and the libraries that results and bytes depend on, in this process.

    Parameters
    ----------
    source : str, optional
        Package of the run's algorithm with its version, where it is not difpeer's own: ``own-pca 0.1.0``.
    """
    package, _, package_version = source.rpartition(" ")
    return {
        **({package: package_version} if package else {}),
        "difpeer": peer.__version__,
        "python": platform.python_version(),
        **{library: version(library) for library in _LIBRARIES},
    }


def common_versions(by_peer: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Put the peers' versions together.

    Parameters
    ----------
    by_peer : mapping
        `software_versions` of each peer.

    Returns
    -------
    dict of str to str
        Where all agree, the version; else each with those that have it: ``2.4.6 (p0, p1), 2.3.1 (p2)``.
    """
    merged: dict[str, str] = {}
    for part in sorted({part for versions in by_peer.values() for part in versions}):
        owners: dict[str, list[str]] = {}
        for name in sorted(by_peer):
            owners.setdefault(by_peer[name].get(part, "none"), []).append(name)
        if len(owners) == 1:
            merged[part] = next(iter(owners))
        else:
            merged[part] = ", ".join(f"{found} ({', '.join(names)})" for found, names in owners.items())
    return merged
