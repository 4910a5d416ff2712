"""`agentflow voice`: what looks after the ElevenLabs agent."""

from __future__ import annotations

import argparse
from typing import Any

from agents.config import load
from agents.surfaces.cli_console import answer, confirm, tell
from agents.surfaces.cli_exit import ExitCode


def add(verbs: Any) -> None:
    """The verb, with its own verb below."""
    group = verbs.add_parser("voice", help="Verbs around the voice; see `voice --help`", allow_abbrev=False)
    below = group.add_subparsers(title="verbs", metavar="VERB", required=True, parser_class=type(group))
    description = "Create or update the ElevenLabs agent and its tools, and show what changes"
    verb = below.add_parser("setup", help=description, description=f"{description}.", allow_abbrev=False)
    verb.add_argument("--dry-run", "--dry_run", action="store_true", help="show what would change, and change nothing")
    verb.add_argument("--yes", action="store_true", help="change an agent that AgentFlow did not make without asking")
    verb.set_defaults(run=_setup)


async def _setup(given: argparse.Namespace) -> int:
    from agents.voice.setup import setup  # noqa: PLC0415  no other verb has to wait for the SDK to be read

    settings = load()

    async def agreed(question: str) -> bool:
        return given.yes or await confirm(question)

    agent_id = await setup(
        settings, dry_run=given.dry_run, confirm=agreed, say=lambda line: tell(settings.mask.text(line))
    )
    if agent_id is not None:
        answer(f"ELEVENLABS_AGENT_ID={agent_id}")
    return ExitCode.DONE if agent_id is not None or given.dry_run else ExitCode.FAILED
