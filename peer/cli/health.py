"""``difpeer health``: whether the peer on this machine serves."""

from pathlib import Path
from typing import Annotated

import typer

from peer.cli.output import console, emit, say
from peer.runtime.health import check_health, dialled, own_credentials
from topology.errors import InputError

__all__ = ["app"]

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: difpeer health --name p0 --network lab.yaml")
def health(
    name: Annotated[str, typer.Option(envvar="DIFPEER_NAME", help="The peer.")],
    network: Annotated[
        Path, typer.Option(envvar="DIFPEER_NETWORK", help="The network file, with certs/ beside it.")
    ],
    key: Annotated[
        Path | None,
        typer.Option(
            envvar="DIFPEER_KEY",
            help="The peer's private key; by default keys/NAME.key beside the network file.",
        ),
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(
            envvar="DIFPEER_LISTEN", help="Where it listens, as `serve` was told; by default its address."
        ),
    ] = None,
    insecure_loopback: Annotated[
        bool, typer.Option("--insecure-loopback", help="Without TLS, as `serve` was told.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Ask the peer on this machine, with its own key, whether it serves: exit status 0 or 1.

    For what looks after it, such as a container's health check or a probe of Kubernetes.
    """
    address = dialled(listen or _address(name, network))
    credentials = None
    if not insecure_loopback:
        folder = network.parent
        credentials = own_credentials(
            folder / "certs" / f"{name}.pem", key or folder / "keys" / f"{name}.key"
        )
    check_health(name, address, credentials)
    document = {"peer": name, "address": address, "serves": True}
    emit(document, as_json, lambda: say(f"{name} serves at {address}", console))


def _address(name: str, network: Path) -> str:
    from topology.network import read_network  # as long as all other imports together

    read = read_network(network)
    address = read.peers[read.names[read.index(name)]].address
    if address is None:
        raise InputError(
            "this peer has no address", file=network, field=f"peers.{name}.address", mend="give --listen"
        )
    return address
