"""The verbs that look after the host and the bot: trust, doctor, health, credential, prune, uninstall."""

from __future__ import annotations

import argparse
from typing import Any

from agents import doctor, health
from agents.config import load
from agents.credential import hand_over
from agents.crew import open_crew
from agents.health import Limits
from agents.surfaces.cli_console import answer, confirm, secret, tell
from agents.surfaces.cli_exit import ExitCode
from agents.surfaces.cli_tools import operator
from agents.tools.parameters import duration_ms, size_bytes
from agents.trust import trust
from agents.uninstall import uninstall
from vps.errors import BadInput
from vps.host import caches
from vps.host.prune import MAX_AGE_S, MAX_BYTES

_TROUBLE = {
    "gateway": "without Discord for this long is trouble (default %(default)s)",
    "host": "without the VPS for this long is trouble (default %(default)s)",
    "unsent": "a message that waits for this long is trouble (default %(default)s)",
}
_OLDER, _MAX_SIZE = f"{MAX_AGE_S / 86_400:.0f}d", f"{MAX_BYTES >> 30}g"


def add(verbs: Any) -> None:
    """The six verbs."""
    verb = _verb(verbs, "trust", "Show the host key's fingerprint and pin it", _trust)
    verb.add_argument("--yes", action="store_true", help="pin an unknown key without asking")
    verb.add_argument("--replace", action="store_true", help="replace a pinned key that has changed")
    _verb(verbs, "doctor", "Check settings, bot, host, Docker, image and model", _doctor)
    verb = _verb(verbs, "health", "Ask the bot on this machine how it is; ends with 1 if something is wrong", _health)
    for name, limit in Limits():
        part = name.removesuffix("_s")
        verb.add_argument(f"--{part}", default=f"{limit:.0f}s", metavar="TIME", help=_TROUBLE[part])
    verb.add_argument("--json", action="store_true", help="print the numbers as JSON")
    verb = _verb(
        verbs, "credential", "Hand the gateway the model's credential; agents that wait for it go on", _credential
    )
    verb.add_argument(
        "--ask", action="store_true", help="type it unseen, or pipe it in; it holds until the settings' changes"
    )
    verb = _verb(verbs, "prune", "Remove old runs and large package caches from the host", _prune)
    verb.add_argument("--older", default=_OLDER, help="remove runs that ended longer ago (default %(default)s)")
    verb.add_argument(
        "--max-size", "--max_size", default=_MAX_SIZE, help="keep at most this much (default %(default)s)"
    )
    verb = _verb(verbs, "uninstall", "Remove AgentFlow from the host, except unpushed work", _uninstall)
    verb.add_argument("--yes", action="store_true", help="do not ask")
    verb.add_argument("--force", action="store_true", help="also stop agents that run")


def _verb(verbs: Any, name: str, description: str, run: Any) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=description, description=f"{description}.", allow_abbrev=False)
    parser.set_defaults(run=run)
    return parser


async def _trust(given: argparse.Namespace) -> int:
    pinned = await trust(load().host, yes=given.yes, replace=given.replace, confirm=confirm, say=tell)
    return ExitCode.DONE if pinned else ExitCode.FAILED


async def _doctor(_given: argparse.Namespace) -> int:
    failed = False
    async for finding in doctor.examine():
        answer(finding.line())
        failed = failed or finding.level is doctor.Level.FAIL
    return ExitCode.FAILED if failed else ExitCode.DONE


async def _health(given: argparse.Namespace) -> int:
    limits = {
        name: _number(name.removesuffix("_s"), duration_ms, getattr(given, name.removesuffix("_s"))) / 1000
        for name in Limits.model_fields
    }
    found = await health.ask(load().state_dir, Limits(**limits))
    answer(found.model_dump_json() if given.json else "\n".join(found.problems) or "ok")
    return ExitCode.DONE if found.ok else ExitCode.FAILED


async def _credential(given: argparse.Namespace) -> int:
    answer(await hand_over(load(), secret if given.ask else None, operator()))
    return ExitCode.DONE


async def _prune(given: argparse.Namespace) -> int:
    max_age_s = _number("older", duration_ms, given.older) / 1000
    max_bytes = _number("max_size", size_bytes, given.max_size)
    async with open_crew(load()) as crew:
        gone = await crew.runs.prune(max_age_s=max_age_s, max_bytes=max_bytes)
        trimmed = await crew.runs.trim_caches(max_bytes=caches.MAX_BYTES)
    lines = [f"{name} removed" for name in gone] + [f"package cache of {name} removed" for name in trimmed]
    answer("\n".join(lines) or "Nothing to remove.")
    return ExitCode.DONE


def _number(field: str, read: Any, text: str) -> int:
    try:
        value = int(read(text))
    except ValueError as error:
        raise BadInput(field, f"{error}.", remedy="Such as 30d or 5g.") from error
    if value < 0:
        raise BadInput(field, f"{text} is below zero.", remedy="Give zero or more.")
    return value


async def _uninstall(given: argparse.Namespace) -> int:
    done = await uninstall(load(), yes=given.yes, force=given.force, confirm=confirm, say=tell)
    return ExitCode.DONE if done else ExitCode.FAILED
