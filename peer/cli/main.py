"""``difpeer``: finds the command's module and loads only that one, so that a serving peer stays small."""

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from peer import __version__
from peer.cli.output import fail, say
from peer.config import RunFailed
from topology.errors import InputError

COMMANDS = (
    "demo",
    "serve",
    "run",
    "watch",
    "status",
    "cancel",
    "report",
    "predict",
    "runs",
    "simulate",
    "topology",
    "data",
    "doctor",
)

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


class LazyGroup(typer.core.TyperGroup):
    """Loads ``peer.cli.NAME`` when NAME is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401
        """Return the commands in the order of a first hour."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
        """Return one command, or None where there is no such one."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = typer.main.get_command(import_module(f"peer.cli.{cmd_name}").app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Example: difpeer demo",
)


def _print_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"difpeer {__version__}\n")
        raise typer.Exit


@app.callback()
def difpeer(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Learn a shared subspace without a server: peers keep their data and talk to their neighbours."""
    del version


def main() -> None:
    """Run the command line; exit status 0 done, 1 the run failed or is not whole, 2 bad input, 130 interrupted."""
    try:
        app()
    except InputError as error:
        fail(str(error))
        sys.exit(2)
    except RunFailed as error:
        fail(str(error))
        sys.exit(1)
    except SystemExit as end:
        # typer makes this of KeyboardInterrupt, without a word.
        if end.code == INTERRUPTED:
            say("interrupted")
        raise
