"""Networks that come with the package, and names that stand for them."""

from importlib.resources import as_file, files
from pathlib import Path

from topology.errors import InputError, name_hint
from topology.network import Network, read_network

__all__ = ["resolve_network", "shipped_names", "shipped_network"]

_FOLDER = files("topology") / "networks"


def shipped_names() -> tuple[str, ...]:
    """The names of the networks that come with the package.

    Returns
    -------
    tuple of str
        Sorted.
    """
    return tuple(sorted(Path(entry.name).stem for entry in _FOLDER.iterdir() if entry.name.endswith(".yaml")))


def shipped_network(name: str) -> Network:
    """Read a network that comes with the package.

    Parameters
    ----------
    name : str
        One of `shipped_names`.

    Returns
    -------
    Network
        The network.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in shipped_names():
        raise InputError(f"no network called {name!r} is shipped", mend=name_hint(name, shipped_names()))
    with as_file(_FOLDER / f"{name}.yaml") as path:
        return read_network(path)


def resolve_network(text: str) -> Network:
    """Read a network that a command names by path or by shipped name.

    Parameters
    ----------
    text : str
        The path of a network file, or one of `shipped_names` where no such file exists.

    Returns
    -------
    Network
        The network.

    Raises
    ------
    InputError
        If there is neither, or the file describes no usable network.
    """
    if Path(text).is_file() or (text not in shipped_names() and Path(text).exists()):
        return read_network(text)
    if text in shipped_names():
        return shipped_network(text)
    raise InputError(
        "no such file, and no shipped network of that name",
        file=text,
        mend=f"give a network file or one of: {', '.join(shipped_names())}",
    )
