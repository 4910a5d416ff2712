"""What a spawn takes besides its task, and a channel may have settings for."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, cast

from pydantic import Field, field_validator

from agents.tools import environment
from agents.tools.core import Input
from agents.tools.parameters import DiskBytes, MemoryBytes, TimeoutMs
from agents.tools.rules import rules
from vps.container.toolbox import SERVER
from vps.models import Network, PermissionMode


class SpawnOptions(Input):
    """All of them optional; unset ones are as built in."""

    workspace_path: Annotated[
        str | None, Field(default=None, max_length=4096, description="directory on the host to work in")
    ]
    timeout: TimeoutMs = 600_000
    model: Annotated[str | None, Field(default=None, min_length=1, max_length=200, description="model of the agent")]
    fallback_model: Annotated[
        str | None, Field(default=None, min_length=1, max_length=200, description="when it is overloaded")
    ]
    effort: Annotated[
        Literal["low", "medium", "high", "xhigh", "max"] | None, Field(default=None, description="how hard it thinks")
    ]
    permission_mode: Annotated[PermissionMode, Field(default="bypassPermissions", description="what it may do unasked")]
    max_turns: Annotated[int | None, Field(default=None, gt=0, le=10_000, description="most API calls of a turn")]
    max_budget_usd: Annotated[
        float | None, Field(default=None, gt=0, le=100_000, description="most it may cost, in USD")
    ]
    allowed_tools: Annotated[
        str | None, Field(default=None, max_length=2000, description="the only tools it may use, by comma")
    ]
    disallowed_tools: Annotated[
        str | None, Field(default=None, max_length=2000, description="tools it may not use, by comma")
    ]
    system_prompt: Annotated[
        str | None, Field(default=None, max_length=50_000, description="replaces the system prompt")
    ]
    append_system_prompt: Annotated[
        str | None, Field(default=None, max_length=50_000, description="added to the system prompt")
    ]
    mcp_config: Annotated[str | None, Field(default=None, max_length=50_000, description="MCP servers, as JSON")]
    env: Annotated[
        str | None, Field(default=None, max_length=20_000, description="KEY=VALUE lines for its environment")
    ]
    profile: Annotated[Literal["base"], Field(default="base", description="image profile")]
    memory: Annotated[MemoryBytes | None, Field(default=None, description="memory limit, such as 4g")]
    cpus: Annotated[float | None, Field(default=None, gt=0, allow_inf_nan=False, description="CPU limit, such as 1.5")]
    disk: Annotated[DiskBytes | None, Field(default=None, description="most it may add to the disk, such as 20g")]
    network: Annotated[
        Network, Field(default="restricted", description="what it may reach besides the model: restricted is a list")
    ]

    @field_validator("workspace_path", "model", "fallback_model", "system_prompt", "append_system_prompt")
    @classmethod
    def _is_a_word(cls, value: str | None) -> str | None:
        if value is not None and "\0" in value:
            raise ValueError("holds a NUL character")
        return value

    @field_validator("mcp_config")
    @classmethod
    def _is_json(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                parsed = json.loads(value)
            except ValueError as error:
                raise ValueError(f"is no JSON ({error})") from error
            if not isinstance(parsed, dict):
                raise ValueError("is no JSON object")
            _check_servers(cast("dict[str, Any]", parsed))
        return value

    @field_validator("allowed_tools", "disallowed_tools")
    @classmethod
    def _are_tools(cls, value: str | None) -> str | None:
        rules(value or "")
        return value

    @field_validator("env")
    @classmethod
    def _is_harmless(cls, value: str | None) -> str | None:
        environment.lines(value)
        return value


def _check_servers(config: dict[str, Any]) -> None:
    """What the CLI would end at, or ignore without a word, is refused here."""
    servers = config.get("mcpServers")
    if not isinstance(servers, dict) or config.keys() != {"mcpServers"}:
        raise ValueError('is not of the form {"mcpServers": {"NAME": {…}}}')
    for name, server in cast("dict[str, Any]", servers).items():
        if name == SERVER:
            raise ValueError(f"may not name a server {SERVER}: that one is there already")
        _check_server(name[:60], cast("dict[str, Any]", server) if isinstance(server, dict) else {})


def _check_server(name: str, given: dict[str, Any]) -> None:
    if isinstance(given.get("command"), str):
        return
    if not isinstance(given.get("url"), str):
        raise ValueError(f"the server {name!r} has neither `command` nor `url`")  # noqa: TRY004  pydantic wants this one
    if given.get("type") not in ("http", "sse"):
        raise ValueError(f'the server {name!r} has a `url`, so its `type` is "http" or "sse"')
