"""Groups of commands that say which command was meant."""

from typing import Any

import typer.core

from topology.errors import InputError, name_hint

__all__ = ["HintingGroup"]


class HintingGroup(typer.core.TyperGroup):
    """A group of commands that names those it has where one is asked for that it has not."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:  # noqa: ANN401
        """Find the command that the arguments begin with."""
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            group = f"difpeer {ctx.info_name}" if ctx.parent else "difpeer"
            hint = name_hint(args[0], known)
            stop = "" if hint.endswith("?") else "."
            raise InputError(f"no command {args[0]!r}", mend=f"{hint}{stop} See {group} --help")
        return super().resolve_command(ctx, args)
