"""Options that several commands have."""

import os
from pathlib import Path
from typing import Annotated

import typer

from peer.runtime.access import Access, Loopback, Secured
from peer.runtime.credentials import Credentials
from topology.errors import InputError

__all__ = [
    "DEFAULT_NETWORK",
    "InsecureOption",
    "JsonOption",
    "KeyOption",
    "NetworkArgument",
    "NetworkFileOption",
    "ViaOption",
    "access_of",
    "new_file",
    "run_folder",
]

ViaOption = Annotated[
    str,
    typer.Option(
        metavar="PEER",
        envvar="DIFPEER_VIA",
        help="Any peer of the network: its name, its address, or NAME@HOST:PORT where it is reached elsewhere.",
    ),
]
NetworkFileOption = Annotated[
    Path,
    typer.Option(
        "--network", envvar="DIFPEER_NETWORK", help="The network file; beside it are certs/ and keys/."
    ),
]
KeyOption = Annotated[
    Path | None,
    typer.Option(
        "--key",
        envvar="DIFPEER_KEY",
        help="Your private key; by default the operator's in keys/ beside the network file.",
    ),
]
DEFAULT_NETWORK = Path("network.yaml")
InsecureOption = Annotated[
    bool, typer.Option("--insecure-loopback", help="Without TLS, between processes on this machine only.")
]
NetworkArgument = Annotated[
    str, typer.Argument(metavar="NETWORK", help="A network file, or a shipped name such as er8.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def access_of(network: Path, key: Path | None, insecure_loopback: bool) -> Access:
    """Return how a command reaches the peers.

    Raises
    ------
    InputError
        Without a network file or a key that can be used.
    """
    if insecure_loopback:
        return Loopback()
    if network == DEFAULT_NETWORK and not network.exists():
        raise InputError(
            "no such file",
            file=network,
            field="--network",
            mend="give the network file, beside which certs/ and keys/ are; "
            "for peers on this machine without keys: --insecure-loopback",
        )
    credentials = Credentials(network, key)
    credentials.check(())
    return Secured(credentials)


def new_file(path: Path, option: str) -> None:
    """Refuse a file to be written that is there already, or cannot be, before the work and not after it."""
    if path.exists():
        raise InputError("exists already", file=path, field=option, mend="give another file or remove it")
    if not path.absolute().parent.is_dir():
        raise InputError("its folder is not there", file=path, field=option, mend="make the folder first")


def run_folder(out: Path, run: str) -> Path:
    """Return where a run's folder will be; what cannot be written is refused before the run, not after it."""
    folder = out / run
    if folder.exists():
        raise InputError("it exists already", file=folder, mend="give another --out, or remove it")
    place = next(place for place in folder.absolute().parents if place.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise InputError(
            f"{place} is no folder where you may write", file=out, field="--out", mend="give another --out"
        )
    return folder
