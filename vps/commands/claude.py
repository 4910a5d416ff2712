"""The CLI's command line and environment in its container, as values. Measured with 2.1.197."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from vps.commands import caches, home
from vps.commands.home import HOME
from vps.container.paths import ATTACHMENTS
from vps.container.toolbox import SERVER
from vps.models import CliOptions, Network

_NET = "/run/agentflow/net"
PROXY = "http://127.0.0.1:3128"
_LOCAL = "localhost,127.0.0.1,::1"
_PLACEHOLDER = "the-gateway-adds-it"


def argv(options: CliOptions, session_id: str, *, resume: bool = False) -> list[str]:
    """A long-lived stream-json process, of a new session or to resume one.

    `{workspace}` stands for the workspace's real path, known once the host resolved it.

    `--setting-sources user --strict-mcp-config` keep a repository's settings, hooks, helpers and servers out; `--add-dir`
    with its variable in `environ` brings its CLAUDE.md and rules back, the supervisor's links its commands and skills.
    """
    words = ["claude", "-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose"]
    words += ["--replay-user-messages", "--resume" if resume else "--session-id", session_id]
    words += ["--setting-sources", "user", "--strict-mcp-config", "--add-dir", "{workspace}", ATTACHMENTS]
    words += _permissions(options)
    return words + restrictions(options) + _given(options) + home.flags(options)


def _permissions(options: CliOptions) -> list[str]:
    """With a place to ask, the agent has the tools that ask people; see `vps.container.questions`."""
    words, restricted = ["--permission-prompt-tool", "stdio"], any(map(_is_partial, options.allowed_tools or ()))
    if options.permission_mode == "bypassPermissions":
        return words + (["--permission-mode", "dontAsk"] if restricted else ["--dangerously-skip-permissions"])
    words += ["--permission-mode", options.permission_mode, f"--allowedTools=mcp__{SERVER}"]
    # Allowed, not on: whoever approves a plan may have it carried out unasked, where no rule would fall with that.
    return words if restricted else [*words, "--allow-dangerously-skip-permissions"]


def restrictions(options: CliOptions) -> list[str]:
    """What keeps the agent to `allowed_tools`, and from `disallowed_tools`.

    `--tools` takes whole tools of the CLI's own alone: rules such as `Bash(git *)` and single tools of MCP servers are what
    `dontAsk` lets through. Servers that are not named at all are not started (`home.servers`).
    """
    denied = _rules("--disallowedTools", options.disallowed_tools)
    if options.allowed_tools is None:
        return denied
    own = dict.fromkeys(tool.partition("(")[0] for tool in options.allowed_tools if not tool.startswith("mcp__"))
    return [f"--tools={','.join(own)}", *_rules("--allowedTools", options.allowed_tools), *denied]


def _rules(flag: str, rules: Sequence[str]) -> list[str]:
    return [f"{flag}={','.join(rules)}"] if rules else []


def _is_partial(tool: str) -> bool:
    """Whether it names less than a whole tool of the CLI's own, or than a whole MCP server."""
    return "(" in tool or (tool.startswith("mcp__") and "__" in tool.removeprefix("mcp__"))


def _given(options: CliOptions) -> list[str]:
    # `max_budget_usd` is the gateway's: it counts over all lives of a session, and what is added to it holds at once.
    # `=` throughout: a value that begins with a dash stays a value.
    flags = {
        "--model": options.model,
        "--fallback-model": options.fallback_model,
        "--effort": options.effort,
        "--max-turns": options.max_turns,
    }
    return [f"{flag}={value}" for flag, value in flags.items() if value is not None]


def environ(extra: Mapping[str, str], *, credential: str, network: Network) -> list[str]:
    """NAME=VALUE words without any secret. `credential` is the variable the CLI would have it in: its ways differ by that."""
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
    own |= {
        "ANTHROPIC_BASE_URL": "http://localhost",
        "ANTHROPIC_UNIX_SOCKET": f"{_NET}/model.sock",
        credential: _PLACEHOLDER,
        **(_proxied() if network != "none" else {}),
    }
    return [f"{name}={value}" for name, value in (caches.ENVIRON | dict(extra) | own).items()]


def _proxied() -> dict[str, str]:
    """What has npm, pip, git, curl, Go, Cargo, Node's own fetch and Maven use the proxy without configuration."""
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    proxies = {name: PROXY for each in names for name in (each, each.lower())}
    java = "-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=3128 -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=3128"
    return proxies | {
        "NO_PROXY": _LOCAL,
        "no_proxy": _LOCAL,
        "NODE_USE_ENV_PROXY": "1",
        "MAVEN_OPTS": java,
        "GRADLE_OPTS": java,
    }


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


def user_message(text: str, message_id: str, attached: str = "", pictures: Sequence[tuple[str, str]] = ()) -> str:
    """The inbox line of one user message. `uuid` lets the supervisor and the CLI leave out a repeated one.

    A text that begins with `/` would be taken for a command of the CLI and never reach the model; a space before it
    keeps it a text. `attached` tells of the files that go with it, also when its words are edited; `pictures` are those of them
    that are shown as images, by path below the attachments' directory and media type: see `vps.container.attached`.
    """
    literal = f" {text}" if text.startswith("/") else text
    message = {
        "type": "user",
        "uuid": message_id,
        "session_id": "",
        "parent_tool_use_id": None,
        "message": {"role": "user", "content": literal},
    }
    files = {"attached": attached, "pictures": [list(each) for each in pictures]} if attached else {}
    return json.dumps({**message, **files}, ensure_ascii=False) + "\n"
