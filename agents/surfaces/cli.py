"""`agentflow`: the tools as verbs, straight over SSH, and the verbs that look after the host."""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import sys
from collections.abc import Callable
from typing import NoReturn

import structlog

from agents.config import SettingsError, load
from agents.surfaces import cli_completion, cli_host, cli_mcp, cli_tools, cli_voice, cli_watch
from agents.surfaces.cli_console import complain
from agents.surfaces.cli_exit import ExitCode, table
from agents.tools.catalogue import TOOLS
from agents.tools.core import ConfirmationRequired
from vps.errors import BadInput, NoSuchRun, VpsError
from vps.mask import Mask

_WARNING = 30


class _Parser(argparse.ArgumentParser):
    """Says what is wrong as every other error is said, instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        complain(f"{message}. Run `{self.prog} --help`.")
        self.exit(ExitCode.WRONG_INPUT)


def main(argv: list[str]) -> int:
    """Run one verb; its exit code, an `ExitCode`."""
    parser = build_parser()
    try:
        given = parser.parse_args(argv)
    except SystemExit as end:
        return int(end.code or 0)
    return reported(lambda: asyncio.run(given.run(given)))


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = _Parser(
        prog="agentflow",
        description="A crew of Claude Code agents on your VPS.",
        epilog=table(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True, parser_class=_Parser)
    verbs.add_parser("bot", help="Start the Discord bot", allow_abbrev=False).set_defaults(run=_bot)
    cli_tools.add(verbs, TOOLS)
    cli_watch.add(verbs)
    cli_mcp.add(verbs)
    cli_host.add(verbs)
    cli_voice.add(verbs)
    cli_completion.add(verbs, parser)
    return parser


async def _bot(_given: argparse.Namespace) -> int:
    complain("`agentflow bot` takes no options. Its settings come from the environment or .env.")
    return ExitCode.WRONG_INPUT


def reported(work: Callable[[], int]) -> int:
    """Do it; what goes wrong becomes one line on stderr, without our secrets, and an exit code."""
    _prepare_streams()
    try:
        return work()
    except VpsError as error:
        complain(_masked(str(error)))
        return _exit_code(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read stdout has gone; Python would complain about it once more while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED


def _exit_code(error: VpsError) -> ExitCode:
    if isinstance(error, ConfirmationRequired):
        return ExitCode.UNCONFIRMED
    return ExitCode.WRONG_INPUT if isinstance(error, BadInput | SettingsError | NoSuchRun) else ExitCode.FAILED


def _prepare_streams() -> None:
    """stdout is for answers: the log goes to stderr, and a terminal that lacks a character does not end the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(_WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _masked(text: str) -> str:
    try:
        mask = load().mask
    except VpsError:
        mask = Mask(())
    return mask.text(text)
