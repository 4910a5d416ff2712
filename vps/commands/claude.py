"""The CLI's command line and environment in its container, as values. Measured with 2.1.197."""

from __future__ import annotations

import json
from collections.abc import Mapping

from vps.commands import caches
from vps.models import CliOptions

HOME = "/home/claude"
MODEL_SOCKET = "/run/agentflow/model/api.sock"


def argv(options: CliOptions, session_id: str, *, resume: bool = False) -> list[str]:
    """A long-lived stream-json process, of a new session or to resume one.

    `{workspace}` stands for the workspace's real path, known once the host resolved it.

    `--setting-sources user --strict-mcp-config` keep a repository's settings, hooks, helpers and servers out; `--add-dir`
    with its variable in `environ` brings its CLAUDE.md and rules back, the supervisor's links its commands and skills.
    """
    words = ["claude", "-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose"]
    words += ["--replay-user-messages", "--resume" if resume else "--session-id", session_id]
    words += ["--setting-sources", "user", "--strict-mcp-config", "--add-dir", "{workspace}"]
    words += _permissions(options)
    return words + _given(options)


def _permissions(options: CliOptions) -> list[str]:
    if options.permission_mode == "bypassPermissions":
        return ["--dangerously-skip-permissions"]
    return ["--permission-mode", options.permission_mode]


def _given(options: CliOptions) -> list[str]:
    # `=` throughout: a value that begins with a dash stays a value.
    flags = {
        "--model": options.model,
        "--fallback-model": options.fallback_model,
        "--effort": options.effort,
        "--max-turns": options.max_turns,
        "--max-budget-usd": options.max_budget_usd,
        "--system-prompt": options.system_prompt,
        "--append-system-prompt": options.append_system_prompt,
        "--mcp-config": options.mcp_config,
        "--tools": ",".join(options.allowed_tools) if options.allowed_tools is not None else None,
        "--disallowedTools": ",".join(options.disallowed_tools) or None,
    }
    return [f"{flag}={value}" for flag, value in flags.items() if value is not None]


def environ(extra: dict[str, str], *, base_url: str | None) -> list[str]:
    """NAME=VALUE words without any secret. A `base_url` of None is Anthropic's; see `local_base_url` for loopback ones."""
    own = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": HOME,
        "USER": "claude",
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1",
        "CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD": "1",
        # The distribution's roots and, behind a company's proxy, the host's: the image trusts what the host trusts.
        **dict.fromkeys(
            ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO"),
            "/etc/ssl/certs/ca-certificates.crt",
        ),
    }
    if base_url is not None:
        own["ANTHROPIC_BASE_URL"] = base_url
    return [f"{name}={value}" for name, value in (caches.ENVIRON | extra | own).items()]


_LIMITS_MS = {
    # A streamed request ends after this long without a byte (at least 300 s), and is made again without streaming, for at most
    # the time below. All of that is silent: measured, 300 s to the first retry without any byte, 600 s after a stream that began.
    "CLAUDE_STREAM_IDLE_TIMEOUT_MS": 300_000,
    "API_TIMEOUT_MS": 300_000,
    "BASH_DEFAULT_TIMEOUT_MS": 120_000,
    "BASH_MAX_TIMEOUT_MS": 600_000,
    "MCP_TOOL_TIMEOUT": 100_000_000,
}
"""The CLI's own limits and their defaults, by the variables that change them."""
_MARGIN_S = 60.0
_CALM_S = 60.0


def silence(env: Mapping[str, str]) -> dict[str, float]:
    """Seconds. Past `silent_s` without a byte of output, with a tool of an MCP server running `mcp_s`, the CLI is past all of its
    own limits; it counts as hung when nothing worked on a CPU in the last `calm_s` of it."""
    idle, api, bash, longest_bash, mcp = (_limit_s(env, name) for name in _LIMITS_MS)
    silent = max(max(idle, 300.0) + api, bash, longest_bash) + _MARGIN_S
    return {"silent_s": silent, "mcp_s": max(silent, mcp + _MARGIN_S), "calm_s": _CALM_S}


def _limit_s(env: Mapping[str, str], name: str) -> float:
    given = env.get(name, "")
    sensible = given.isdecimal() and len(given) <= 12 and int(given)
    return (int(given) if sensible else _LIMITS_MS[name]) / 1000


HUNG_MESSAGE = (
    "[AgentFlow] You gave no sign of life for longer than any of your own limits allows: no output, and no work on the CPU. So "
    "your turn was interrupted; where that was in vain, you were started again in this session, and everything you had running "
    "was ended. A tool call without a result may have been done in part. Look at how things stand, leave out what you hung in, "
    "and go on with your task."
)
"""What an agent is told that goes on after it hung."""


def user_message(text: str, message_id: str) -> str:
    """The inbox line of one user message. `uuid` lets the supervisor and the CLI leave out a repeated one.

    A text that begins with `/` would be taken for a command of the CLI and never reach the model; a space before it
    keeps it a text.
    """
    literal = f" {text}" if text.startswith("/") else text
    message = {
        "type": "user",
        "uuid": message_id,
        "session_id": "",
        "parent_tool_use_id": None,
        "message": {"role": "user", "content": literal},
    }
    return json.dumps(message, ensure_ascii=False) + "\n"
