"""`agentflow mcp`: the tools for another program's model, over stdio or HTTP, until that goes or a signal comes."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path
from typing import Any

from agents import logs
from agents.config import Address, Settings, SettingsError, address, load
from agents.rights import Right, up_to
from agents.surfaces.cli_console import tell
from agents.surfaces.cli_exit import ExitCode
from agents.surfaces.cli_tools import operator
from agents.surfaces.mcp_host import Host
from agents.tools.catalogue import TOOLS
from vps.errors import BadInput

_LOG_LEVEL = "warning"
_EPILOG = (
    "Settings come from the environment and from --env alone, not from the .env of wherever a client starts this: a repository's "
    "could name another machine. Over HTTP the token is AGENTFLOW_MCP_TOKEN."
)


def add(verbs: Any) -> None:
    """The verb."""
    description = "Serve the tools to another program's model by MCP"
    verb = verbs.add_parser(
        "mcp", help=description, description=f"{description}, over stdio.", epilog=_EPILOG, allow_abbrev=False
    )
    verb.add_argument("--http", metavar="[HOST:]PORT", help="over streamable HTTP instead, on a loopback address")
    verb.add_argument(
        "--right",
        choices=[right.value for right in Right],
        default=Right.MANAGE.value,
        help="what calls may do at most (default %(default)s)",
    )
    verb.add_argument("--env", metavar="FILE", type=Path, help="a file of settings, as .env is one")
    verb.set_defaults(run=_mcp)


async def _mcp(given: argparse.Namespace) -> int:
    settings = _settings(given.env)
    at = _address(given.http) if given.http is not None else None
    if at is not None and settings.AGENTFLOW_MCP_TOKEN is None:
        remedy = "Set it to what clients are to send, such as `openssl rand -hex 32` prints."
        raise SettingsError("AGENTFLOW_MCP_TOKEN is not set.", remedy=remedy)
    logs.configure(_LOG_LEVEL, settings.mask)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await _serve(settings, up_to(Right(given.right)), at, stop)
    return ExitCode.DONE


async def _serve(settings: Settings, rights: frozenset[Right], at: Address | None, stop: asyncio.Event) -> None:
    from agents.surfaces.mcp_server import Projection  # noqa: PLC0415  the SDK takes long to import, no other verb uses it

    async with Host(settings) as host:
        server = Projection(host, TOOLS, rights, operator().caller_name).server()
        if at is None:
            from agents.surfaces import mcp_stdio  # noqa: PLC0415  as above

            await mcp_stdio.serve(server, stop)
            return
        from agents.surfaces import mcp_http  # noqa: PLC0415  as above; who starts it over stdio waits for it

        assert settings.AGENTFLOW_MCP_TOKEN is not None
        listening = mcp_http.listen(at)
        tell(f"MCP at http://{_shown(at)}{mcp_http.PATH}")
        await mcp_http.serve(server, listening, settings.AGENTFLOW_MCP_TOKEN, stop)


def _settings(file: Path | None) -> Settings:
    """Raises SettingsError also without an address: a client that starts this shows why at once."""
    if file is not None and not file.is_file():
        raise BadInput("env", f"there is no file {file}.", remedy="Name a file such as .env.")
    settings = load(dotenv=file)
    try:
        _ = settings.host
    except SettingsError as error:
        if file is None:
            error.also("`agentflow mcp` reads no .env but what --env names.")
        raise
    return settings


def _address(text: str) -> Address:
    try:
        found = address(text)
    except ValueError as error:
        raise BadInput("http", f"{error}.", remedy="Such as 8765 or 127.0.0.1:8765.") from error
    assert isinstance(found, Address)
    return found


def _shown(at: Address) -> str:
    return f"[{at.host}]:{at.port}" if ":" in at.host else f"{at.host}:{at.port}"
