"""``difpeer``: finds the command's module and loads only that one, so that a serving peer stays small."""

import os
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
import typer.main

from peer import __version__
from peer.cli.groups import HintingGroup
from peer.cli.output import fail, say
from peer.config import RunFailed
from topology.errors import InputError, NotYet

COMMANDS = (
    "demo",
    "serve",
    "health",
    "run",
    "watch",
    "status",
    "cancel",
    "report",
    "compare",
    "ledger",
    "predict",
    "runs",
    "simulate",
    "topology",
    "data",
    "keys",
    "doctor",
    "deploy",
)

_SILENT = "NONE"
"""What the package asks of gRPC's core by default; also what a process has from the one that started it."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""

NOT_YET = 75
"""What may pass by itself: EX_TEMPFAIL of sysexits.h."""


class LazyGroup(HintingGroup):
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
        if cmd_name == "serve" and os.environ.get("GRPC_VERBOSITY", _SILENT) == _SILENT:
            # Read when gRPC is imported: a serving peer tells in its own log why handshakes fail.
            os.environ["GRPC_VERBOSITY"] = "INFO"
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
    """Run the command line; exit status 0 done, 1 the run failed or is not whole, 2 bad input, 75 bad
    input that may pass by itself, 130 interrupted.
    """
    try:
        app()
    except InputError as error:
        fail(str(error))
        sys.exit(NOT_YET if isinstance(error, NotYet) else 2)
    except RunFailed as error:
        fail(str(error))
        sys.exit(1)
    except SystemExit as end:
        # typer makes this of KeyboardInterrupt, without a word.
        if end.code == INTERRUPTED:
            say("interrupted")
        raise
