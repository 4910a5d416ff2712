"""What an agent finds in its HOME: who and where it is, how to work with children, and options that are too long or too private
for a command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from vps.container.toolbox import SERVER
from vps.models import CliOptions, Network, RunRequest

HOME = "/home/claude"
MCP, SYSTEM_PROMPT, APPENDED_PROMPT = (f"{HOME}/.agentflow/{name}" for name in ("mcp.json", "system.md", "append.md"))
_OURS = {"type": "sdk", "name": SERVER}
"""Its CLI asks the supervisor over its own pipes: see `vps.container.inside`."""
_SKILLS = Path(__file__).parents[1] / "skills"
_NETWORKS: Mapping[Network, str] = {
    "none": "There is no network besides the model: no package can be fetched.",
    "restricted": """\
A proxy (its variables are set) lets through the usual git hosts and package registries. Another host is refused, and the thread \
then shows people a button that allows it: say why you need it, go on with something else, try again later.""",
    "open": "A proxy (its variables are set) lets through the public internet; private addresses are refused.",
}
_CONTEXT = """\
# Where you are

You are an AgentFlow agent in a sandboxed container. People read along in a Discord thread; their replies reach you as messages.

- You are not root. The workspace stays; HOME, /tmp and what you install outside the workspace go with the container.
- You have no git credential and cannot push. Commit on the branch you are on; a person reads the diff and pushes it.
"""


def files(request: RunRequest) -> dict[str, str]:
    """Paths to texts."""
    options = request.options
    given = {
        MCP: json.dumps({"mcpServers": servers(options)}),
        SYSTEM_PROMPT: options.system_prompt,
        APPENDED_PROMPT: options.append_system_prompt,
    }
    return {
        **_skills(),
        f"{HOME}/.claude/CLAUDE.md": context(request.network, request.secrets),
        **{path: text for path, text in given.items() if text is not None},
    }


def flags(options: CliOptions) -> list[str]:
    """What tells the CLI of those files."""
    given = {
        f"--system-prompt-file={SYSTEM_PROMPT}": options.system_prompt,
        f"--append-system-prompt-file={APPENDED_PROMPT}": options.append_system_prompt,
    }
    return [f"--mcp-config={MCP}", *(flag for flag, text in given.items() if text is not None)]


def servers(options: CliOptions) -> dict[str, Any]:
    """The MCP servers it has by name: ours and its own. Where its tools are restricted, those of which it may use one.

    A rule that denies a whole server does not hold for ours: its tools are offered all the same (measured).
    """
    own: dict[str, Any] = json.loads(options.mcp_config)["mcpServers"] if options.mcp_config else {}
    there = {SERVER: _OURS, **own}
    if options.allowed_tools is None:
        return there
    named = {tool.split("__")[1] for tool in options.allowed_tools if tool.startswith("mcp__")}
    return {name: server for name, server in there.items() if name in named}


def context(network: Network, secrets: Sequence[str]) -> str:
    """The user's CLAUDE.md. It stands in every request, so it says only what an agent cannot see by itself."""
    lines = [_NETWORKS[network]]
    if secrets:
        lines.append(
            f"Secrets in your environment: {', '.join(secrets)}. Use them by name; never print, write or commit them."
        )
    return _CONTEXT + "".join(f"- {line}\n" for line in lines)


@cache
def _skills() -> dict[str, str]:
    found = sorted(_SKILLS.glob("*/SKILL.md"))
    return {f"{HOME}/.claude/skills/{path.parent.name}/SKILL.md": path.read_text(encoding="utf-8") for path in found}
