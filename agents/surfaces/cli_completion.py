"""`agentflow completion`: the script that lets a shell complete the verbs and their options."""

from __future__ import annotations

import argparse
import functools
from typing import Any

from agents.surfaces.cli_console import answer
from agents.surfaces.cli_exit import ExitCode

SHELLS = ("bash", "zsh", "fish")


def add(verbs: Any, parser: argparse.ArgumentParser) -> None:
    """The verb; the script it prints is made from `parser`, so it knows all verbs there are."""
    description = "Print the script that completes verbs and options in a shell"
    verb = verbs.add_parser("completion", help=description, description=f"{description}.", allow_abbrev=False)
    verb.add_argument("shell", choices=SHELLS, help="the shell it is for")
    verb.set_defaults(run=functools.partial(_print, parser))


async def _print(parser: argparse.ArgumentParser, given: argparse.Namespace) -> int:
    import shtab  # noqa: PLC0415  the other verbs have no use for it

    answer(shtab.complete(parser, given.shell))
    return ExitCode.DONE
