"""``difpeer topology``: make, convert, examine and show network files."""

import typer

from peer.cli.groups import HintingGroup
from peer.cli.topology_files import convert, make
from peer.cli.topology_lint import lint
from peer.cli.topology_show import show

__all__ = ["app"]

app = typer.Typer(
    cls=HintingGroup,
    help="Make, convert, examine and show network files.",
    epilog="Example: difpeer topology show er8",
    no_args_is_help=True,
    add_completion=False,
)

app.command(epilog="Example: difpeer topology make erdos-renyi --peers 20 --p 0.5 --seed 3 --out lab.yaml")(
    make
)
app.command(epilog="Example: difpeer topology convert karate.graphml --out lab.yaml")(convert)
app.command(epilog="Example: difpeer topology lint lab.yaml --dim 600 --rank 4")(lint)
app.command(epilog="Example: difpeer topology show er8 --html er8.html")(show)
