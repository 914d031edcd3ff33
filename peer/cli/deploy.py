"""``difpeer deploy``: files by which an engine, or systemd, starts the peers of a network."""

import typer

from peer.cli.deploy_compose import compose
from peer.cli.deploy_kubernetes import kubernetes
from peer.cli.deploy_swarm import swarm
from peer.cli.deploy_systemd import systemd
from peer.cli.groups import HintingGroup

__all__ = ["app"]

app = typer.Typer(
    cls=HintingGroup,
    help="Write the files by which Docker, a swarm, Kubernetes or systemd starts the peers of a network.",
    epilog="Example: difpeer deploy compose --network lab.yaml --data data --out lab",
    no_args_is_help=True,
    add_completion=False,
)

app.command(
    epilog="Example: difpeer deploy compose --network lab.yaml --data data --rate 5mbit "
    "--link p0,p1:rate=1mbit,delay=50ms --out lab"
)(compose)
app.command(epilog="Example: difpeer deploy swarm --network lab.yaml --place p0=node-a --out lab-stack")(
    swarm
)
app.command(
    epilog="Example: difpeer deploy kubernetes --network lab.yaml --image registry.example.org/difpeer:0.1.0 "
    "--namespace lab --out lab-objects"
)(kubernetes)
app.command(epilog="Example: difpeer deploy systemd --network lab.yaml --name p0 --out p0-unit")(systemd)
