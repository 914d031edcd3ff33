"""Options that several commands have."""

from typing import Annotated

import typer

__all__ = ["InsecureOption", "JsonOption", "ViaOption"]

ViaOption = Annotated[str, typer.Option(metavar="ADDR", help="host:port of any peer of the network.")]
InsecureOption = Annotated[
    bool, typer.Option("--insecure-loopback", help="Without TLS, between processes on this machine only.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
